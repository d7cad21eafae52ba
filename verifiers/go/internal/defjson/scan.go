// Package defjson reads and writes DEF-JSON, the one byte form that a record, a report or a trust file may have.
//
// Parse makes a single pass that accepts exactly the canonical form. Only when it refuses does Diagnose read the bytes
// again, leniently, to name the first rule they break in the order the format prescribes. ParseSorted reads the
// related form of statements and envelopes: the same, but with any string as a key.
package defjson

import (
	"bytes"
	"unicode/utf8"
)

// Limits of the format.
const (
	MaxBytes   = 65535
	MaxDepth   = 16
	MaxInteger = 1<<53 - 1
	maxKey     = 64
)

// plain marks bytes that stand for themselves inside a string, keyByte those a key may have.
var plain, keyByte [256]bool

func init() {
	for c := 0x20; c < 0x80; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	for c := 0; c < 256; c++ {
		keyByte[c] = c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_'
	}
}

// A Doc holds one parsed text. It can be used again for the next one, which invalidates the values of the last.
type Doc struct {
	raw    []byte
	nodes  []node
	at     int
	odd    bool // a byte outside ASCII was seen: UTF-8 must be checked
	anyKey bool
}

// node is a value in preorder. Its children are the nodes from its own index+1 up to next.
type node struct {
	kind           Kind
	escaped        bool
	keyEscaped     bool
	next           int32
	keyFrom, keyTo int32
	from, to       int32 // string: content between the quotes
	number         int64
	count          int32 // of children
}

// Parse reads raw if it is canonical DEF-JSON of at most limit bytes. The document keeps raw.
func (d *Doc) Parse(raw []byte, limit int) bool {
	return len(raw) <= limit && d.parse(raw, false)
}

// ParseSorted reads compact JSON whose keys are sorted and unique but otherwise free.
func (d *Doc) ParseSorted(raw []byte) bool {
	return d.parse(raw, true)
}

func (d *Doc) parse(raw []byte, anyKey bool) bool {
	d.raw, d.nodes, d.at, d.odd, d.anyKey = raw, d.nodes[:0], 0, false, anyKey
	return len(raw) < 1<<31 && d.value(1) && d.at == len(raw) && (!d.odd || utf8.Valid(raw))
}

// Root is the outermost value of the last text that was accepted.
func (d *Doc) Root() Value { return Value{d, 0} }

func (d *Doc) value(depth int) bool {
	if d.at >= len(d.raw) {
		return false
	}
	index := len(d.nodes)
	d.nodes = append(d.nodes, node{})
	var ok bool
	switch c := d.raw[d.at]; c {
	case '"':
		ok = d.text(index)
	case '{':
		ok = depth <= MaxDepth && d.object(index, depth)
	case '[':
		ok = depth <= MaxDepth && d.array(index, depth)
	case 't':
		ok = d.word(index, "true", True)
	case 'f':
		ok = d.word(index, "false", False)
	case 'n':
		ok = d.word(index, "null", Null)
	default:
		ok = d.integer(index)
	}
	d.nodes[index].next = int32(len(d.nodes))
	return ok
}

func (d *Doc) word(index int, word string, kind Kind) bool {
	if len(d.raw)-d.at < len(word) || string(d.raw[d.at:d.at+len(word)]) != word {
		return false
	}
	d.nodes[index].kind = kind
	d.at += len(word)
	return true
}

func (d *Doc) integer(index int) bool {
	at, raw := d.at, d.raw
	negative := raw[at] == '-'
	if negative {
		at++
	}
	from := at
	var number int64
	for at < len(raw) && raw[at] >= '0' && raw[at] <= '9' && at-from < 17 {
		number = number*10 + int64(raw[at]-'0')
		at++
	}
	if at == from || raw[from] == '0' && (at-from > 1 || negative) || number > MaxInteger {
		return false
	}
	if negative {
		number = -number
	}
	d.nodes[index].kind, d.nodes[index].number = Integer, number
	d.at = at
	return true
}

func (d *Doc) array(index, depth int) bool {
	d.at++
	n := &d.nodes[index]
	n.kind = Array
	if d.at < len(d.raw) && d.raw[d.at] == ']' {
		d.at++
		return true
	}
	for {
		if !d.value(depth + 1) {
			return false
		}
		d.nodes[index].count++
		if d.at >= len(d.raw) {
			return false
		}
		c := d.raw[d.at]
		d.at++
		if c == ']' {
			return true
		}
		if c != ',' {
			return false
		}
	}
}

func (d *Doc) object(index, depth int) bool {
	d.at++
	d.nodes[index].kind = Object
	if d.at < len(d.raw) && d.raw[d.at] == '}' {
		d.at++
		return true
	}
	last := -1
	for {
		from, to, escaped, ok := d.key()
		if !ok || last >= 0 && !d.before(last, from, to, escaped) {
			return false
		}
		child := len(d.nodes)
		if !d.value(depth + 1) {
			return false
		}
		n := &d.nodes[child]
		n.keyFrom, n.keyTo, n.keyEscaped = from, to, escaped
		last = child
		d.nodes[index].count++
		if d.at >= len(d.raw) {
			return false
		}
		c := d.raw[d.at]
		d.at++
		if c == '}' {
			return true
		}
		if c != ',' {
			return false
		}
	}
}

// key reads a key and the colon after it.
func (d *Doc) key() (from, to int32, escaped, ok bool) {
	raw, at := d.raw, d.at
	if at >= len(raw) || raw[at] != '"' {
		return 0, 0, false, false
	}
	if d.anyKey {
		from, to, escaped, ok = d.quoted()
	} else {
		at++
		start := at
		for at < len(raw) && keyByte[raw[at]] {
			at++
		}
		if at == start || at-start > maxKey || at >= len(raw) || raw[at] != '"' {
			return 0, 0, false, false
		}
		from, to, ok = int32(start), int32(at), true
		d.at = at + 1
	}
	if !ok || d.at >= len(raw) || raw[d.at] != ':' {
		return 0, 0, false, false
	}
	d.at++
	return from, to, escaped, true
}

// before says whether the key of node last sorts before the new key.
func (d *Doc) before(last int, from, to int32, escaped bool) bool {
	n := &d.nodes[last]
	older, newer := d.raw[n.keyFrom:n.keyTo], d.raw[from:to]
	if len(older) > 0 && len(newer) > 0 && older[0] != newer[0] && older[0] != '\\' && newer[0] != '\\' {
		return older[0] < newer[0]
	}
	if n.keyEscaped || escaped {
		return string(unescape(older)) < string(unescape(newer))
	}
	return bytes.Compare(older, newer) < 0
}
