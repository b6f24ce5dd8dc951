package routematcher

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads a string that begins and ends with the quote.
func (s *scanner) quoted(quote rune) symbol {
	s.take(1)
	var units []uint16
	for s.left != "" {
		r, size := utf8.DecodeRuneInString(s.left)
		switch {
		case r == quote:
			s.take(1)
			return s.text(units)
		case r == '\n' || r == '\r':
			return s.stop("a string does not end on its line")
		case r == '\\':
			var ok bool
			if units, ok = s.escape(units); !ok {
				return s.stop("a string has an escape in it that JavaScript does not have")
			}
		default:
			units = utf16.AppendRune(units, r)
			s.take(size)
		}
	}
	return s.stop("a string has no end")
}

// template reads a template. One with an expression has no text that is known.
func (s *scanner) template() symbol {
	s.take(1)
	var units []uint16
	whole := true
	for s.left != "" {
		r, size := utf8.DecodeRuneInString(s.left)
		switch {
		case r == '`' && whole:
			s.take(1)
			return s.text(units)
		case r == '`':
			s.take(1)
			return symbol{kind: symbolTemplate}
		case strings.HasPrefix(s.left, "${"):
			whole = false
			s.take(2)
			if !s.expression() {
				return s.stop("a template has no end")
			}
		case r == '\\':
			var ok bool
			if units, ok = s.escape(units); !ok {
				return s.stop("a template has an escape in it that JavaScript does not have")
			}
		case strings.HasPrefix(s.left, "\r\n"):
			// In a template a line end is a line feed, however the file writes it.
			s.take(1)
		case r == '\r':
			units = append(units, '\n')
			s.take(1)
		default:
			units = utf16.AppendRune(units, r)
			s.take(size)
		}
	}
	return s.stop("a template has no end")
}

// expression skips the expression of a template, and the brace behind it.
func (s *scanner) expression() bool {
	if s.depth++; s.depth > deepest {
		return false
	}
	defer func() { s.depth-- }()
	s.before = symbol{}
	for open := 1; ; {
		switch sym := s.next(); {
		case sym.kind == symbolEnd:
			return false
		case sym.is("{"):
			open++
		case sym.is("}"):
			if open--; open == 0 {
				return true
			}
		}
	}
}

// text is a string of these UTF-16 units. Half of a pair is no character, and nothing in
// a path can be equal to it.
func (s *scanner) text(units []uint16) symbol {
	for i := 0; i < len(units); i++ {
		if !utf16.IsSurrogate(rune(units[i])) {
			continue
		}
		if i+1 == len(units) || utf16.DecodeRune(rune(units[i]), rune(units[i+1])) == utf8.RuneError {
			return s.stop("a string has half of a surrogate pair in it")
		}
		i++
	}
	return symbol{kind: symbolString, text: string(utf16.Decode(units))}
}

// single are the escapes of one letter.
var single = map[byte]uint16{'n': '\n', 't': '\t', 'r': '\r', 'b': '\b', 'f': '\f', 'v': '\v'}

// escape reads the escape at the beginning of what is left, as ECMA-262 section 12.9.4
// has them in strict mode.
func (s *scanner) escape(units []uint16) ([]uint16, bool) {
	s.take(1)
	if s.left == "" {
		return units, false
	}
	c := s.left[0]
	if unit, ok := single[c]; ok {
		s.take(1)
		return append(units, unit), true
	}
	switch {
	case c == 'x':
		s.take(1)
		return s.hex(units, 2)
	case strings.HasPrefix(s.left, "u{"):
		s.take(2)
		return s.codePoint(units)
	case c == 'u':
		s.take(1)
		return s.hex(units, 4)
	case c == '0' && (len(s.left) == 1 || s.left[1] < '0' || s.left[1] > '9'):
		s.take(1)
		return append(units, 0), true
	case c >= '0' && c <= '9':
		return units, false
	case strings.HasPrefix(s.left, "\r\n"):
		s.take(2)
		return units, true
	}
	r, size := utf8.DecodeRuneInString(s.left)
	s.take(size)
	if r == '\n' || r == '\r' || r == '\u2028' || r == '\u2029' {
		return units, true
	}
	return utf16.AppendRune(units, r), true
}

// hex reads a unit of so many hexadecimal digits.
func (s *scanner) hex(units []uint16, digits int) ([]uint16, bool) {
	if len(s.left) < digits || strings.Trim(s.left[:digits], "0123456789abcdefABCDEF") != "" {
		return units, false
	}
	unit, err := strconv.ParseUint(s.take(digits), 16, 16)
	return append(units, uint16(unit)), err == nil
}

// codePoint reads what stands in \u{}.
func (s *scanner) codePoint(units []uint16) ([]uint16, bool) {
	end := strings.IndexByte(s.left, '}')
	if end <= 0 || end > 8 || strings.Trim(s.left[:end], "0123456789abcdefABCDEF") != "" {
		return units, false
	}
	r, err := strconv.ParseUint(s.take(end), 16, 32)
	s.take(1)
	if err != nil || r > utf8.MaxRune {
		return units, false
	}
	if r >= 0x10000 {
		return utf16.AppendRune(units, rune(r)), true
	}
	return append(units, uint16(r)), true
}
