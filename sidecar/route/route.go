// Package route finds the route of the model that governs a request. Matching is
// net/http's: a ServeMux holds the patterns and is asked, and never serves. What it would
// let pass is checked here: methods and hosts of patterns are ones that requests have,
// and a path is only governed by a pattern that it fits as it stands, not by one that it
// would be redirected to.
package route

import (
	"net/http"
	"net/url"
	"strings"
	"sync"

	"postern/sidecar/model"
)

// A Router is the routes of one model. It is safe for concurrent use.
type Router struct {
	mux    *http.ServeMux
	routes []*compiled
	// byHost is whether any pattern names a host.
	byHost bool
}

// A Match is what governs a request. A nil Route is a request that no route lists. What the
// route's parameters stand for is read when it is asked for, in the path that was matched:
// it is good as long as that is, or [Match.Clone] made the match own it.
type Match struct {
	Route   *model.Route
	pattern *pattern
	path    string
}

// A Param is a parameter of a pattern and the part of the path that it stands for.
type Param struct {
	Name, Value string
}

// Clone is a match that owns the path.
func (m Match) Clone() Match {
	m.path = strings.Clone(m.path)
	return m
}

// Params are what the parameters stand for, in the order of the pattern.
func (m Match) Params() []Param {
	var all []Param
	if m.Route != nil {
		for name, value := range m.pattern.params(m.path) {
			all = append(all, Param{name, value})
		}
	}
	return all
}

// Param is what a parameter stands for.
func (m Match) Param(name string) (string, bool) {
	if m.Route != nil {
		for known, value := range m.pattern.params(m.path) {
			if known == name {
				return value, true
			}
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
	return Match{Route: c.route, pattern: &c.pattern, path: path}
}

// A question is what the mux is asked with: a method, a host and a path. The mux keeps none
// of it.
type question struct {
	request http.Request
	url     url.URL
}

// questions are those that were answered, for the next ones: they are large.
var questions = sync.Pool{New: func() any {
	q := new(question)
	q.request.URL = &q.url
	return q
}}

// handler asks the mux. Besides the handlers of patterns it returns those that redirect
// to a path with a final slash, and those that answer 404 and 405.
func (r *Router) handler(method, host, path string) http.Handler {
	q := questions.Get().(*question)
	q.request.Method, q.request.Host, q.url.Path = method, host, path
	h, _ := r.mux.Handler(&q.request)
	q.request.Method, q.request.Host, q.url.Path = "", "", ""
	questions.Put(q)
	return h
}

// ByHost reports whether any pattern names a host, so that a request must say its own.
func (r *Router) ByHost() bool { return r != nil && r.byHost }
