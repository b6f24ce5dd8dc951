package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A place is where something was said: a position in the file, a variable or a flag.
// The zero place is nowhere: a default, or something missing.
type place struct {
	name         string
	line, column int // 0 but for a file
}

func (p place) String() string {
	if p.line == 0 {
		return p.name
	}
	return fmt.Sprintf("%s:%d:%d", p.name, p.line, p.column)
}

// A mistake is one thing that is wrong, and where.
type mistake struct {
	place place
	key   string // path of the key, "" where the place says it all
	text  string
}

// Error writes "file:line:column: key: text", "--flag: text" or "key: text".
func (m mistake) Error() string {
	parts := make([]string, 0, 3)
	if m.place.name != "" {
		parts = append(parts, m.place.String())
	}
	if m.key != "" && (m.place.line > 0 || m.place.name == "") {
		parts = append(parts, m.key)
	}
	return strings.Join(append(parts, m.text), ": ")
}

// maxMistakes bounds one message.
const maxMistakes = 100

// A report collects mistakes, and which keys had one, so that what follows from a
// mistake is not another.
type report struct {
	mistakes []mistake
	failed   []string // keys whose value is not what was said
	misspelt []string // keys that are missing because something like them was said
}

// add notes a mistake at a key, "" for none.
func (r *report) add(at place, key, format string, args ...any) {
	r.mistakes = append(r.mistakes, mistake{at, key, fmt.Sprintf(format, args...)})
	if key != "" {
		r.failed = append(r.failed, key)
	}
}

// blames reports whether a mistake is known at key, above it or below it.
func (r *report) blames(key string) bool {
	return slices.ContainsFunc(r.failed, func(f string) bool {
		return f == key || below(f, key) || below(key, f)
	})
}

// below reports whether key is a member of above, as issuers[0].jwks is of issuers.
func below(key, above string) bool {
	rest, ok := strings.CutPrefix(key, above)
	return ok && rest != "" && (rest[0] == '.' || rest[0] == '[')
}

// err joins what was noted, those of the file first and in its order, or is nil.
func (r *report) err() error {
	if len(r.mistakes) == 0 {
		return nil
	}
	sorted := slices.Clone(r.mistakes)
	slices.SortStableFunc(sorted, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.place.line, b.place.line), cmp.Compare(a.place.column, b.place.column))
	})
	errs := make([]error, 0, min(len(sorted), maxMistakes)+1)
	for i, m := range sorted {
		if i == maxMistakes {
			errs = append(errs, fmt.Errorf("and %d more mistakes", len(sorted)-i))
			break
		}
		errs = append(errs, m)
	}
	return errors.Join(errs...)
}

// rank puts what stands in a file before what stands elsewhere, and what is missing last.
func rank(m mistake) int {
	switch {
	case m.place.line > 0:
		return 0
	case m.place.name != "":
		return 1
	}
	return 2
}
