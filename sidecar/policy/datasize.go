package policy

import (
	"context"
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"
)

// MaxDocument bounds a document, in bytes of JSON: callers choose which, and a bundle may
// have a lot of data. It bounds what is made of the data for the document as well, which
// takes many times as much.
const MaxDocument = 4 << 20

// errTooLong: the document is longer than there is room for.
var errTooLong = errors.New("the document is longer than 4 MiB, or than what a batch has left of them: ask for a part of it")

// A room is what is left of the bytes that a document may have.
type room struct {
	ctx    context.Context
	left   int
	values int
}

// take makes room for a value, before anything is made of it: a value that is in many
// places is one to the evaluator, and many in JSON.
func (r *room) take(v ast.Value) error {
	r.values++
	if r.values%1024 == 0 && r.ctx.Err() != nil {
		return errTimeout
	}
	r.left -= 2
	switch v := v.(type) {
	case ast.String:
		r.left -= written(string(v))
	case ast.Number:
		r.left -= len(v)
	}
	if r.left < 0 {
		return errTooLong
	}
	below := func(t *ast.Term) error { return r.take(t.Value) }
	switch v := v.(type) {
	case *ast.Array:
		for i := range v.Len() {
			if err := below(v.Elem(i)); err != nil {
				return err
			}
		}
	case ast.Set:
		return v.Iter(below)
	case ast.Object:
		return v.Iter(func(name, member *ast.Term) error {
			if err := below(name); err != nil {
				return err
			}
			return below(member)
		})
	}
	return nil
}

// written is about how long a text is as JSON: most escapes are of six bytes.
func written(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c == '<', c == '>', c == '&':
			n += 5
		case c == '"', c == '\\':
			n++
		}
	}
	return n
}
