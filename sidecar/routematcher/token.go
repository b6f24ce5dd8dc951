package routematcher

import (
	"errors"
	"fmt"
	"strings"
)

// A token is what path-to-regexp 6.3.0 makes of a part of a pattern: text alone, or a
// group, which has either a regular expression or only text, in prefix and suffix.
type token struct {
	text string

	group          bool
	name           string
	prefix, suffix string
	// pattern is the group's own regular expression. With plain it is path-to-regexp's
	// for a parameter, one segment or a part of one.
	pattern  string
	plain    bool
	modifier byte
}

// repeats reports whether the group may occur more than once.
func (t *token) repeats() bool { return t.modifier == '*' || t.modifier == '+' }

// matches reports whether the group has a regular expression.
func (t *token) matches() bool { return t.plain || t.pattern != "" }

type lexemeKind string

const (
	lexModifier lexemeKind = "modifier"
	lexEscaped  lexemeKind = "escaped character"
	lexOpen     lexemeKind = "{"
	lexClose    lexemeKind = "}"
	lexName     lexemeKind = "parameter"
	lexPattern  lexemeKind = "group"
	lexChar     lexemeKind = "character"
	lexEnd      lexemeKind = "end"
)

type lexeme struct {
	kind lexemeKind
	text string
}

// lex splits a pattern as path-to-regexp does. It fails where that throws.
func lex(pattern string) ([]lexeme, error) {
	var all []lexeme
	for rest := pattern; rest != ""; {
		l := lexeme{kind: lexChar, text: firstRune(rest)}
		size := len(l.text)
		switch rest[0] {
		case '*', '+', '?':
			l.kind = lexModifier
		case '\\':
			// A backslash at the end stands for nothing.
			l = lexeme{kind: lexEscaped, text: firstRune(rest[1:])}
			size = 1 + len(l.text)
		case '{':
			l.kind = lexOpen
		case '}':
			l.kind = lexClose
		case ':':
			name := rest[1:]
			if end := strings.IndexFunc(name, notOfName); end >= 0 {
				name = name[:end]
			}
			if name == "" {
				return nil, errors.New("a : has no name behind it")
			}
			l, size = lexeme{kind: lexName, text: name}, 1+len(name)
		case '(':
			group, err := lexGroup(rest[1:])
			if err != nil {
				return nil, err
			}
			l, size = lexeme{kind: lexPattern, text: group}, len(group)+2
		}
		all = append(all, l)
		rest = rest[size:]
	}
	return append(all, lexeme{kind: lexEnd}), nil
}

// lexGroup finds the end of the group whose opening parenthesis stands before s.
func lexGroup(s string) (string, error) {
	if strings.HasPrefix(s, "?") {
		return "", errors.New("a group starts with ?")
	}
	depth := 1
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			depth++
			if !strings.HasPrefix(s[i+1:], "?") {
				return "", errors.New("a capturing group stands in a group")
			}
		case ')':
			if depth--; depth == 0 && i == 0 {
				return "", errors.New("a group is empty")
			} else if depth == 0 {
				return s[:i], nil
			}
		}
	}
	return "", errors.New("a group has no end")
}

func firstRune(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

func notOfName(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// A parser reads lexemes into tokens, with text that has no token yet.
type parser struct {
	lexemes []lexeme
	tokens  []token
	text    string
}

// parse reads a pattern as path-to-regexp does with its defaults. It fails where that, or
// making an expression of its tokens, throws.
func parse(pattern string) ([]token, error) {
	lexemes, err := lex(pattern)
	if err != nil {
		return nil, err
	}
	p := &parser{lexemes: lexemes}
	for len(p.lexemes) > 0 && err == nil {
		err = p.next()
	}
	return p.tokens, err
}

// take takes the next lexeme if it is of the kind. Its text may be empty.
func (p *parser) take(kind lexemeKind) (string, bool) {
	if len(p.lexemes) == 0 || p.lexemes[0].kind != kind {
		return "", false
	}
	text := p.lexemes[0].text
	p.lexemes = p.lexemes[1:]
	return text, true
}

func (p *parser) next() error {
	char, _ := p.take(lexChar)
	name, named := p.take(lexName)
	group, grouped := p.take(lexPattern)
	if named || grouped {
		prefix := char
		if prefix != "." && prefix != "/" {
			p.text += prefix
			prefix = ""
		}
		p.flush()
		return p.group(token{name: name, prefix: prefix, pattern: group})
	}
	if char == "" {
		char, _ = p.take(lexEscaped)
	}
	if char != "" {
		p.text += char
		return nil
	}
	p.flush()
	if _, ok := p.take(lexOpen); ok {
		return p.braces()
	}
	if _, ok := p.take(lexEnd); !ok {
		return fmt.Errorf("a %s stands where none may", p.lexemes[0].kind)
	}
	return nil
}

// flush makes a token of the text so far.
func (p *parser) flush() {
	if p.text != "" {
		p.tokens = append(p.tokens, token{text: p.text})
		p.text = ""
	}
}

// braces reads a group in braces, with the text that belongs to it.
func (p *parser) braces() error {
	var t token
	t.prefix = p.literal()
	t.name, _ = p.take(lexName)
	t.pattern, _ = p.take(lexPattern)
	t.suffix = p.literal()
	if _, ok := p.take(lexClose); !ok {
		return fmt.Errorf("a %s stands in braces", p.lexemes[0].kind)
	}
	return p.group(t)
}

func (p *parser) literal() string {
	text := ""
	for {
		char, ok := p.take(lexChar)
		if !ok {
			char, ok = p.take(lexEscaped)
		}
		if !ok {
			return text
		}
		text += char
	}
}

// group appends a group, whose modifier comes next.
func (p *parser) group(t token) error {
	t.group = true
	t.plain = t.name != "" && t.pattern == ""
	if last := len(p.tokens) - 1; t.plain && t.prefix == "" && last >= 0 && p.tokens[last].group {
		return errors.New("two parameters have no text between them")
	}
	if modifier, ok := p.take(lexModifier); ok {
		t.modifier = modifier[0]
	}
	if t.repeats() && t.matches() && t.prefix == "" && t.suffix == "" {
		return errors.New("a group without text of its own repeats")
	}
	p.tokens = append(p.tokens, t)
	return nil
}
