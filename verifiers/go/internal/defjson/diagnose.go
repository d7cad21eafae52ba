package defjson

import (
	"unicode/utf8"
)

// Diagnose names the first rule that raw breaks: size, encoding and depth of the whole text, then in reading order what
// is not JSON, a double key, a key name or a number, and last whatever is JSON but in another form. "" when it is
// canonical.
func Diagnose(raw []byte, limit int) string {
	switch {
	case len(raw) > limit:
		return "E_SIZE"
	case !utf8.Valid(raw):
		return "E_UTF8"
	case depth(raw) > MaxDepth:
		return "E_DEPTH"
	}
	reader := lenient{raw: raw}
	reader.space()
	reader.value()
	reader.space()
	if reader.code == "" && reader.at != len(raw) {
		reader.fail("E_CANON")
	}
	if reader.code != "" {
		return reader.code
	}
	if reader.loneSurrogate {
		return "E_UTF8"
	}
	var doc Doc
	if !doc.Parse(raw, limit) {
		return "E_CANON"
	}
	return ""
}

// depth is the deepest nesting, counted outside strings, whether or not the text is JSON.
func depth(raw []byte) int {
	level, deepest := 0, 0
	quoted, escaped := false, false
	for _, c := range raw {
		switch {
		case quoted && escaped:
			escaped = false
		case quoted:
			escaped = c == '\\'
			quoted = c != '"'
		case c == '"':
			quoted = true
		case c == '[' || c == '{':
			level++
			deepest = max(deepest, level)
		case c == ']' || c == '}':
			level--
		}
	}
	return deepest
}
