package requirement

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// The keys whose value is a list of requirements.
const (
	anyKey = "any"
	allKey = "all"
)

// A Builder reads a requirement whose keys stand in one object with others, such as
// the body of a question that also names a resource. The zero value is ready:
//
//	for dec.PeekKind() != '}' {
//		name, taken, err := b.Next(dec)
//		switch {
//		case err != nil:
//			return err
//		case taken:
//		case name == "resource":
//			…
//		default:
//			return requirement.UnknownKey(name, "resource")
//		}
//	}
//
// The decoder must not allow duplicate names or invalid UTF-8, as by default.
type Builder struct {
	plain Term
	asked bool
	// list is anyKey or allKey once that key was read, and clauses its value.
	list    string
	clauses []clause
	// depth counts the requirements around this one.
	depth int
	words *words
}

// Next reads the next name of the object that dec stands in. If it is a key of a
// requirement, Next reads its value too and reports that it took the member. If not,
// name is the key, and the value is left to the caller.
func (b *Builder) Next(dec *jsontext.Decoder) (name string, taken bool, err error) {
	key, err := readName(dec)
	if err != nil {
		return "", false, err
	}
	if m := memberOf(key); m >= 0 {
		return members[m], true, b.readMember(dec, m)
	}
	switch string(key) {
	case anyKey:
		return anyKey, true, b.readList(dec, anyKey)
	case allKey:
		return allKey, true, b.readList(dec, allKey)
	}
	return string(key), false, nil
}

// Asked reports whether any key of a requirement was read, be it one that asks for
// nothing such as an empty any.
func (b *Builder) Asked() bool {
	return b.asked
}

// Requirement is what was read so far, normalised.
func (b *Builder) Requirement() Requirement {
	if b.list != "" {
		return Requirement{Any: b.words.terms(b.clauses)}
	}
	if !b.asked {
		return Requirement{}
	}
	return Requirement{Any: []Term{b.plain}}
}

// object reads one whole requirement.
func (b *Builder) object(dec *jsontext.Decoder) error {
	if err := open(dec, '{', "a requirement"); err != nil {
		return err
	}
	if b.depth >= MaxDepth {
		return fmt.Errorf("%s: requirements nest more than %d deep", position(dec), MaxDepth)
	}
	for dec.PeekKind() != '}' {
		name, taken, err := b.Next(dec)
		if err != nil {
			return err
		}
		if !taken {
			return fmt.Errorf("%s: %w", parent(dec), UnknownKey(name))
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return syntaxError(err)
	}
	return nil
}

// readMember reads the value of a plain key.
func (b *Builder) readMember(dec *jsontext.Decoder, m int) error {
	if b.list != "" {
		return fmt.Errorf("%s: %q and %q stand side by side; wrap both in \"all\"", parent(dec), b.list, members[m])
	}
	field := b.plain.member(m)
	if *field != nil {
		return fmt.Errorf("%s: %q is given twice", parent(dec), members[m])
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return syntaxError(err)
	}
	if *field, err = canonical(raw); err != nil {
		return syntaxError(err)
	}
	b.asked = true
	return nil
}

// readList reads the value of any or all.
func (b *Builder) readList(dec *jsontext.Decoder, key string) error {
	if b.list != "" || b.asked {
		return fmt.Errorf("%s: %q stands beside other keys of a requirement; wrap them in \"all\"", parent(dec), key)
	}
	b.asked, b.list = true, key
	if b.words == nil {
		b.words = newWords()
	}
	if err := open(dec, '[', key); err != nil {
		return err
	}
	for first := true; dec.PeekKind() != ']'; first = false {
		child := Builder{depth: b.depth + 1, words: b.words}
		if err := child.object(dec); err != nil {
			return err
		}
		if err := b.join(child.expand(), first); err != nil {
			return fmt.Errorf("%s: %w", position(dec), err)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return syntaxError(err)
	}
	return nil
}

// join adds one element of the list to the clauses of those before it.
func (b *Builder) join(element []clause, first bool) (err error) {
	switch {
	case first:
		b.clauses = element
	case b.list == anyKey:
		b.clauses, err = b.words.or(b.clauses, element)
	default:
		b.clauses, err = b.words.and(b.clauses, element)
	}
	return err
}

// expand is what was read, as clauses. No clause is false: nothing was asked.
func (b *Builder) expand() []clause {
	if b.list != "" {
		return b.clauses
	}
	if !b.asked {
		return nil
	}
	return []clause{b.words.clause(&b.plain)}
}

// readName reads the name of an object's next member. The result is only valid until
// dec is used again.
func readName(dec *jsontext.Decoder) ([]byte, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return nil, syntaxError(err)
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], nil
	}
	name, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return nil, syntaxError(err)
	}
	return name, nil
}

// canonical returns a copy of raw in one spelling: no white space, names sorted,
// strings escaped only where they must be. Numbers stay as they are written, for
// anything else would round them.
func canonical(raw jsontext.Value) (jsontext.Value, error) {
	own := raw.Clone()
	switch own.Kind() {
	case '{', '[':
	case '"':
		if bytes.IndexByte(own, '\\') < 0 {
			return own, nil
		}
	default:
		return own, nil
	}
	err := own.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	return own, err
}
