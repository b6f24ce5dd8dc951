package routematcher

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"postern/sidecar/phrase"
)

// An owned route is that of an entry, with its place among all.
type owned struct {
	route
	entry, place int
}

// settle gives the entries their matches, so that one mux takes them all. It fails with
// every two patterns whose routes no mux takes together.
func (t *Translation) settle(all []owned) error {
	kept, err := t.untangle(t.essential(all))
	if err != nil {
		return err
	}
	for _, o := range kept {
		e := &t.Entries[o.entry]
		e.Matches = append(e.Matches, o.String())
	}
	return nil
}

// essential leaves out the routes that another repeats or covers: all routes of a list
// say the same. Covered routes must go, and not only for brevity: beside / and /foo/ a
// mux redirects /foo to /foo/, where / alone matches it.
func (t *Translation) essential(all []owned) []owned {
	first := map[string]owned{}
	var subtrees []owned
	for _, o := range all {
		if _, ok := first[o.key()]; ok {
			continue
		}
		first[o.key()] = o
		if o.end == subtree {
			subtrees = append(subtrees, o)
		}
	}
	var kept []owned
	for _, o := range all {
		by := first[o.key()]
		if i := slices.IndexFunc(subtrees, func(s owned) bool { return s.key() != o.key() && s.covers(o.route) }); i >= 0 {
			by = subtrees[i]
		} else if by.entry == o.entry && !slices.ContainsFunc(kept, func(k owned) bool { return k.key() == o.key() }) {
			kept = append(kept, o)
			continue
		}
		if by.entry != o.entry {
			t.Entries[o.entry].note("%s is matched by %s of %s", o, by, phrase.Quote(t.Entries[by.entry].Pattern.Text))
		}
	}
	return kept
}

// note tells a reader something once.
func (e *Entry) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(e.Notes, text) {
		e.Notes = append(e.Notes, text)
	}
}

// untangle divides subtrees until one mux takes all routes. A mux refuses /foo/ beside
// /{id}/{$}, as neither is the narrower; it takes what /foo/ is divided into.
func (t *Translation) untangle(routes []owned) ([]owned, error) {
	// Shallow routes come last, so that it is seldom a registered one that is divided:
	// then all begins anew.
	slices.SortStableFunc(routes, func(a, b owned) int { return len(b.parts) - len(a.parts) })
	var errs []error
	mux := http.NewServeMux()
	divisions := 0
	for i := 0; i < len(routes); {
		if len(routes) > maxRoutes || divisions > maxDivisions {
			return nil, errors.New("the patterns overlap in too many ways, or come to too many routes")
		}
		err := register(mux, routes[i].String())
		if err == nil {
			i++
			continue
		}
		j := crossing(routes, i)
		if j < 0 {
			panic(fmt.Sprintf("BUG: route %s: %v", routes[i], err))
		}
		switch {
		case divisible(routes[i].route, routes[j].route):
			routes = t.divide(routes, i)
			divisions++
			continue
		case divisible(routes[j].route, routes[i].route):
			routes = t.divide(routes, j)
			divisions++
		default:
			// One conflict of an entry is enough to refuse it.
			errs = append(errs, t.clash(routes[j], routes[i]))
			entry := routes[i].entry
			routes = slices.DeleteFunc(routes, func(o owned) bool { return o.entry == entry })
		}
		mux, i = http.NewServeMux(), 0
	}
	slices.SortStableFunc(routes, func(a, b owned) int { return a.place - b.place })
	return routes, errors.Join(errs...)
}

// crossing finds a route before the i-th that no mux takes beside it. It looks first where
// dividing one of the two would help.
func crossing(routes []owned, i int) int {
	o := routes[i]
	j := slices.IndexFunc(routes[:i], func(other owned) bool {
		return (divisible(o.route, other.route) || divisible(other.route, o.route)) && conflict(o.route, other.route)
	})
	if j < 0 {
		j = slices.IndexFunc(routes[:i], func(other owned) bool { return conflict(o.route, other.route) })
	}
	return j
}

// divisible reports whether dividing a subtree ends its conflict with a deeper route: it
// does where the route has no text that the subtree leaves open.
func divisible(s, deep route) bool {
	if s.end != subtree || len(s.parts) > len(deep.parts) {
		return false
	}
	for i, p := range deep.parts {
		if !p.wild && (i >= len(s.parts) || s.parts[i].wild) {
			return false
		}
	}
	return true
}

// divide puts three routes in a subtree's place, less those that are there already.
func (t *Translation) divide(routes []owned, i int) []owned {
	o := routes[i]
	t.Entries[o.entry].note("%s is written in parts, because other patterns overlap it", o)
	var parts []owned
	for _, r := range o.split() {
		if !slices.ContainsFunc(routes, func(known owned) bool { return known.key() == r.key() }) {
			parts = append(parts, owned{r, o.entry, o.place})
		}
	}
	return slices.Replace(routes, i, i+1, parts...)
}

// clash says which patterns cannot stand in one list.
func (t *Translation) clash(a, b owned) error {
	other := "its own"
	if a.entry != b.entry {
		other = "that of pattern " + phrase.Quote(t.Entries[a.entry].Pattern.Text)
	}
	return &Refusal{
		Pattern: t.Entries[b.entry].Pattern,
		Reason:  fmt.Sprintf("its route %s and %s, %s, have paths in common and neither is the more specific, so no set of routes has both; in a parameter's place, a group of what it may be, such as (en|fr), tells them apart", b, a, other),
	}
}

// register adds a pattern to a mux, which panics at what it does not take.
func register(mux *http.ServeMux, pattern string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	mux.Handle(pattern, http.NotFoundHandler())
	return nil
}

// conflict reports whether no mux takes both routes.
func conflict(a, b route) bool {
	mux := http.NewServeMux()
	return register(mux, a.String()) != nil || register(mux, b.String()) != nil
}
