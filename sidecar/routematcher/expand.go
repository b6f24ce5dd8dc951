package routematcher

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

type pieceKind int

const (
	// literal is text.
	literal pieceKind = iota
	// segment is one or more characters without a slash.
	segment
	// rest is any text but for line ends; restSome is at least one character of it.
	rest
	restSome
	// below is nothing, or any number of segments with a slash before each.
	below
)

// A piece is a part of a pattern without choices. Its text is a literal's characters or
// a segment's name.
type piece struct {
	kind pieceKind
	text string
}

// A branch is a pattern without choices: pieces in a row.
type branch []piece

// expand writes a pattern as branches, one of which matches whenever the pattern does.
// It fails at what pieces cannot say.
func expand(tokens []token) ([]branch, error) {
	all := []branch{nil}
	for i := range tokens {
		choices, err := tokens[i].choices()
		if err != nil {
			return nil, err
		}
		if len(all)*len(choices) > maxBranches {
			return nil, fmt.Errorf("it has more than %d alternatives", maxBranches)
		}
		var longer []branch
		for _, b := range all {
			for _, c := range choices {
				longer = append(longer, slices.Concat(b, c))
			}
		}
		all = longer
	}
	return all, nil
}

// choices are what may stand in a token's place.
func (t *token) choices() ([]branch, error) {
	if !t.group {
		return []branch{{{literal, t.text}}}, nil
	}
	inner := []branch{nil}
	switch {
	case t.plain:
		inner = []branch{{{segment, t.name}}}
	case t.pattern != "":
		var err error
		if inner, err = alternatives(t.pattern, t.name); err != nil {
			return nil, fmt.Errorf("group %s: %w", "("+t.pattern+")", err)
		}
	}
	if t.repeats() {
		return t.repeated(inner)
	}
	var all []branch
	if t.modifier == '?' {
		all = append(all, nil)
	}
	for _, b := range inner {
		all = append(all, slices.Concat(branch{{literal, t.prefix}}, b, branch{{literal, t.suffix}}))
	}
	return all, nil
}

// repeated are the choices of a group that repeats. Only segments and anything at all
// can, with a slash before each: the rest repeats in ways that no route does.
func (t *token) repeated(inner []branch) ([]branch, error) {
	if t.prefix != "/" || t.suffix != "" || len(inner) != 1 || len(inner[0]) != 1 {
		return nil, errors.New("what repeats is not a whole segment")
	}
	p := inner[0][0]
	switch {
	case p.kind == segment && t.modifier == '*':
		return []branch{{{below, p.text}}}, nil
	case p.kind == segment:
		return []branch{{{literal, "/"}, p, {below, p.text}}}, nil
	case p.kind == rest && t.modifier == '*':
		return []branch{nil, {{literal, "/"}, p}}, nil
	case p.kind == rest:
		return []branch{{{literal, "/"}, p}}, nil
	}
	return nil, errors.New("what repeats is not a whole segment")
}

// segments are the expressions for a segment that people write. In a path # and ? are
// always encoded, so it is all one whether they are excluded.
var segments = []string{`[^/]+`, `[^\/]+`, `[^/#?]+`, `[^\/#\?]+`, `[^\/#?]+`}

// alternatives reads a group's regular expression: alternatives of text, segments and a
// dot that repeats. It fails at anything else, because what it took for less than it is
// would match too much.
func alternatives(expression, name string) ([]branch, error) {
	var b branch
	var all []branch
	for left := expression; ; {
		if left == "" || left[0] == '|' {
			if len(b) == 0 {
				return nil, errors.New("an alternative is empty")
			}
			all, b = append(all, b), nil
			if left == "" {
				return all, nil
			}
			left = left[1:]
			continue
		}
		p, size, err := atom(left, name)
		if err != nil {
			return nil, err
		}
		b, left = append(b, p), left[size:]
	}
}

// atom reads the first piece of an alternative that is not at its end.
func atom(s, name string) (piece, int, error) {
	switch {
	case strings.HasPrefix(s, ".*"):
		return piece{kind: rest}, lazy(s, 2), nil
	case strings.HasPrefix(s, ".+"):
		return piece{kind: restSome}, lazy(s, 2), nil
	}
	for _, class := range segments {
		if strings.HasPrefix(s, class) {
			return piece{segment, name}, lazy(s, len(class)), nil
		}
	}
	char := firstRune(s)
	switch {
	case strings.HasPrefix(s, "(?"):
		return piece{}, 0, errors.New("no route can look ahead or group within a group")
	case char == "\\" && len(s) > 1 && strings.Contains(`\/.-+*?()[]{}|^$ `, s[1:2]):
		return piece{literal, s[1:2]}, 2, nil
	case strings.Contains(`\.+*?()[]{}^$`, char):
		return piece{}, 0, errors.New("a route's parameter takes a whole segment, whatever is in it")
	}
	// A quantifier behind it is the next atom, and refused as that.
	return piece{literal, char}, len(char), nil
}

// lazy adds the ? of a quantifier of that size, which changes what is tried first and not
// what matches.
func lazy(s string, size int) int {
	if strings.HasPrefix(s[size:], "?") {
		size++
	}
	return size
}
