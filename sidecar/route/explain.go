package route

import (
	"net/http"
	"slices"

	"postern/sidecar/model"
)

// An Explanation says what governs a request and what comes near to it.
type Explanation struct {
	Match
	// Slash is the route that would match if the path ended in a slash. A server with the
	// same routes would redirect there; here the request is denied.
	Slash *model.Route
	// Others are the routes that fit the path, by another method or host, or less
	// specific than the one that governs; in the order of the model.
	Others []*model.Route
	// Methods are those that a route lists for the path where the request's own is not one.
	Methods []string
	// Unknown is where the routes name hosts and the request's is not known.
	Unknown bool
}

// Explain matches like [Router.Match] and says besides what did not match, and why.
func (r *Router) Explain(method, host, path string) Explanation {
	e := Explanation{Match: r.Match(method, host, path)}
	if r == nil {
		return e
	}
	if host == "" && r.byHost {
		e.Unknown = true
		return e
	}
	for _, c := range r.routes {
		if c.route == e.Route || !c.fits(path) {
			continue
		}
		e.Others = append(e.Others, c.route)
		if e.Route == nil && c.pattern.method != "" && (c.pattern.host == "" || c.pattern.host == host) {
			e.Methods = append(e.Methods, c.pattern.method)
		}
	}
	slices.Sort(e.Methods)
	e.Methods = slices.Compact(e.Methods)
	if e.Route == nil && path[len(path)-1] != '/' {
		e.Slash = r.Match(method, host, path+"/").Route
	}
	return e
}

// fits asks a mux that has nothing but the pattern's path.
func (c *compiled) fits(path string) bool {
	alone := &Router{mux: http.NewServeMux()}
	if register(alone.mux, c.pattern.path, c) != "" {
		return false
	}
	return alone.Match("GET", "", path).Route != nil
}
