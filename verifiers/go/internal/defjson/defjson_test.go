package defjson

import (
	"strings"
	"testing"
)

var lines = []struct{ text, code string }{
	{`{}`, ""}, {`[]`, ""}, {`""`, ""}, {`0`, ""}, {`-1`, ""}, {`9007199254740991`, ""}, {`null`, ""}, {`{"a":1,"b":[true]}`, ""},
	{`"\"\\\b\f\n\r\t\u0000\u001f"`, ""}, {"\"\u00e9\u2028\U0001f600\x7f\"", ""},
	{``, "E_CANON"}, {` 1`, "E_CANON"}, {`{"b":1,"a":2}`, "E_CANON"}, {`"\u0041"`, "E_CANON"}, {`"\/"`, "E_CANON"},
	{`"\u000a"`, "E_CANON"}, {`"\u001F"`, "E_CANON"}, {`01`, "E_CANON"}, {`NaN`, "E_CANON"}, {`[1,]`, "E_CANON"}, {`tru`, "E_CANON"},
	{"\ufeff1", "E_CANON"}, {"\"\x01\"", "E_CANON"}, {`"`, "E_CANON"}, {`{"a"}`, "E_CANON"}, {`{"a":}`, "E_CANON"}, {`1 2`, "E_CANON"},
	{`-0`, "E_NUM"}, {`1.0`, "E_NUM"}, {`1e3`, "E_NUM"}, {`9007199254740992`, "E_NUM"}, {`-9007199254740992`, "E_NUM"}, {`[1.5,x`, "E_NUM"},
	{`{"a":1,"a":2}`, "E_DUP_KEY"}, {`{"a":1,"\u0061":2}`, "E_DUP_KEY"}, {`{"A":1}`, "E_KEYNAME"}, {`{"":1}`, "E_KEYNAME"},
	{`{"A":{"a":1,"a":1}}`, "E_DUP_KEY"}, {`{"` + strings.Repeat("a", 65) + `":1}`, "E_KEYNAME"}, {`{"\ud800":1}`, "E_KEYNAME"},
	{`"\ud800"`, "E_UTF8"}, {"\"\xff\"", "E_UTF8"}, {"\"\xed\xa0\x80\"", "E_UTF8"}, {`"\ud83d\ude00"`, "E_CANON"},
	{strings.Repeat("[", 16) + strings.Repeat("]", 16), ""}, {strings.Repeat("[", 17) + strings.Repeat("]", 17), "E_DEPTH"},
	{strings.Repeat("[", 17), "E_DEPTH"}, {`"` + strings.Repeat("[", 17) + `"`, ""},
	{`"` + strings.Repeat("x", MaxBytes-2) + `"`, ""}, {`"` + strings.Repeat("x", MaxBytes-1) + `"`, "E_SIZE"},
}

func TestEveryRule(t *testing.T) {
	var doc Doc
	for _, line := range lines {
		if got := Diagnose([]byte(line.text), MaxBytes); got != line.code {
			t.Errorf("%.60q: %q, not %q", line.text, got, line.code)
		}
		if accepted := doc.Parse([]byte(line.text), MaxBytes); accepted != (line.code == "") {
			t.Errorf("%.60q: the quick reader says %v", line.text, accepted)
		}
	}
}

// The quick reader looks at eight bytes at once, so every place in a word matters.
func TestEveryByteAtEveryPlace(t *testing.T) {
	var doc Doc
	for at := range 20 {
		for c := range 256 {
			content := []byte(strings.Repeat("x", 20))
			content[at] = byte(c)
			wanted := c >= 0x20 && c < 0x80 && c != '"' && c != '\\'
			if got := doc.Parse([]byte(`"`+string(content)+`"`), MaxBytes); got != wanted {
				t.Fatalf("byte %#x at %d: %v", c, at, got)
			}
		}
	}
}

func TestValues(t *testing.T) {
	var doc Doc
	const text = `{"a":[1,-2,"x\n\u0001é"],"b":{"c":true,"d":null},"e":false}`
	if !doc.Parse([]byte(text), MaxBytes) {
		t.Fatal("refused")
	}
	root := doc.Root()
	list := root.Get("a").Items()
	if len(list) != 3 || list[1].Int() != -2 || list[2].Text() != "x\n\x01é" || list[2].Runes() != 4 {
		t.Errorf("wrong values: %v", list)
	}
	if !root.Get("b").Get("c").Bool() || root.Get("b").Get("d").Kind() != Null || root.Get("e").Kind() != False {
		t.Error("wrong words")
	}
	missing := root.Get("b").Get("x").Get("y")
	if missing.Exists() || missing.Text() != "" || missing.Int() != 0 || missing.Len() != 0 || missing.Is("") {
		t.Error("what is not there has a value")
	}
	if got := string(root.Raw()); got != text {
		t.Errorf("written again: %s", got)
	}
}

func TestSortedTextsHaveFreeKeys(t *testing.T) {
	var doc Doc
	for text, wanted := range map[string]bool{
		`{"B":1,"a":2}`: true, `{"a":2,"B":1}`: false, `{"":1}`: true, `{"é":1}`: true, `{"\n":1,"a":2}`: true,
		`{"a":1,"a":2}`: false, `{"a":1.0}`: false, "{\"é\":1,\"\U0001f600\":2}": true, "{\"\U0001f600\":1,\"\uffff\":2}": false,
		`{"\\":1,"]":2}`: true, `{"\"":1,"#":2}`: true, `{"!":1,"\"":2}`: true, `{"a":1,"\\":2}`: false,
	} {
		if got := doc.ParseSorted([]byte(text)); got != wanted {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestWriting(t *testing.T) {
	value := Map{"b": List{1, int64(-2), true, "\"\\\b\f\n\r\t\x00\x1f\x7fé"}, "a": Map{}}
	const wanted = `{"a":{},"b":[1,-2,true,"\"\\\b\f\n\r\t\u0000\u001f` + "\x7fé" + `"]}`
	if got := string(Encode(value)); got != wanted {
		t.Errorf("%s", got)
	}
}

func FuzzReadersAgree(f *testing.F) {
	for _, line := range lines {
		f.Add([]byte(line.text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var doc Doc
		code := Diagnose(raw, MaxBytes)
		if doc.Parse(raw, MaxBytes) != (code == "") {
			t.Fatalf("%q: %q", raw, code)
		}
		if code == "" && string(doc.Root().Raw()) != string(raw) {
			t.Fatalf("%q is not written as it was read", raw)
		}
	})
}
