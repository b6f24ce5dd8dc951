package bundle

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"postern/sidecar/phrase"
)

// entrypoint is a package and a rule, with slashes. The package config, which cannot
// import this one, has the same pattern, so that an entrypoint is the same thing in the
// file and in a manifest; the tests of both have the same cases.
var entrypoint = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*(/[A-Za-z_][A-Za-z0-9_-]*)+$`)

// CheckEntrypoint accepts the slash path of a rule below data, such as
// postern/check/decision: package and rule, each segment of ASCII letters, digits, _ and
// -, and not beginning with a digit or -. The first is not data, which is written nowhere.
func CheckEntrypoint(path string) error {
	if entrypoint.MatchString(path) && !strings.HasPrefix(path, "data/") {
		return nil
	}
	return fmt.Errorf("%s is not the path of a rule: want package and rule with slashes, such as postern/check/decision", phrase.Quote(path))
}

// entrypoints reads metadata.postern.entrypoints.
func entrypoints(value any) (Entrypoints, error) {
	var e Entrypoints
	err := paths("metadata.postern.entrypoints", value, e.fields(), func(v any) error {
		return paths("metadata.postern.entrypoints.search", v, e.Search.fields(), nil)
	})
	return e, err
}

func (e *Entrypoints) fields() map[string]*string {
	return map[string]*string{"check": &e.Check, "route": &e.Route, "evaluate": &e.Evaluate}
}

func (s *Search) fields() map[string]*string {
	return map[string]*string{"subject": &s.Subject, "resource": &s.Resource, "action": &s.Action}
}

// paths reads an object of entrypoints into fields; search, if there may be one, is
// given the member of that name.
func paths(where string, value any, fields map[string]*string, search func(any) error) error {
	members, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s must be an object", where)
	}
	known := slices.Sorted(maps.Keys(fields))
	if search != nil {
		known = append(known, "search")
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if name == "search" && search != nil {
			if err := search(members[name]); err != nil {
				return err
			}
			continue
		}
		field, ok := fields[name]
		if !ok {
			return fmt.Errorf("unknown entrypoint %s in %s%s", phrase.Quote(name), where, phrase.DidYouMean(phrase.Suggest(name, known)))
		}
		s, ok := members[name].(string)
		if !ok {
			return fmt.Errorf("%s.%s must be a string", where, name)
		}
		if err := CheckEntrypoint(s); err != nil {
			return fmt.Errorf("%s.%s: %w", where, name, err)
		}
		*field = s
	}
	return nil
}

// add takes the entrypoints of another source. Two that differ are a mistake.
func (e *Entrypoints) add(other Entrypoints) error {
	for _, pair := range [][2]map[string]*string{{e.fields(), other.fields()}, {e.Search.fields(), other.Search.fields()}} {
		for _, name := range slices.Sorted(maps.Keys(pair[0])) {
			mine, theirs := pair[0][name], *pair[1][name]
			if *mine != "" && theirs != "" && *mine != theirs {
				return fmt.Errorf("entrypoint %s is %s, and %s in another source", name, phrase.Quote(theirs), phrase.Quote(*mine))
			}
			if theirs != "" {
				*mine = theirs
			}
		}
	}
	return nil
}
