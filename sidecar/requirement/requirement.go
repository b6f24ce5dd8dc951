// Package requirement reads what a question requires of a session: a role, a
// permission, a feature, a plan, a recent verification, and any combination of them
// by any and all. It judges shape alone and normalises; whether a session meets a
// requirement is for policy.
package requirement

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// MaxTerms bounds the terms of a requirement after expansion, and the values
	// that one term may ask of one member.
	MaxTerms = 64
	// MaxDepth bounds how deeply requirements nest. A plain one is one deep.
	MaxDepth = 16
)

// A Requirement is met if any of its terms is met. One without terms asked for
// nothing, or for something that cannot be, and is never met.
//
// It owns its memory, and is to be treated as immutable.
type Requirement struct {
	Any []Term
}

// A Term is a plain requirement: every member that is not nil must hold. A member is
// compact JSON of any kind, null too: the question asked for it, and policy answers
// that a value of that kind is never met.
type Term struct {
	Role           jsontext.Value
	Permission     jsontext.Value
	Feature        jsontext.Value
	Plan           jsontext.Value
	Reverification jsontext.Value
	// All is set, and the members above are nil, only where a conjunction asks one
	// member for two or more values: plain terms, at most [MaxTerms], that must all
	// hold.
	All []Term
}

// Parse reads one requirement, which must be the whole of raw. Its errors say what is
// wrong with the shape, for the developer who wrote it: no object, an unknown or
// repeated key, a mixture of any, all and plain keys, too many terms, too deep.
func Parse(raw jsontext.Value) (Requirement, error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(raw))
	var b Builder
	if err := b.object(dec); err != nil {
		return Requirement{}, err
	}
	if _, err := dec.ReadToken(); err == nil {
		return Requirement{}, errors.New("read requirement: more follows after the object")
	} else if !errors.Is(err, io.EOF) {
		return Requirement{}, syntaxError(err)
	}
	return b.Requirement(), nil
}

// Parts counts the plain terms: what there is to decide.
func (r Requirement) Parts() int {
	n := 0
	for i := range r.Any {
		n += max(1, len(r.Any[i].All))
	}
	return n
}

// Asks is what a requirement asks about recent verifications: for any at all, and for
// presets alone, which have names.
type Asks struct{ Reverifies, Named bool }

// Asks looks through all terms.
func (r Requirement) Asks() Asks {
	a := Asks{Named: true}
	a.add(r.Any)
	return a
}

func (a *Asks) add(terms []Term) {
	for i := range terms {
		if asked := terms[i].Reverification; asked != nil {
			a.Reverifies = true
			a.Named = a.Named && asked.Kind() == '"'
		}
		a.add(terms[i].All)
	}
}

// AppendJSON appends the normalised form to dst: {"any":[…]}, where every term is an
// object of the members it asks for, or {"all":[…]}. [Parse] reads it back as an equal
// requirement.
func (r Requirement) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"any":`...)
	dst = appendTerms(dst, r.Any)
	return append(dst, '}')
}

// appendTerms appends a JSON array of terms.
func appendTerms(dst []byte, terms []Term) []byte {
	dst = append(dst, '[')
	for i := range terms {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = terms[i].appendJSON(dst)
	}
	return append(dst, ']')
}

// appendJSON appends t as a JSON object.
func (t *Term) appendJSON(dst []byte) []byte {
	if len(t.All) > 0 {
		dst = append(dst, `{"all":`...)
		dst = appendTerms(dst, t.All)
		return append(dst, '}')
	}
	dst = append(dst, '{')
	first := true
	for m, name := range members {
		value := *t.member(m)
		if value == nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(dst, '"')
		dst = append(dst, name...)
		dst = append(dst, `":`...)
		dst = append(dst, value...)
	}
	return append(dst, '}')
}

// members are the plain keys. A member is known by its index here.
var members = [...]string{"role", "permission", "feature", "plan", "reverification"}

// member points at the field that holds the m-th of members.
func (t *Term) member(m int) *jsontext.Value {
	switch m {
	case 0:
		return &t.Role
	case 1:
		return &t.Permission
	case 2:
		return &t.Feature
	case 3:
		return &t.Plan
	case 4:
		return &t.Reverification
	}
	panic("BUG: no such member of a requirement")
}

// memberOf is the index of key in members, or -1.
func memberOf(key []byte) int {
	for m, name := range members {
		if string(key) == name {
			return m
		}
	}
	return -1
}
