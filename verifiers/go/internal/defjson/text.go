package defjson

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

func (d *Doc) text(index int) bool {
	from, to, escaped, ok := d.quoted()
	n := &d.nodes[index]
	n.kind, n.escaped, n.from, n.to = String, escaped, from, to
	return ok
}

// quoted reads a string from its opening quote on and returns where its content lies.
func (d *Doc) quoted() (from, to int32, escaped, ok bool) {
	raw, at := d.raw, d.at+1
	start := at
	for at < len(raw) {
		if at+8 <= len(raw) {
			found := special(binary.LittleEndian.Uint64(raw[at:]))
			if found == 0 {
				at += 8
				continue
			}
			at += bits.TrailingZeros64(found) >> 3
		}
		c := raw[at]
		if plain[c] {
			at++
			continue
		}
		switch {
		case c == '"':
			d.at = at + 1
			return int32(start), int32(at), escaped, true
		case c == '\\':
			width := escapeWidth(raw[at:])
			if width == 0 {
				return 0, 0, false, false
			}
			escaped = true
			at += width
		case c >= 0x80:
			d.odd = true
			at++
		default:
			return 0, 0, false, false
		}
	}
	return 0, 0, false, false
}

// special marks, with the top bit of its byte, the first of eight bytes that does not stand for itself: a control
// character, a quote, a backslash or a byte outside of ASCII. Marks after the first one mean nothing.
func special(word uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quotes, slashes := word^(ones*'"'), word^(ones*'\\')
	return ((word - ones*0x20) | (quotes - ones) | (slashes - ones) | word) & tops
}

// escapeWidth is the length of the canonical escape that raw starts with, or 0.
func escapeWidth(raw []byte) int {
	if len(raw) < 2 {
		return 0
	}
	switch raw[1] {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(raw) < 6 || raw[2] != '0' || raw[3] != '0' || raw[4] != '0' && raw[4] != '1' {
			return 0
		}
		low := raw[5]
		switch {
		case low >= '0' && low <= '9', low >= 'a' && low <= 'f':
		default:
			return 0
		}
		if raw[4] == '0' && bytes.IndexByte([]byte("89acd"), low) >= 0 {
			return 0 // these have a short form
		}
		return 6
	}
	return 0
}

// unescape decodes the content of a canonical string.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for at := 0; at < len(raw); at++ {
		if raw[at] != '\\' {
			out = append(out, raw[at])
			continue
		}
		at++
		switch raw[at] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			out = append(out, (raw[at+3]-'0')<<4|hexDigit(raw[at+4]))
			at += 4
		default:
			out = append(out, raw[at])
		}
	}
	return out
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
