package requirement

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// shown is how many bytes of a caller's text an error quotes at most.
const shown = 40

// UnknownKey is the error for a key that is none of a requirement's, nor one of the
// others that its object may have. It names the nearest of them, if one is near.
func UnknownKey(name string, others ...string) error {
	known := append(slices.Clone(members[:]), anyKey, allKey)
	best, distance := "", 3
	for _, k := range append(known, others...) {
		if d := edits(strings.ToLower(cut(name)), k); d < distance && d <= len(k)/2 {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Errorf("unknown key %q, did you mean %q?", cut(name), best)
	}
	return fmt.Errorf("unknown key %q", cut(name))
}

// edits is the Levenshtein distance of two short strings, in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// cut shortens s to what an error may quote.
func cut(s string) string {
	if len(s) <= shown {
		return s
	}
	end := shown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// syntaxError says where text is not the JSON that we read. The decoder's own words
// are left out, for they quote the text at any length.
func syntaxError(err error) error {
	syntax, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return fmt.Errorf("read requirement: %w", err)
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return fmt.Errorf("read requirement: %q is given twice", cut(syntax.JSONPointer.LastToken()))
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
	return fmt.Sprintf("requirement at %q", cut(string(p)))
}
