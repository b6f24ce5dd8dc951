package model

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// A Position is a spot in a file of the bundle. Line and Column count from 1; a zero
// Line is a position that is not known.
type Position struct {
	File   string
	Line   int
	Column int
}

// String is file:line:column, as far as it is known.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// A Place is a member or element of the model document: the names and indices that
// lead to it. Key asks for the member's name rather than its value.
type Place struct {
	Path []string
	Key  bool
}

// A Locator says where places stand in the files that the document was read from, one
// position for each place. A place that a file does not spell out is where its nearest
// parent is.
type Locator func([]Place) []Position

// A Mistake is one fault of the document and where it is.
type Mistake struct {
	Position Position
	Cause    string
}

// Error is file:line:column: cause.
func (m Mistake) Error() string {
	if m.Position == (Position{}) {
		return m.Cause
	}
	return m.Position.String() + ": " + m.Cause
}

// maxMistakes bounds what one load reports: who made that many made one.
const maxMistakes = 50

// A finding is a Mistake that is yet to be located.
type finding struct {
	place Place
	cause string
}

// A report collects findings up to maxMistakes and counts the rest.
type report struct {
	findings []finding
	more     int
}

func (r *report) full() bool { return len(r.findings) >= maxMistakes }

func (r *report) add(place Place, cause string) {
	if r.full() {
		r.more++
		return
	}
	r.findings = append(r.findings, finding{place, cause})
}

// mistakes locates the findings and puts them in the order of their positions.
func (r *report) mistakes(locate Locator) []Mistake {
	if len(r.findings) == 0 {
		return nil
	}
	places := make([]Place, len(r.findings))
	for i, f := range r.findings {
		places[i] = f.place
	}
	positions := locate(places)
	found := make([]Mistake, len(r.findings))
	for i, f := range r.findings {
		found[i] = Mistake{positions[i], f.cause}
	}
	slices.SortStableFunc(found, func(a, b Mistake) int {
		return cmp.Or(
			cmp.Compare(a.Position.File, b.Position.File),
			cmp.Compare(a.Position.Line, b.Position.Line),
			cmp.Compare(a.Position.Column, b.Position.Column),
		)
	})
	if r.more > 0 {
		found = append(found, Mistake{Cause: fmt.Sprintf("and %d more", r.more)})
	}
	return found
}

// err joins the mistakes, or is nil without any.
func (r *report) err(locate Locator) error {
	var errs []error
	for _, m := range r.mistakes(locate) {
		errs = append(errs, m)
	}
	return errors.Join(errs...)
}
