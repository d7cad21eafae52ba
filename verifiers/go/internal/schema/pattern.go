package schema

import "regexp"

// pattern is a regular expression. Those of the form ^parts$, where each part is a class of ASCII characters with a
// width and at most one width varies, are matched without the general machine: nearly all of the format's are.
type pattern struct {
	general *regexp.Regexp // nil: parts decide
	parts   []part
	fixed   int // sum of the least widths
}

type part struct {
	set      *[256]bool
	min, max int // max -1: any number
}

func compilePattern(source string) *pattern {
	reader := patternReader{rest: source}
	parts, ok := reader.all()
	p := &pattern{parts: parts}
	variable := 0
	for _, one := range parts {
		p.fixed += one.min
		if one.min != one.max {
			variable++
		}
	}
	if !ok || variable > 1 {
		return &pattern{general: regexp.MustCompile(source)}
	}
	return p
}

// patternReader reads the simple kind of pattern.
type patternReader struct{ rest string }

func (r *patternReader) take(prefix string) bool {
	if len(r.rest) < len(prefix) || r.rest[:len(prefix)] != prefix {
		return false
	}
	r.rest = r.rest[len(prefix):]
	return true
}

func (r *patternReader) next() byte {
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *patternReader) all() ([]part, bool) {
	if !r.take("^") {
		return nil, false
	}
	var parts []part
	for r.rest != "" {
		if r.take("$") {
			return parts, r.rest == ""
		}
		set, ok := r.class()
		if !ok {
			return nil, false
		}
		one := part{set, 1, 1}
		if !r.width(&one) {
			return nil, false
		}
		parts = append(parts, one)
	}
	return nil, false
}

// class reads one character, escaped character or bracket expression.
func (r *patternReader) class() (*[256]bool, bool) {
	set := new([256]bool)
	switch c := r.next(); {
	case c == '[':
		return set, r.bracket(set)
	case c == '\\':
		if r.rest == "" || isWord(r.rest[0]) {
			return nil, false
		}
		set[r.next()] = true
	case c == '(' || c == ')' || c == '|' || c == '.' || c == '{' || c == '*' || c == '+' || c == '?' || c == '^' || c >= 0x80:
		return nil, false
	default:
		set[c] = true
	}
	return set, true
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= 0x80
}

func (r *patternReader) bracket(set *[256]bool) bool {
	if r.rest == "" || r.rest[0] == '^' || r.rest[0] == ']' {
		return false
	}
	for r.rest != "" {
		low := r.next()
		switch {
		case low == ']':
			return true
		case low == '\\' || low == '[' || low >= 0x80:
			return false
		}
		high := low
		if len(r.rest) >= 2 && r.rest[0] == '-' && r.rest[1] != ']' {
			r.next()
			high = r.next()
			if high < low || high >= 0x80 || high == '\\' {
				return false
			}
		}
		for c := int(low); c <= int(high); c++ {
			set[c] = true
		}
	}
	return false
}

// width reads what may stand behind a class: nothing, *, +, ?, {n}, {n,} or {n,m}.
func (r *patternReader) width(one *part) bool {
	switch {
	case r.take("*"):
		one.min, one.max = 0, -1
	case r.take("+"):
		one.min, one.max = 1, -1
	case r.take("?"):
		one.min, one.max = 0, 1
	case r.take("{"):
		return r.bounds(one)
	}
	return true
}

func (r *patternReader) bounds(one *part) bool {
	low, ok := r.number()
	if !ok {
		return false
	}
	one.min, one.max = low, low
	if r.take(",") {
		if one.max, ok = r.number(); !ok {
			one.max = -1
		}
	}
	return r.take("}")
}

func (r *patternReader) number() (int, bool) {
	number, found := 0, false
	for r.rest != "" && r.rest[0] >= '0' && r.rest[0] <= '9' && number < 1<<20 {
		number = number*10 + int(r.next()-'0')
		found = true
	}
	return number, found
}

func (p *pattern) matches(text []byte) bool {
	if p.general != nil {
		return p.general.Match(text)
	}
	spare := len(text) - p.fixed
	if spare < 0 {
		return false
	}
	at := 0
	for i := range p.parts {
		one := &p.parts[i]
		width := one.min
		if one.min != one.max {
			if one.max >= 0 && spare > one.max-one.min {
				return false
			}
			width += spare
		}
		if at+width > len(text) {
			return false
		}
		for _, c := range text[at : at+width] {
			if !one.set[c] {
				return false
			}
		}
		at += width
	}
	return at == len(text)
}
