package schema

import (
	"encoding/json"
	"fmt"
	"sort"

	"clyra.dev/verify/internal/defjson"
)

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
