// Package schema decides whether a DEF-JSON value satisfies a JSON Schema (draft 2020-12), for the keywords that the
// format's schemas use. A schema is compiled once; a keyword that is not known here is refused then, never ignored.
package schema

import (
	"clyra.dev/verify/internal/defjson"
)

// A Schema is a compiled JSON Schema.
type Schema struct {
	kinds              uint16 // bit per defjson.Kind, 0: any
	properties         []property
	required           uint64 // bit per index in properties
	closed             bool
	extra              *Schema
	allowed            []literal
	text               *pattern
	minLength          int
	maxLength          int // -1: none, likewise below
	minimum, maximum   *int64
	items              *Schema
	minItems, maxItems int
	allOf, anyOf       []*Schema
	when, then, other  *Schema
}

type property struct {
	name   string
	schema *Schema // nil: any value
}

type literal struct {
	kind   defjson.Kind
	text   string
	number int64
}

// Valid says whether v satisfies the schema.
func (s *Schema) Valid(v defjson.Value) bool {
	kind := v.Kind()
	if s.kinds != 0 && s.kinds&(1<<kind) == 0 || s.allowed != nil && !s.among(v, kind) {
		return false
	}
	var ok bool
	switch kind {
	case defjson.Object:
		ok = s.object(v)
	case defjson.String:
		ok = s.string(v)
	case defjson.Integer:
		ok = (s.minimum == nil || v.Int() >= *s.minimum) && (s.maximum == nil || v.Int() <= *s.maximum)
	case defjson.Array:
		ok = s.array(v)
	default:
		ok = true
	}
	return ok && (s.allOf == nil && s.anyOf == nil && s.when == nil || s.combined(v))
}

func (s *Schema) among(v defjson.Value, kind defjson.Kind) bool {
	for i := range s.allowed {
		one := &s.allowed[i]
		if one.kind == kind && (kind != defjson.String || v.Is(one.text)) && (kind != defjson.Integer || v.Int() == one.number) {
			return true
		}
	}
	return false
}

// object walks members and properties side by side: both are in ascending order.
func (s *Schema) object(v defjson.Value) bool {
	if s.properties == nil && !s.closed && s.extra == nil {
		return true
	}
	var present uint64
	from := 0
	for member := v.First(); member.Exists(); member = member.Next(v) {
		at := s.find(member.Key(), from)
		if at < 0 {
			if s.closed || s.extra != nil && !s.extra.Valid(member) {
				return false
			}
			continue
		}
		if own := s.properties[at].schema; own != nil && !own.Valid(member) {
			return false
		}
		present |= 1 << at
		from = at + 1
	}
	return present&s.required == s.required
}

// find is the index of a property from some index on, -1 if it is not there.
func (s *Schema) find(key []byte, from int) int {
	for at := from; at < len(s.properties); at++ {
		name := s.properties[at].name
		if len(name) == len(key) && (len(key) == 0 || name[0] == key[0]) && name == string(key) {
			return at
		}
	}
	return -1
}

func (s *Schema) string(v defjson.Value) bool {
	if s.minLength > 0 || s.maxLength >= 0 {
		if length := v.Runes(); length < s.minLength || s.maxLength >= 0 && length > s.maxLength {
			return false
		}
	}
	return s.text == nil || s.text.matches(v.Bytes())
}

func (s *Schema) array(v defjson.Value) bool {
	if v.Len() < s.minItems || s.maxItems >= 0 && v.Len() > s.maxItems {
		return false
	}
	if s.items != nil {
		for item := v.First(); item.Exists(); item = item.Next(v) {
			if !s.items.Valid(item) {
				return false
			}
		}
	}
	return true
}

func (s *Schema) combined(v defjson.Value) bool {
	for _, one := range s.allOf {
		if !one.Valid(v) {
			return false
		}
	}
	if s.anyOf != nil && !anyValid(s.anyOf, v) {
		return false
	}
	if s.when == nil {
		return true
	}
	branch := s.other
	if s.when.Valid(v) {
		branch = s.then
	}
	return branch == nil || branch.Valid(v)
}

func anyValid(schemas []*Schema, v defjson.Value) bool {
	for _, one := range schemas {
		if one.Valid(v) {
			return true
		}
	}
	return false
}
