package defjson

import (
	"strconv"
	"unicode/utf8"
)

// lenient reads any JSON. After the first failure code is set, and every method returns at once.
type lenient struct {
	raw           []byte
	at            int
	code          string
	loneSurrogate bool
}

func (l *lenient) fail(code string) {
	if l.code == "" {
		l.code = code
	}
}

func (l *lenient) peek() byte {
	if l.at < len(l.raw) {
		return l.raw[l.at]
	}
	return 0
}

func (l *lenient) space() {
	for l.at < len(l.raw) {
		switch l.raw[l.at] {
		case ' ', '\t', '\n', '\r':
			l.at++
		default:
			return
		}
	}
}

func (l *lenient) take(word string) bool {
	if len(l.raw)-l.at >= len(word) && string(l.raw[l.at:l.at+len(word)]) == word {
		l.at += len(word)
		return true
	}
	return false
}

func (l *lenient) value() {
	switch {
	case l.code != "":
	case l.peek() == '"':
		_, lone := l.text()
		l.loneSurrogate = l.loneSurrogate || lone
	case l.peek() == '{':
		l.object()
	case l.peek() == '[':
		l.array()
	case l.take("true"), l.take("false"), l.take("null"):
	default:
		l.number()
	}
}

func (l *lenient) digits() bool {
	from := l.at
	for l.peek() >= '0' && l.peek() <= '9' {
		l.at++
	}
	return l.at > from
}

// number takes the longest prefix that is a JSON number.
func (l *lenient) number() {
	from := l.at
	if l.peek() == '-' {
		l.at++
	}
	if l.peek() == '0' {
		l.at++
	} else if !l.digits() {
		l.fail("E_CANON")
		return
	}
	text := string(l.raw[from:l.at])
	fraction := false
	if back := l.at; l.peek() == '.' {
		l.at++
		if fraction = l.digits(); !fraction {
			l.at = back
		}
	}
	if back := l.at; l.peek() == 'e' || l.peek() == 'E' {
		l.at++
		if l.peek() == '+' || l.peek() == '-' {
			l.at++
		}
		if l.digits() {
			fraction = true
		} else {
			l.at = back
		}
	}
	if fraction || text == "-0" || len(text) > 17 {
		l.fail("E_NUM")
	} else if number, err := strconv.ParseInt(text, 10, 64); err != nil || number > MaxInteger || number < -MaxInteger {
		l.fail("E_NUM")
	}
}

func (l *lenient) array() {
	l.at++
	l.space()
	if l.peek() == ']' {
		l.at++
		return
	}
	for l.code == "" {
		l.value()
		l.space()
		if !l.more(']') {
			return
		}
	}
}

// more takes a comma and says true, or takes the end and says false.
func (l *lenient) more(end byte) bool {
	if l.code != "" {
		return false
	}
	switch l.peek() {
	case ',':
		l.at++
		l.space()
		return true
	case end:
		l.at++
	default:
		l.fail("E_CANON")
	}
	return false
}

// object judges the keys when the object ends, so what is wrong inside its values comes first.
func (l *lenient) object() {
	l.at++
	l.space()
	if l.peek() == '}' && l.at < len(l.raw) {
		l.at++
		return
	}
	var keys []string
	for {
		if l.peek() != '"' {
			l.fail("E_CANON")
			return
		}
		key, lone := l.text()
		if lone {
			key = "\xff" // a key that cannot be written is not of the key alphabet
		}
		keys = append(keys, key)
		l.space()
		if l.code == "" && l.peek() != ':' {
			l.fail("E_CANON")
		}
		l.at++
		l.space()
		l.value()
		l.space()
		if !l.more('}') {
			break
		}
	}
	l.judgeKeys(keys)
}

func (l *lenient) judgeKeys(keys []string) {
	if l.code != "" {
		return
	}
	seen := make(map[string]bool, len(keys))
	for _, key := range keys {
		if seen[key] {
			l.fail("E_DUP_KEY")
			return
		}
		if !isKey(key) {
			l.fail("E_KEYNAME")
			return
		}
		seen[key] = true
	}
}

func isKey(key string) bool {
	for i := 0; i < len(key); i++ {
		if !keyByte[key[i]] {
			return false
		}
	}
	return key != "" && len(key) <= maxKey
}

// text reads a string; lone says that it has half of a surrogate pair.
func (l *lenient) text() (decoded string, lone bool) {
	l.at++
	var out []byte
	for l.at < len(l.raw) {
		c := l.raw[l.at]
		l.at++
		switch {
		case c == '"':
			return string(out), lone
		case c < 0x20:
			l.fail("E_CANON")
			return "", false
		case c != '\\':
			out = append(out, c)
		default:
			rune, half, ok := l.escape()
			if !ok {
				l.fail("E_CANON")
				return "", false
			}
			lone = lone || half
			out = utf8.AppendRune(out, rune)
		}
	}
	l.fail("E_CANON")
	return "", false
}

// escape reads what follows a backslash.
func (l *lenient) escape() (decoded rune, half, ok bool) {
	c := l.peek()
	l.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), false, true
	case 'b':
		return '\b', false, true
	case 'f':
		return '\f', false, true
	case 'n':
		return '\n', false, true
	case 'r':
		return '\r', false, true
	case 't':
		return '\t', false, true
	case 'u':
		return l.unicode()
	}
	return 0, false, false
}

func (l *lenient) unicode() (decoded rune, half, ok bool) {
	first, ok := l.hex4()
	if !ok {
		return 0, false, false
	}
	if first >= 0xd800 && first < 0xdc00 && l.take(`\u`) {
		second, ok := l.hex4()
		if !ok {
			return 0, false, false
		}
		if second >= 0xdc00 && second < 0xe000 {
			return 0x10000 + (first-0xd800)<<10 + second - 0xdc00, false, true
		}
		l.at -= 6
	}
	return first, first >= 0xd800 && first < 0xe000, true
}

func (l *lenient) hex4() (rune, bool) {
	if len(l.raw)-l.at < 4 {
		return 0, false
	}
	var number rune
	for _, c := range l.raw[l.at : l.at+4] {
		digit := hexDigit(c)
		if digit == 0xff {
			return 0, false
		}
		number = number<<4 | rune(digit)
	}
	l.at += 4
	return number, true
}
