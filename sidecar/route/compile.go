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
		if len(mistakes) == maxMistakes {
			mistakes = append(mistakes, errors.New("and there may be more"))
			break
		}
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

// maxMistakes bounds what one load reports, and the work of finding what clashes.
const maxMistakes = 50

// add compiles one route and registers its pattern.
func (r *Router) add(route *model.Route) (*compiled, error) {
	p, err := parsePattern(route.Match)
	if err != nil {
		return nil, fmt.Errorf("match %s: %w", phrase.Quote(route.Match), err)
	}
	if err := p.checkParameter(route.Organization); err != nil {
		return nil, fmt.Errorf("organization %s: %w", phrase.Quote(route.Organization), err)
	}
	if err := p.checkParameter(route.OrganizationSlug); err != nil {
		return nil, fmt.Errorf("organization_slug %s: %w", phrase.Quote(route.OrganizationSlug), err)
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
	if alone := register(http.NewServeMux(), c.pattern.text(), c); alone != "" {
		return fmt.Errorf("match %s: %s", phrase.Quote(c.route.Match), cause(alone))
	}
	for _, other := range r.routes {
		pair := http.NewServeMux()
		register(pair, other.pattern.text(), other)
		if register(pair, c.pattern.text(), c) == "" {
			continue
		}
		if other.pattern.equal(&c.pattern) {
			return fmt.Errorf("match %s: %s has the same pattern", phrase.Quote(c.route.Match), other.route.Position)
		}
		return fmt.Errorf("match %s: it overlaps with %s of %s, and neither is the more specific: there are requests that both match",
			phrase.Quote(c.route.Match), phrase.Quote(other.route.Match), other.route.Position)
	}
	return fmt.Errorf("match %s: %s", phrase.Quote(c.route.Match), cause(message))
}

// cause is what the mux says of a pattern, without the pattern.
func cause(message string) string {
	if _, after, ok := strings.Cut(message, "\": "); ok {
		return after
	}
	return message
}
