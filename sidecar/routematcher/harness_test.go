package routematcher

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/model"
	"postern/sidecar/request"
	routing "postern/sidecar/route"
)

// list makes a list of patterns, on lines from 1.
func list(patterns ...string) []Pattern {
	all := []Pattern{}
	for i, p := range patterns {
		all = append(all, Pattern{Text: p, Line: i + 1})
	}
	return all
}

// An imported list is a translation with the router that serves it.
type imported struct {
	Translation
	router *routing.Router
}

// carry translates a list and compiles the routes as the server does.
func carry(t testing.TB, patterns []Pattern) (imported, error) {
	t.Helper()
	got, err := Translate(patterns)
	if err != nil {
		return imported{}, err
	}
	routes := []model.Route{}
	for _, e := range got.Entries {
		for _, match := range e.Matches {
			routes = append(routes, model.Route{Match: match, SignedIn: true})
		}
	}
	r, err := routing.New(routes)
	if err != nil {
		t.Fatalf("routes of %+v: %v", patterns, err)
	}
	return imported{got, r}, nil
}

// ask reports whether a route matches the raw path, and the path that it is asked for. A
// path that is denied before routing is not asked for, and matches nothing.
func (i imported) ask(raw string) (matched bool, path string) {
	target, err := request.ParseTarget(raw)
	if err != nil {
		return false, ""
	}
	return i.router.Match("GET", "", target.Path).Route != nil, target.Path
}

// explains reports whether a stated difference is why the list matches a path and the
// routes do not. An empty path is one that was denied.
func (i imported) explains(path string) bool {
	stated := slices.Clone(i.Differences)
	for _, e := range i.Entries {
		stated = append(stated, e.Differences...)
	}
	for _, d := range stated {
		switch d.Kind {
		case Ambiguous, Unmatched:
			if path == "" {
				return true
			}
		case Prefix:
			if longer(d.Match, path) {
				return true
			}
		case Case:
			if i.matchesFolded(path) {
				return true
			}
		}
	}
	return false
}

// longer reports whether a path has more in its segment than a pattern's last one has.
func longer(match, path string) bool {
	expression := regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(match), `[^/]+`)
	return regexp.MustCompile(`(?is)^` + expression + `[^/]`).MatchString(path)
}

// matchesFolded reports whether routes match a path but for the case of letters.
func (i imported) matchesFolded(path string) bool {
	routes := []model.Route{}
	seen := map[string]bool{}
	for _, e := range i.Entries {
		for _, match := range e.Matches {
			folded := regexp.MustCompile(`\{\w+\}|[^{}]+`).ReplaceAllStringFunc(match, func(s string) string {
				if s[0] == '{' {
					return s
				}
				return strings.ToUpper(s)
			})
			if !seen[folded] {
				routes = append(routes, model.Route{Match: folded, SignedIn: true})
			}
			seen[folded] = true
		}
	}
	r, err := routing.New(routes)
	return err == nil && path != "" && r.Match("GET", "", strings.ToUpper(path)).Route != nil
}
