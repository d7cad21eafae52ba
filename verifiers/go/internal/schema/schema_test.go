package schema

import (
	"regexp"
	"strings"
	"testing"

	"clyra.dev/verify/internal/defjson"
)

func valid(t *testing.T, s *Schema, text string) bool {
	t.Helper()
	doc := new(defjson.Doc)
	if !doc.ParseSorted([]byte(text)) {
		t.Fatalf("not compact JSON: %s", text)
	}
	return s.Valid(doc.Root())
}

func TestKeywords(t *testing.T) {
	s := MustCompile(`{"type": "object", "additionalProperties": false, "required": ["a"],
	 "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 5}, "b": {"type": "string", "minLength": 2, "maxLength": 3},
	  "c": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"enum": ["x", 1, true]}}, "d": {"const": "q"},
	  "e": {"anyOf": [{"const": 1}, {"type": "string"}]}},
	 "allOf": [{"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}, "else": {"properties": {"d": {"const": "q"}}}}]}`)
	for text, wanted := range map[string]bool{
		`{"a":0}`: true, `{"a":6}`: false, `{"a":-1}`: false, `{"a":"0"}`: false, `{}`: false, `[]`: false, `{"a":2,"z":1}`: false,
		`{"a":1}`: false, `{"a":1,"b":"éé"}`: true, `{"a":1,"b":"é"}`: false, `{"a":2,"b":"😀😀😀"}`: true, `{"a":2,"b":"abcd"}`: false,
		`{"a":2,"c":[]}`: false, `{"a":2,"c":["x",1]}`: true, `{"a":2,"c":[true]}`: true, `{"a":2,"c":[false]}`: false,
		`{"a":2,"c":["x","x","x"]}`: false, `{"a":2,"d":"q"}`: true, `{"a":2,"d":"p"}`: false, `{"a":2,"e":1}`: true, `{"a":2,"e":2}`: false,
		`{"A":1,"a":2}`: false,
	} {
		if got := valid(t, s, text); got != wanted {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestWhatIsNotKnownIsRefused(t *testing.T) {
	for _, source := range []string{`{"format": "uri"}`, `{"type": "number"}`, `{"required": ["x"], "additionalProperties": false}`} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("compiled: %s", source)
				}
			}()
			MustCompile(source)
		}()
	}
}

// The quick matcher must mean what the regular expression means.
func TestPatterns(t *testing.T) {
	texts := []string{"", "a", "A", "ab", "a.b", "0", "12.5", "-", "a-b_c", "é", "2026-11-22T10:00:00.000000Z", "sha256:" + strings.Repeat("0", 64)}
	texts = append(texts, strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 65), "a\n", "\na", "x\x00")
	for _, source := range []string{
		`^[a-z]$`, `^[a-z]{2}$`, `^[a-z0-9][a-z0-9._-]{0,63}$`, `^[0-9a-f]{64}$`, `^sha256:[0-9a-f]{64}$`, `^[A-Za-z0-9_-]*$`,
		`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`, `^a?b$`, `^[0-9]{1,24}([.][0-9]{1,9})?$`, `^[.-]+$`,
		`^([0-9a-f]{2})+$`, `^[a-z]{63,}$`, `^$`,
	} {
		quick, slow := compilePattern(source), regexp.MustCompile(source)
		for _, text := range texts {
			if quick.matches([]byte(text)) != slow.MatchString(text) {
				t.Errorf("%s on %q", source, text)
			}
		}
	}
	if compilePattern(`^[a-z]{1,8192}$`).general != nil {
		t.Error("a count beyond what regexp takes needs the quick matcher")
	}
}

func TestEveryTypeHasASchema(t *testing.T) {
	if Envelope == nil || len(Records) < 25 {
		t.Fatalf("%d types", len(Records))
	}
}
