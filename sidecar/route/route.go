// Package route finds the route of the model that governs a request. Matching is
// net/http's: a ServeMux holds the patterns and is asked, and never serves. What it would
// let pass is checked here: methods and hosts of patterns are ones that requests have,
// and a path is only governed by a pattern that it fits as it stands, not by one that it
// would be redirected to.
package route

import (
	"net/http"
	"net/url"

	"postern/sidecar/model"
)

// A Router is the routes of one model. It is safe for concurrent use.
type Router struct {
	mux    *http.ServeMux
	routes []*compiled
	// byHost is whether any pattern names a host.
	byHost bool
}

// A Match is what governs a request: a route and what its parameters stand for, in the
// order of the pattern. A nil Route is a request that no route lists.
type Match struct {
	Route  *model.Route
	Params []Param
}

// A Param is a parameter of a pattern and the part of the path that it stands for.
type Param struct {
	Name, Value string
}

// Param is what a parameter stands for.
func (m Match) Param(name string) (string, bool) {
	for _, p := range m.Params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// Value is what a member of a route such as organization: "{org}" comes to: the value of
// the parameter, or the text itself.
func (m Match) Value(text string) string {
	if len(text) > 2 && text[0] == '{' {
		value, _ := m.Param(text[1 : len(text)-1])
		return value
	}
	return text
}

// A compiled route is the handler of its pattern, which is never called.
type compiled struct {
	route   *model.Route
	pattern pattern
}

func (*compiled) ServeHTTP(http.ResponseWriter, *http.Request) {
	panic("BUG: a route is served")
}

// Match finds the route for a method, a host and a path, each in its normal form (of
// package request). An empty host is one that is not known; it fits no pattern that names
// a host, and where any pattern does, it fits none at all.
func (r *Router) Match(method, host, path string) Match {
	if r == nil || host == "" && r.byHost {
		return Match{}
	}
	c, ok := r.handler(method, host, path).(*compiled)
	if !ok {
		return Match{}
	}
	return Match{Route: c.route, Params: c.pattern.params(path)}
}

// handler asks the mux. Besides the handlers of patterns it returns those that redirect
// to a path with a final slash, and those that answer 404 and 405.
func (r *Router) handler(method, host, path string) http.Handler {
	h, _ := r.mux.Handler(&http.Request{Method: method, Host: host, URL: &url.URL{Path: path}})
	return h
}

// ByHost reports whether any pattern names a host, so that a request must say its own.
func (r *Router) ByHost() bool { return r != nil && r.byHost }
