package defjson

import (
	"sort"
	"strconv"
)

// A Map is an object to be written: its keys are sorted on writing. Values are string, int, int64, bool, Map, List.
type Map map[string]any

// A List is an array to be written.
type List []any

// Encode writes a value canonically. Keys must be of the key alphabet, which the caller knows.
func Encode(value any) []byte { return appendAny(nil, value) }

func appendAny(out []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendString(out, v)
	case int:
		return appendInt(out, int64(v))
	case int64:
		return appendInt(out, v)
	case bool:
		return strconv.AppendBool(out, v)
	case Map:
		return appendMap(out, v)
	case List:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendAny(out, item)
		}
		return append(out, ']')
	}
	panic("defjson: a value of this Go type has no form")
}

func appendMap(out []byte, value Map) []byte {
	keys := make([]string, 0, len(value))
	for key := range value {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	out = append(out, '{')
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, key), ':')
		out = appendAny(out, value[key])
	}
	return append(out, '}')
}

func appendInt(out []byte, number int64) []byte { return strconv.AppendInt(out, number, 10) }

func appendString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c >= 0x20:
			out = append(out, c)
		case c == '\b':
			out = append(out, '\\', 'b')
		case c == '\f':
			out = append(out, '\\', 'f')
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(out, '"')
}
