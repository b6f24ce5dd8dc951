package requirement

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/phrase"
)

// UnknownKey is the error for a key that is none of a requirement's, nor one of the
// others that its object may have. It names the nearest of them, if one is near.
func UnknownKey(name string, others ...string) error {
	known := slices.Concat(members[:], []string{anyKey, allKey}, others)
	return fmt.Errorf("unknown key %s%s", phrase.Quote(name), phrase.DidYouMean(phrase.Suggest(name, known)))
}

// syntaxError says where text is not the JSON that we read. The decoder's own words
// are left out, for they quote the text at any length.
func syntaxError(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return fmt.Errorf("read requirement: %w", err)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return fmt.Errorf("read requirement: %s is given twice", phrase.Quote(syntax.JSONPointer.LastToken()))
	}
	return fmt.Errorf("read requirement: not valid JSON at byte %d", syntax.ByteOffset)
}

// open reads the delimiter that starts what must be an object or a list.
func open(dec *jsontext.Decoder, want jsontext.Kind, what string) error {
	kind := dec.PeekKind()
	if kind == want {
		_, err := dec.ReadToken()
		return err
	}
	if _, err := dec.ReadValue(); err != nil {
		return syntaxError(err)
	}
	return fmt.Errorf("%s: %s must be %s, not %s", position(dec), what, kinds[want], kinds[kind])
}

// kinds are the names of JSON's kinds of value.
var kinds = map[jsontext.Kind]string{
	'n': "null", 't': "a boolean", 'f': "a boolean", '"': "a string", '0': "a number",
	'{': "an object", '[': "a list",
}

// position names the value that dec read last, or stands in.
func position(dec *jsontext.Decoder) string {
	return place(dec.StackPointer())
}

// parent names the object whose member dec read last.
func parent(dec *jsontext.Decoder) string {
	return place(dec.StackPointer().Parent())
}

// place is p for an error. Its names are all keys that were recognised, so that it
// quotes no stranger's text, unless the caller's own decoder let one pass.
func place(p jsontext.Pointer) string {
	if p == "" {
		return "requirement"
	}
	return "requirement at " + phrase.Quote(string(p))
}
