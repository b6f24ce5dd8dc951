package route

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"postern/sidecar/model"
	"postern/sidecar/phrase"
)

// New compiles routes. It reports all mistakes at once, each with the position of its
// route: patterns that are none, parameters that a pattern does not have, and patterns
// that match a request both without one being the more specific, with both positions. No
// routes at all make a nil Router, which matches nothing.
func New(routes []model.Route) (*Router, error) {
	if routes == nil {
		return nil, nil
	}
	r := &Router{mux: http.NewServeMux()}
	var mistakes []error
	for i := range routes {
		c, err := r.add(&routes[i])
		if err != nil {
			mistakes = append(mistakes, model.Mistake{Position: routes[i].Position, Cause: err.Error()})
			continue
		}
		r.routes = append(r.routes, c)
		r.byHost = r.byHost || c.pattern.host != ""
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return r, nil
}

// add compiles one route and registers its pattern.
func (r *Router) add(route *model.Route) (*compiled, error) {
	p, err := parsePattern(route.Match)
	if err != nil {
		return nil, fmt.Errorf("match %s: %w", phrase.Quote(route.Match), err)
	}
	for name, value := range map[string]string{"organization": route.Organization, "organization_slug": route.OrganizationSlug} {
		if _, err := p.parameter(value); err != nil {
			return nil, fmt.Errorf("%s %s: %w", name, phrase.Quote(value), err)
		}
	}
	c := &compiled{route: route, pattern: p}
	if message := register(r.mux, p.text(), c); message != "" {
		return nil, r.clash(c, message)
	}
	return c, nil
}

// register is mux.Handle, whose panic is a message here.
func register(mux *http.ServeMux, pattern string, h http.Handler) (message string) {
	defer func() {
		if p := recover(); p != nil {
			message = fmt.Sprint(p)
		}
	}()
	mux.Handle(pattern, h)
	return ""
}

// clash says what a pattern that could not be registered is in conflict with.
func (r *Router) clash(c *compiled, message string) error {
	for _, other := range r.routes {
		pair := http.NewServeMux()
		register(pair, other.pattern.text(), other)
		if register(pair, c.pattern.text(), c) == "" {
			continue
		}
		if other.pattern.text() == c.pattern.text() {
			return fmt.Errorf("match %s: %s has the same pattern", phrase.Quote(c.route.Match), other.route.Position)
		}
		return fmt.Errorf("match %s: it overlaps with %s of %s, and neither is the more specific: there are requests that both match",
			phrase.Quote(c.route.Match), phrase.Quote(other.route.Match), other.route.Position)
	}
	// The mux parses patterns itself; what it refuses beyond our own parse says why.
	if _, cause, ok := strings.Cut(message, "\": "); ok {
		message = cause
	}
	return fmt.Errorf("match %s: %s", phrase.Quote(c.route.Match), message)
}
