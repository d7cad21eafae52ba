package defjson

import "unicode/utf8"

// Kind is what a value is.
type Kind uint8

// The kinds of values. Missing is the kind of a value that is not there.
const (
	Missing Kind = iota
	Null
	False
	True
	Integer
	String
	Array
	Object
)

// A Value points into a Doc. The zero Value is Missing, and so is whatever is asked of a value of another kind.
type Value struct {
	doc   *Doc
	index int32
}

func (v Value) node() *node { return &v.doc.nodes[v.index] }

// Kind of the value.
func (v Value) Kind() Kind {
	if v.doc == nil {
		return Missing
	}
	return v.node().kind
}

// Exists says whether the value is there at all.
func (v Value) Exists() bool { return v.doc != nil }

// Len is the number of members of an object or elements of an array.
func (v Value) Len() int {
	if v.doc == nil {
		return 0
	}
	return int(v.node().count)
}

// Get is the member of an object with this key.
func (v Value) Get(key string) Value {
	if v.Kind() != Object {
		return Value{}
	}
	end := v.node().next
	for child := v.index + 1; child < end; child = v.doc.nodes[child].next {
		n := &v.doc.nodes[child]
		if n.keyEscaped {
			if string(unescape(v.doc.raw[n.keyFrom:n.keyTo])) == key {
				return Value{v.doc, child}
			}
		} else if string(v.doc.raw[n.keyFrom:n.keyTo]) == key {
			return Value{v.doc, child}
		}
	}
	return Value{}
}

// First is the first member or element, Next the one after v, which must come from the same parent.
func (v Value) First() Value {
	if v.doc == nil || v.node().count == 0 {
		return Value{}
	}
	return Value{v.doc, v.index + 1}
}

// Next is the sibling after v inside parent.
func (v Value) Next(parent Value) Value {
	next := v.node().next
	if next >= parent.node().next {
		return Value{}
	}
	return Value{v.doc, next}
}

// Items are the elements of an array or the members of an object.
func (v Value) Items() []Value {
	items := make([]Value, 0, v.Len())
	for item := v.First(); item.Exists(); item = item.Next(v) {
		items = append(items, item)
	}
	return items
}

// Key is the key under which v stands in its object; valid until the document is used again.
func (v Value) Key() []byte {
	n := v.node()
	if n.keyEscaped {
		return unescape(v.doc.raw[n.keyFrom:n.keyTo])
	}
	return v.doc.raw[n.keyFrom:n.keyTo]
}

// Bytes is the content of a string (nil for anything else); valid until the document is used again.
func (v Value) Bytes() []byte {
	if v.Kind() != String {
		return nil
	}
	n := v.node()
	if n.escaped {
		return unescape(v.doc.raw[n.from:n.to])
	}
	return v.doc.raw[n.from:n.to:n.to]
}

// Text is a copy of the content of a string.
func (v Value) Text() string { return string(v.Bytes()) }

// Is says whether v is the string text.
func (v Value) Is(text string) bool { return v.Kind() == String && string(v.Bytes()) == text }

// Int is the number, 0 for anything else.
func (v Value) Int() int64 {
	if v.Kind() != Integer {
		return 0
	}
	return v.node().number
}

// Bool says whether v is true.
func (v Value) Bool() bool { return v.Kind() == True }

// Runes is the number of code points of a string.
func (v Value) Runes() int {
	n := v.node()
	if n.escaped {
		return utf8.RuneCount(v.Bytes())
	}
	if !v.doc.odd {
		return int(n.to - n.from)
	}
	return utf8.RuneCount(v.doc.raw[n.from:n.to])
}

// Raw is the exact text of the value. Only objects and arrays of a canonical document have the same bytes again.
func (v Value) Raw() []byte { return AppendValue(nil, v) }

// AppendValue writes v canonically.
func AppendValue(out []byte, v Value) []byte {
	switch v.Kind() {
	case Null:
		return append(out, "null"...)
	case True:
		return append(out, "true"...)
	case False:
		return append(out, "false"...)
	case Integer:
		return appendInt(out, v.Int())
	case String:
		n := v.node()
		out = append(out, '"')
		out = append(out, v.doc.raw[n.from:n.to]...)
		return append(out, '"')
	case Array:
		out = append(out, '[')
		for item := v.First(); item.Exists(); item = item.Next(v) {
			if item.index != v.index+1 {
				out = append(out, ',')
			}
			out = AppendValue(out, item)
		}
		return append(out, ']')
	case Object:
		out = append(out, '{')
		for item := v.First(); item.Exists(); item = item.Next(v) {
			if item.index != v.index+1 {
				out = append(out, ',')
			}
			n := item.node()
			out = append(out, '"')
			out = append(out, v.doc.raw[n.keyFrom:n.keyTo]...)
			out = append(out, '"', ':')
			out = AppendValue(out, item)
		}
		return append(out, '}')
	}
	return out
}
