package approval

import (
	"bytes"
	"encoding/json/jsontext"
	"errors"
	"io"
	"math"
	"strconv"
)

const maxLevels = 16

// readObject reads a JSON object as browsers and identity providers send it (RFC 8259): unique keys, valid UTF-8 without
// lone surrogates, at most 16 levels; nil for anything else. Integers within 2^53-1 are int64, other numbers float64.
func readObject(raw []byte) map[string]any {
	decoder := jsontext.NewDecoder(bytes.NewReader(raw))
	value, err := readValue(decoder, 1)
	if err != nil {
		return nil
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil
	}
	object, _ := value.(map[string]any)
	return object
}

var errDeep = errors.New("too many levels")

func readValue(decoder *jsontext.Decoder, level int) (any, error) {
	token, err := decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case '{':
		return readMembers(decoder, level)
	case '[':
		return readItems(decoder, level)
	case '"':
		return token.String(), nil
	case '0':
		return number(token.String()), nil
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

func readMembers(decoder *jsontext.Decoder, level int) (any, error) {
	if level > maxLevels {
		return nil, errDeep
	}
	object := map[string]any{}
	for decoder.PeekKind() != '}' {
		key, err := decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		name := key.String()
		value, err := readValue(decoder, level+1)
		if err != nil {
			return nil, err
		}
		object[name] = value
	}
	_, err := decoder.ReadToken()
	return object, err
}

func readItems(decoder *jsontext.Decoder, level int) (any, error) {
	if level > maxLevels {
		return nil, errDeep
	}
	items := []any{}
	for decoder.PeekKind() != ']' {
		value, err := readValue(decoder, level+1)
		if err != nil {
			return nil, err
		}
		items = append(items, value)
	}
	_, err := decoder.ReadToken()
	return items, err
}

func number(text string) any {
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil && whole >= -(1<<53-1) && whole <= 1<<53-1 {
		return whole
	}
	return math.NaN() // some number that is no integer: nothing here asks which
}
