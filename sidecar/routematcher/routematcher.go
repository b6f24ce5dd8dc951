// Package routematcher carries a createRouteMatcher list over to the patterns of
// [net/http.ServeMux], which are those of a model's routes. The list's patterns are read
// as path-to-regexp 6.3.0 reads them. What comes out matches a part of what the list
// matches, or all of it, and never more: a wider public route is a hole, and a path that
// no route matches is denied. A pattern for which there are no such routes is refused.
package routematcher

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"postern/sidecar/phrase"
)

// The bounds of a list and of what comes of it.
const (
	maxPatterns  = 1000
	maxLength    = 1000
	maxSegments  = 32
	maxBranches  = 64
	maxRoutes    = 1000
	maxDivisions = 64
)

// A Pattern is one string of the list.
type Pattern struct {
	Text string
	Line int
}

// A Translation is what a list comes to.
type Translation struct {
	// Entries has one for each pattern of the list, in its order.
	Entries []Entry
	// Differences are those that hold for the list as a whole.
	Differences []Difference
}

// An Entry is what one pattern comes to.
type Entry struct {
	Pattern Pattern
	// Matches are patterns for ServeMux. No two of a translation conflict or repeat each
	// other, so an entry may be empty because others match all that it would.
	Matches []string
	// Differences are where the routes answer otherwise than the pattern.
	Differences []Difference
	// Notes tell a reader why Matches are as they are, where nothing differs for it.
	Notes []string
}

// A Difference is a kind of path that the list matches, at times, and the routes do not.
type Difference struct {
	Kind Kind
	// Text is for a reader.
	Text string
	// Match is, for [Prefix], the pattern whose last segment may be longer in the list.
	Match string
}

// A Kind names what paths a [Difference] is about.
type Kind string

const (
	// Case is a path with letters in another case than the list's.
	Case Kind = "case"
	// Prefix is a path whose segment only begins as the pattern's does.
	Prefix Kind = "prefix"
	// Ambiguous is a path that is denied before any route is looked for.
	Ambiguous Kind = "ambiguous_path"
	// Unmatched is a pattern that matches no path, or none that its author had in mind.
	Unmatched Kind = "unmatched"
)

// A Refusal is a pattern that is not carried over.
type Refusal struct {
	Pattern Pattern
	// Invalid is whether createRouteMatcher throws on it, too.
	Invalid bool
	Reason  string
}

func (r *Refusal) Error() string {
	where := ""
	if r.Pattern.Line > 0 {
		where = fmt.Sprintf("line %d: ", r.Pattern.Line)
	}
	if r.Invalid {
		return fmt.Sprintf("%spattern %s is invalid, and createRouteMatcher throws on it: %s", where, phrase.Quote(r.Pattern.Text), r.Reason)
	}
	return fmt.Sprintf("%spattern %s: %s", where, phrase.Quote(r.Pattern.Text), r.Reason)
}

// Translate carries a list over. Its error joins every [Refusal] of the list, and then
// there is no translation: half of a list would be another list.
func Translate(list []Pattern) (Translation, error) {
	if len(list) > maxPatterns {
		return Translation{}, fmt.Errorf("the list has %d patterns, more than %d", len(list), maxPatterns)
	}
	var refused []error
	var all []owned
	t := Translation{Entries: make([]Entry, len(list))}
	letters := false
	for i, p := range list {
		e := &t.Entries[i]
		e.Pattern = p
		routes, err := e.translate()
		if err != nil {
			refused = append(refused, err)
			continue
		}
		for _, r := range routes {
			letters = letters || r.cased()
			all = append(all, owned{route: r, entry: i, place: len(all)})
		}
	}
	if len(refused) > 0 {
		return Translation{}, errors.Join(refused...)
	}
	if err := t.settle(all); err != nil {
		return Translation{}, err
	}
	t.Differences = general(letters, len(all) > 0)
	return t, nil
}

// general are the differences that come from what paths and routes are, whatever the list.
func general(letters, routes bool) []Difference {
	var all []Difference
	if letters {
		all = append(all, Difference{Kind: Case, Text: "letters match in the case in which the list has them, and no other"})
	}
	if routes {
		all = append(all, Difference{Kind: Ambiguous, Text: "a path that can be read in two ways is denied before routing: with empty or dot segments, backslashes, encoded separators, ; or invisible characters; the list may match one"})
	}
	return all
}

// translate finds the routes of the entry's pattern, and how they differ from it.
func (e *Entry) translate() ([]route, error) {
	refuse := func(invalid bool, reason string) ([]route, error) {
		return nil, &Refusal{Pattern: e.Pattern, Invalid: invalid, Reason: reason}
	}
	if len(e.Pattern.Text) > maxLength || !utf8.ValidString(e.Pattern.Text) {
		return refuse(false, fmt.Sprintf("it is longer than %d bytes, or not UTF-8", maxLength))
	}
	tokens, err := parse(e.Pattern.Text)
	if err != nil {
		return refuse(true, err.Error())
	}
	branches, err := expand(tokens)
	if err != nil {
		return refuse(false, err.Error())
	}
	var routes []route
	for _, b := range branches {
		found, differences, err := b.lay()
		if err != nil {
			return refuse(false, err.Error())
		}
		routes = append(routes, found...)
		for _, d := range differences {
			e.differ(d)
		}
	}
	if len(routes) == 0 && len(e.Differences) == 0 {
		e.differ(Difference{Kind: Unmatched, Text: "the pattern matches no path: paths begin with a slash, have no two in a row, and have # and ? only encoded"})
	}
	return routes, nil
}

// differ notes a difference once.
func (e *Entry) differ(d Difference) {
	if !slices.Contains(e.Differences, d) {
		e.Differences = append(e.Differences, d)
	}
}
