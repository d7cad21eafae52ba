// Package schema decides whether a DEF-JSON value satisfies a JSON Schema (draft 2020-12), for the keywords that the
// format's schemas use. A schema is compiled once; a keyword that is not known here is refused then, never ignored.
package schema

import (
	"encoding/json"
	"fmt"
	"sort"

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

// MustCompile compiles a schema of this program; one that it cannot interpret is a mistake in the program.
func MustCompile(source string) *Schema {
	var document map[string]any
	if err := json.Unmarshal([]byte(source), &document); err != nil {
		panic(fmt.Sprintf("schema: %v", err))
	}
	return compile(document)
}

func compile(document map[string]any) *Schema {
	s := &Schema{maxLength: -1, maxItems: -1}
	for keyword, value := range document {
		s.keyword(keyword, value)
	}
	s.objectPart(document)
	return s
}

func (s *Schema) keyword(keyword string, value any) {
	switch keyword {
	case "$schema", "title", "properties", "required":
	case "type":
		s.kinds = kindsOf(value.(string))
	case "additionalProperties":
		if allowed, ok := value.(bool); ok {
			s.closed = !allowed
		} else {
			s.extra = compile(value.(map[string]any))
		}
	case "const":
		s.allowed = []literal{literalOf(value)}
	case "enum":
		for _, one := range value.([]any) {
			s.allowed = append(s.allowed, literalOf(one))
		}
	case "pattern":
		s.text = compilePattern(value.(string))
	case "minLength":
		s.minLength = int(value.(float64))
	case "maxLength":
		s.maxLength = int(value.(float64))
	case "minimum":
		s.minimum = number(value)
	case "maximum":
		s.maximum = number(value)
	case "items":
		s.items = compile(value.(map[string]any))
	case "minItems":
		s.minItems = int(value.(float64))
	case "maxItems":
		s.maxItems = int(value.(float64))
	case "allOf":
		s.allOf = compileAll(value)
	case "anyOf":
		s.anyOf = compileAll(value)
	case "if":
		s.when = compile(value.(map[string]any))
	case "then":
		s.then = compile(value.(map[string]any))
	case "else":
		s.other = compile(value.(map[string]any))
	default:
		panic("schema: unknown keyword " + keyword)
	}
}

// objectPart joins properties and required into one ascending list.
func (s *Schema) objectPart(document map[string]any) {
	names := map[string]*Schema{}
	if properties, ok := document["properties"].(map[string]any); ok {
		for name, value := range properties {
			names[name] = compile(value.(map[string]any))
		}
	}
	required := map[string]bool{}
	if listed, ok := document["required"].([]any); ok {
		for _, name := range listed {
			required[name.(string)] = true
			if _, known := names[name.(string)]; !known {
				if s.closed {
					panic("schema: a required property is not allowed")
				}
				names[name.(string)] = s.extra
			}
		}
	}
	for name, own := range names {
		s.properties = append(s.properties, property{name, own})
	}
	sort.Slice(s.properties, func(i, j int) bool { return s.properties[i].name < s.properties[j].name })
	if len(s.properties) > 64 {
		panic("schema: more properties than bits")
	}
	for i, one := range s.properties {
		if required[one.name] {
			s.required |= 1 << i
		}
	}
}

func compileAll(value any) []*Schema {
	var all []*Schema
	for _, one := range value.([]any) {
		all = append(all, compile(one.(map[string]any)))
	}
	return all
}

func number(value any) *int64 {
	found := int64(value.(float64))
	return &found
}

func kindsOf(name string) uint16 {
	switch name {
	case "object":
		return 1 << defjson.Object
	case "array":
		return 1 << defjson.Array
	case "string":
		return 1 << defjson.String
	case "integer":
		return 1 << defjson.Integer
	case "boolean":
		return 1<<defjson.True | 1<<defjson.False
	case "null":
		return 1 << defjson.Null
	}
	panic("schema: unknown type " + name)
}

func literalOf(value any) literal {
	switch v := value.(type) {
	case string:
		return literal{kind: defjson.String, text: v}
	case bool:
		if v {
			return literal{kind: defjson.True}
		}
		return literal{kind: defjson.False}
	case float64:
		return literal{kind: defjson.Integer, number: int64(v)}
	}
	panic("schema: a constant is a string, a number or a truth value")
}
