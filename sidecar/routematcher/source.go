package routematcher

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"postern/sidecar/phrase"
)

// function is what makes a list's matcher.
const function = "createRouteMatcher"

// calling tells a program from a list. A comment in a list may well name the function.
var calling = regexp.MustCompile(`\b` + function + `\s*[(<]`)

// Read finds the list in a source, which is one of three things: JavaScript or TypeScript
// that calls createRouteMatcher, an array of strings alone, as JSON or JavaScript writes
// it, or lines with a pattern each, where those that begin with # are comments. Of several
// calls it reads the one whose result goes to the given name. It fails at all that is no
// plain string, with its line: a list without one of its patterns is another list.
func Read(source []byte, name string) ([]Pattern, error) {
	if !utf8.Valid(source) {
		return nil, errors.New("the source is not UTF-8")
	}
	text := strings.TrimPrefix(string(source), "\ufeff")
	switch {
	case calling.MatchString(text):
		return readCall(text, name)
	case name != "":
		return nil, fmt.Errorf("the source does not call %s, so nothing in it is called %s", function, phrase.Quote(name))
	case bytes.HasPrefix(bytes.TrimSpace([]byte(text)), []byte("[")):
		return readArray(text)
	}
	return readLines(text)
}

func readLines(text string) ([]Pattern, error) {
	var list []Pattern
	var errs []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case !strings.ContainsAny(line[:1], "/({:"):
			errs = append(errs, fmt.Errorf("line %d: %s is no pattern: it does not begin with a slash", number, phrase.Quote(line)))
		default:
			list = append(list, Pattern{Text: line, Line: number})
		}
	}
	if len(list) == 0 && len(errs) == 0 {
		return nil, errors.New("the source has no pattern in it")
	}
	return list, errors.Join(errs...)
}

func readArray(text string) ([]Pattern, error) {
	r := &reader{scanner: newScanner(text)}
	r.advance()
	list := r.list()
	if r.at.is(";") {
		r.advance()
	}
	if r.at.kind != symbolEnd && r.err == nil {
		r.fail("%s stands behind the list", r.at)
	}
	return list, r.result()
}

// A call is a call of the function, and what came of reading its list.
type call struct {
	name string
	line int
	list []Pattern
	err  error
}

// readCall reads the list of the only call, or of the named one.
func readCall(text, name string) ([]Pattern, error) {
	calls, err := findCalls(text)
	if err != nil {
		return nil, err
	}
	var found []call
	var names []string
	for _, c := range calls {
		if name == "" || c.name == name {
			found = append(found, c)
		}
		names = append(names, fmt.Sprintf("%s (line %d)", phrase.Quote(c.name), c.line))
	}
	switch {
	case len(calls) == 0:
		return nil, fmt.Errorf("the source names %s and does not call it", function)
	case len(found) == 0:
		return nil, fmt.Errorf("no list goes to %s; there are: %s", phrase.Quote(name), strings.Join(names, ", "))
	case len(found) > 1:
		return nil, fmt.Errorf("there are %d lists, and each means something else; say which by the name that it goes to: %s", len(found), strings.Join(names, ", "))
	}
	return found[0].list, found[0].err
}

// findCalls finds every call, whatever is wrong with its list.
func findCalls(text string) ([]call, error) {
	var calls []call
	r := &reader{scanner: newScanner(text)}
	var goes destination
	for r.advance(); r.at.kind != symbolEnd; {
		here := r.at
		r.advance()
		if here.isWord(function) && r.at.is("(") && !goes.before.isWord("function") {
			c := call{name: goes.name(), line: here.line}
			r.advance()
			c.list = r.argument()
			c.err = errors.Join(r.refused...)
			r.refused = nil
			calls = append(calls, c)
		}
		goes.pass(here)
	}
	return calls, r.result()
}

// A destination is the name that the value behind the symbols so far goes to.
type destination struct {
	before, word symbol
	// declared is what const, let or var declares; a type may follow it.
	declared string
	assigned string
}

func (d *destination) pass(s symbol) {
	switch {
	case s.kind == symbolWord && (d.before.isWord("const") || d.before.isWord("let") || d.before.isWord("var")):
		d.declared = s.text
	case s.is("=") || s.is(":"):
		d.assigned = d.word.text
	}
	if s.is("=") && d.declared != "" {
		d.assigned, d.declared = d.declared, ""
	}
	if s.kind == symbolWord {
		d.word = s
	}
	d.before = s
}

func (d *destination) name() string {
	if d.before.is("=") || d.before.is(":") {
		return d.assigned
	}
	return ""
}

// A reader reads lists out of symbols.
type reader struct {
	*scanner
	at      symbol
	refused []error
}

func (r *reader) advance() { r.at = r.next() }

func (r *reader) fail(format string, args ...any) {
	r.refused = append(r.refused, fmt.Errorf("line %d: %s", r.at.line, fmt.Sprintf(format, args...)))
}

// result is what was refused, and where the scanner could not go on.
func (r *reader) result() error { return errors.Join(errors.Join(r.refused...), r.err) }

// argument reads the call's only argument: a list, or one pattern.
func (r *reader) argument() []Pattern {
	var list []Pattern
	switch {
	case r.at.is("["):
		list = r.list()
	default:
		list = r.item(nil)
	}
	if r.at.is(",") {
		r.advance()
	}
	if !r.at.is(")") {
		r.fail("%s stands where the call should end", r.at)
	}
	return list
}

// list reads an array. Behind it stands what follows the array.
func (r *reader) list() []Pattern {
	list := []Pattern{}
	r.advance()
	for !r.at.is("]") {
		list = r.item(list)
		if r.at.is(",") {
			r.advance()
		} else if !r.at.is("]") {
			r.fail("%s stands where the list should go on or end", r.at)
			return list
		}
	}
	r.advance()
	return list
}

// item reads one element, and refuses it unless it is a string and nothing else.
func (r *reader) item(list []Pattern) []Pattern {
	first := r.at
	if first.kind != symbolString {
		r.fail("%s is no plain string, and only strings can be carried over", first)
		r.skip()
		return list
	}
	r.advance()
	if !r.at.is(",") && !r.at.is("]") && !r.at.is(")") {
		r.fail("%s stands behind a string, which must stand alone", r.at)
		r.skip()
		return list
	}
	return append(list, Pattern{Text: first.text, Line: first.line})
}

// skip goes to the end of an element that is refused.
func (r *reader) skip() {
	for depth := 0; r.at.kind != symbolEnd; r.advance() {
		switch {
		case depth == 0 && (r.at.is(",") || r.at.is("]") || r.at.is(")")):
			return
		case r.at.is("[") || r.at.is("(") || r.at.is("{"):
			depth++
		case r.at.is("]") || r.at.is(")") || r.at.is("}"):
			depth--
		}
	}
}
