package token

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds of what [Members.Scan] takes.
const (
	// scanNames bounds the names of all objects that are open at one place.
	scanNames = 64
	scanBytes = maxMaxBytes
)

// Members are the members of one JSON object, found in one pass and without memory of
// their own. The zero value is one without members.
type Members struct {
	data []byte
	// open are the members of the objects that the scan is in, outermost first. At its end
	// they are those of the whole object.
	open  [scanNames]member
	count int
}

// A member is where in the data its name, without quotes, and its value stand.
type member struct{ name, nameEnd, value, valueEnd int32 }

// Scan reports whether data is one JSON object of the kind that claims sets are, and nothing
// else: unique names at every depth, valid UTF-8, as many names and as deep as is usual, and
// neither escapes in names nor escapes by number. It takes nothing that [jsontext] would
// refuse. What it does not take may be good all the same: that is for jsontext to say.
func (m *Members) Scan(data []byte) bool {
	m.data, m.count = data, 0
	if len(data) == 0 || len(data) > scanBytes || data[0] != '{' || !utf8.Valid(data) {
		return false
	}
	if m.object(0, 1) != len(data) {
		m.count = 0
		return false
	}
	return true
}

// Len is how many members were found.
func (m *Members) Len() int { return m.count }

// At is a member by its place in the object. Both parts alias the data.
func (m *Members) At(i int) (name []byte, value jsontext.Value) {
	at := &m.open[i]
	return m.data[at.name:at.nameEnd:at.nameEnd], m.data[at.value:at.valueEnd:at.valueEnd]
}

// The parts of the scan take the place where a part begins and return the one behind it,
// or 0 for what is not taken.

// object scans an object. The members of the outermost stay open.
func (m *Members) object(at, depth int) int {
	first := m.count
	var seen uint64
	if at = m.space(at + 1); m.peek(at) == '}' {
		return at + 1
	}
	for {
		if at = m.member(first, &seen, at, depth); at == 0 {
			return 0
		}
		switch m.peek(at) {
		case ',':
			at = m.space(at + 1)
		case '}':
			if depth > 1 {
				m.count = first
			}
			return at + 1
		default:
			return 0
		}
	}
}

// member scans a member and the space behind it. The names of its object begin at first,
// and seen has the marks of them all.
func (m *Members) member(first int, seen *uint64, at, depth int) int {
	if m.count == scanNames || m.peek(at) != '"' {
		return 0
	}
	end := m.plain(at + 1)
	if m.peek(end) != '"' {
		return 0
	}
	name := m.data[at+1 : end]
	mark := markOf(name)
	if *seen&mark != 0 && m.repeats(first, name) {
		return 0
	}
	*seen |= mark
	own := m.count
	m.count++
	colon := m.space(end + 1)
	if m.peek(colon) != ':' {
		return 0
	}
	value := m.space(colon + 1)
	valueEnd := m.value(value, depth)
	if valueEnd == 0 {
		return 0
	}
	m.open[own] = member{int32(at + 1), int32(end), int32(value), int32(valueEnd)}
	return m.space(valueEnd)
}

// markOf is one bit, the same for equal names, so that most others need not be compared.
func markOf(name []byte) uint64 {
	if len(name) == 0 {
		return 1
	}
	return 1 << ((7*len(name) + 3*int(name[0]) + int(name[len(name)-1])) & 63)
}

// repeats reports whether the object whose names begin at first has this one.
func (m *Members) repeats(first int, name []byte) bool {
	for _, other := range m.open[first:m.count] {
		if string(m.data[other.name:other.nameEnd]) == string(name) {
			return true
		}
	}
	return false
}

// value scans any value.
func (m *Members) value(at, depth int) int {
	switch m.peek(at) {
	case '"':
		return m.text(at)
	case '{':
		if depth < maxDepth {
			return m.object(at, depth+1)
		}
	case '[':
		if depth < maxDepth {
			return m.array(at, depth+1)
		}
	case 't':
		return m.literal(at, "true")
	case 'f':
		return m.literal(at, "false")
	case 'n':
		return m.literal(at, "null")
	default:
		return m.number(at)
	}
	return 0
}

// array scans an array.
func (m *Members) array(at, depth int) int {
	if at = m.space(at + 1); m.peek(at) == ']' {
		return at + 1
	}
	for {
		if at = m.value(at, depth); at == 0 {
			return 0
		}
		switch at = m.space(at); m.peek(at) {
		case ',':
			at = m.space(at + 1)
		case ']':
			return at + 1
		default:
			return 0
		}
	}
}

// text scans a string. Escapes by number are not taken: they may be half of a character.
func (m *Members) text(at int) int {
	for at++; ; at++ {
		at = m.plain(at)
		switch m.peek(at) {
		case '"':
			return at + 1
		case '\\':
			if at++; !shortEscape(m.peek(at)) {
				return 0
			}
		default:
			return 0
		}
	}
}

// plain passes over what stands for itself in a string.
func (m *Members) plain(at int) int {
	for i, c := range m.data[at:] {
		if !plain[c] {
			return at + i
		}
	}
	return len(m.data)
}

// plain are the octets that stand for themselves in a string (RFC 8259 section 7), where
// the whole is valid UTF-8.
var plain = func() (set [256]bool) {
	for c := range set {
		set[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return set
}()

// shortEscape reports whether c may follow a backslash, alone.
func shortEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// number scans a number (RFC 8259 section 6).
func (m *Members) number(at int) int {
	if m.peek(at) == '-' {
		at++
	}
	if m.peek(at) == '0' {
		at++
	} else if at = m.digits(at); at == 0 {
		return 0
	}
	if m.peek(at) == '.' {
		if at = m.digits(at + 1); at == 0 {
			return 0
		}
	}
	if c := m.peek(at); c == 'e' || c == 'E' {
		at++
		if c := m.peek(at); c == '+' || c == '-' {
			at++
		}
		return m.digits(at)
	}
	return at
}

// digits scans one digit or more.
func (m *Members) digits(at int) int {
	begin := at
	for c := m.peek(at); '0' <= c && c <= '9'; c = m.peek(at) {
		at++
	}
	if at == begin {
		return 0
	}
	return at
}

// literal scans a name that JSON gives to a value.
func (m *Members) literal(at int, want string) int {
	if end := at + len(want); end <= len(m.data) && string(m.data[at:end]) == want {
		return end
	}
	return 0
}

// space passes over white space.
func (m *Members) space(at int) int {
	for c := m.peek(at); c == ' ' || c == '\n' || c == '\r' || c == '\t'; c = m.peek(at) {
		at++
	}
	return at
}

// peek is the octet at a place, 0 at the end, which no part of JSON begins with.
func (m *Members) peek(at int) byte {
	if at < len(m.data) {
		return m.data[at]
	}
	return 0
}
