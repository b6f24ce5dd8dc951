package routematcher

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"postern/sidecar/phrase"
)

type symbolKind int

const (
	symbolEnd symbolKind = iota
	symbolWord
	symbolString
	// symbolTemplate is a template with an expression in it.
	symbolTemplate
	symbolRegExp
	symbolMark
)

// A symbol is what JavaScript's grammar calls a token, told apart no further than finding
// strings takes.
type symbol struct {
	kind symbolKind
	text string
	line int
}

func (s symbol) is(mark string) bool     { return s.kind == symbolMark && s.text == mark }
func (s symbol) isWord(word string) bool { return s.kind == symbolWord && s.text == word }

// String names the symbol for an error.
func (s symbol) String() string {
	switch {
	case s.kind == symbolEnd:
		return "the end of the source"
	case s.kind == symbolTemplate:
		return "a template with ${} in it"
	case s.kind == symbolRegExp:
		return "the regular expression " + phrase.Quote(s.text)
	case s.kind == symbolString:
		return "the string " + phrase.Quote(s.text)
	case s.is("..."):
		return "a spread, ...,"
	default:
		return phrase.Quote(s.text)
	}
}

// deepest bounds templates within templates.
const deepest = 50

// A scanner splits JavaScript into symbols. At what it cannot read it ends with err.
type scanner struct {
	left string
	line int
	err  error
	// before is the last symbol: a slash behind a value divides, else it begins a
	// regular expression.
	before symbol
	depth  int
}

func newScanner(text string) *scanner { return &scanner{left: text, line: 1} }

// stop ends the scan.
func (s *scanner) stop(format string, args ...any) symbol {
	if s.err == nil {
		s.err = fmt.Errorf("line %d: %s", s.line, fmt.Sprintf(format, args...))
	}
	s.left = ""
	return symbol{line: s.line}
}

// take consumes bytes and counts the lines in them.
func (s *scanner) take(size int) string {
	text := s.left[:size]
	s.line += strings.Count(text, "\n")
	s.left = s.left[size:]
	return text
}

// next is the next symbol. Behind the last one it is a symbolEnd, again and again.
func (s *scanner) next() symbol {
	if !s.blank() {
		return symbol{line: s.line}
	}
	line := s.line
	sym := s.symbol()
	sym.line = line
	s.before = sym
	return sym
}

// blank skips spaces and comments. It reports whether anything is left.
func (s *scanner) blank() bool {
	for s.left != "" {
		trimmed := strings.TrimLeftFunc(s.left, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
		s.take(len(s.left) - len(trimmed))
		switch {
		case strings.HasPrefix(s.left, "//"):
			s.take(until(s.left, "\n\r\u2028\u2029"))
		case strings.HasPrefix(s.left, "/*"):
			end := strings.Index(s.left[2:], "*/")
			if end < 0 {
				s.stop("a comment has no end")
				return false
			}
			s.take(end + 4)
		default:
			return s.left != ""
		}
	}
	return false
}

// until is how much of text stands before any of the characters, all if it has none.
func until(text, characters string) int {
	if i := strings.IndexAny(text, characters); i >= 0 {
		return i
	}
	return len(text)
}

func (s *scanner) symbol() symbol {
	r, size := utf8.DecodeRuneInString(s.left)
	switch {
	case r == '"' || r == '\'':
		return s.quoted(r)
	case r == '`':
		return s.template()
	case r == '/' && !s.afterValue():
		return s.regExp()
	case strings.HasPrefix(s.left, "..."):
		return symbol{kind: symbolMark, text: s.take(3)}
	case ofWord(r):
		end := strings.IndexFunc(s.left, func(r rune) bool { return !ofWord(r) })
		if end < 0 {
			end = len(s.left)
		}
		return symbol{kind: symbolWord, text: s.take(end)}
	}
	return symbol{kind: symbolMark, text: s.take(size)}
}

func ofWord(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// operators are words that a value follows.
var operators = map[string]bool{
	"return": true, "typeof": true, "case": true, "in": true, "of": true, "delete": true, "void": true,
	"throw": true, "new": true, "do": true, "else": true, "await": true, "yield": true, "instanceof": true, "default": true,
}

// afterValue reports whether the last symbol ends a value.
func (s *scanner) afterValue() bool {
	switch s.before.kind {
	case symbolString, symbolTemplate, symbolRegExp:
		return true
	case symbolWord:
		return !operators[s.before.text]
	case symbolMark:
		return strings.Contains(")]}", s.before.text)
	}
	return false
}

// regExp reads a regular expression, in whose classes a slash stands for itself.
func (s *scanner) regExp() symbol {
	class := false
	for i := 1; i < len(s.left); i++ {
		switch c := s.left[i]; {
		case c == '\n':
			return s.stop("a regular expression has no end")
		case c == '\\':
			i++
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '/' && !class:
			return symbol{kind: symbolRegExp, text: s.take(i + 1)}
		}
	}
	return s.stop("a regular expression has no end")
}
