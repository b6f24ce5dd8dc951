package routematcher

import (
	"errors"
	"fmt"
	"strings"
)

// reserved are the characters that decodeURI leaves encoded and that a path may have. To
// the list /user@host and /user%40host are two paths; to a route they are one.
const reserved = ":@&=+$,"

// errNever is a branch that no path matches.
var errNever = errors.New("no path matches")

// What refuses a pattern.
var (
	errShared = errors.New("a parameter has a part of a segment; a route's parameter takes a whole one")
	errMiddle = errors.New("text of any length stands before its end; in a route it can only stand at the end")
)

// A layer lays out the parts of a branch from left to right.
type layer struct {
	// started is whether the first slash is behind us.
	started bool
	parts   []part
	// open is the part behind the last slash, nil where nothing is.
	open *part
}

// lay finds the routes of a branch, and what differs. Neither means that the branch
// matches no path. It fails where routes would have to match more.
func (b branch) lay() ([]route, []Difference, error) {
	routes, differences, err := b.merged().routes()
	if errors.Is(err, errNever) {
		return nil, nil, nil
	}
	var kept []route
	for _, r := range routes {
		if len(r.parts) > maxSegments {
			return nil, nil, fmt.Errorf("it has more than %d segments", maxSegments)
		}
		if d, ok := r.unreachable(); ok {
			differences = append(differences, d)
		} else {
			kept = append(kept, r)
		}
	}
	return kept, differences, err
}

// merged is the branch with all text that stands together in one piece.
func (b branch) merged() branch {
	var out branch
	for _, p := range b {
		switch last := len(out) - 1; {
		case p.kind == literal && p.text == "":
		case p.kind == literal && last >= 0 && out[last].kind == literal:
			out[last].text += p.text
		default:
			out = append(out, p)
		}
	}
	return out
}

func (b branch) routes() ([]route, []Difference, error) {
	var l layer
	for i, p := range b {
		var err error
		switch {
		case p.kind == literal:
			err = l.literal(p.text)
		case p.kind == segment:
			err = l.segment(p.text)
		case i < len(b)-1:
			err = errMiddle
		default:
			return l.tail(p.kind)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	// A slash at the end is always welcome, and one that the pattern has is needed.
	if !l.started || l.open == nil {
		return []route{{l.parts, slash}}, nil, nil
	}
	l.push()
	return []route{{l.parts, bare}, {l.parts, slash}}, nil, nil
}

// push takes the open part for a whole one.
func (l *layer) push() {
	l.parts, l.open = append(l.parts, *l.open), nil
}

func (l *layer) literal(text string) error {
	for _, c := range text {
		if err := l.character(c); err != nil {
			return err
		}
	}
	return nil
}

func (l *layer) character(c rune) error {
	switch {
	case !l.started && c == '/':
		l.started = true
		return nil
	case !l.started, c == '#', c == '?':
		return errNever
	case c == '/' && l.open == nil:
		// The list's paths have runs of slashes made one.
		return errNever
	case c == '/':
		l.push()
		return nil
	case strings.ContainsRune(reserved, c):
		return fmt.Errorf("createRouteMatcher tells a %c from its encoded form %%%02X and no route does, so a route would match more; if both are meant, add the route by hand", c, c)
	case l.open == nil:
		l.open = &part{}
	case l.open.wild:
		return errShared
	}
	l.open.text += string(c)
	return nil
}

func (l *layer) segment(name string) error {
	if !l.started {
		return errNever
	}
	if l.open != nil {
		return errShared
	}
	l.open = &part{text: name, wild: true}
	return nil
}

// tail ends the branch with a piece that has no end of its own.
func (l *layer) tail(kind pieceKind) ([]route, []Difference, error) {
	if !l.started {
		return []route{{nil, subtree}}, nil, nil
	}
	if l.open == nil {
		switch kind {
		case below:
			return []route{{l.parts, slash}}, nil, nil
		case rest:
			return []route{{l.parts, subtree}}, nil, nil
		}
		deeper := append(l.parts, part{wild: true})
		return []route{{deeper, bare}, {deeper, subtree}}, nil, nil
	}
	if kind == restSome && l.open.wild {
		return nil, nil, errShared
	}
	cut := kind != below && !l.open.wild
	l.push()
	whole := route{l.parts, bare}
	var differences []Difference
	if cut {
		differences = append(differences, Difference{Kind: Prefix, Match: whole.String(),
			Text: fmt.Sprintf("a longer last segment does not match, as in %sx; in the list it does", whole)})
	}
	if kind == restSome {
		return []route{{l.parts, subtree}}, differences, nil
	}
	return []route{whole, {l.parts, subtree}}, differences, nil
}
