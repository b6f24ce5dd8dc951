package route

import (
	"fmt"
	"strings"

	"postern/sidecar/model"
	"postern/sidecar/phrase"
)

// Doubts are what is probably not meant, in the order of the routes: that next to a guarded
// path, by another method or with or without the final slash, a public route governs. Some
// servers take the one for the other.
func (r *Router) Doubts() []model.Mistake {
	var all []model.Mistake
	if r == nil {
		return nil
	}
	for _, c := range r.routes {
		if c.route.Public {
			continue
		}
		if near, what := r.publicBeside(c); near != nil {
			all = append(all, model.Mistake{Position: c.route.Position, Cause: fmt.Sprintf(
				"%s is guarded, but %s falls to %s (%s), which is public",
				phrase.Quote(c.route.Match), what, phrase.Quote(near.Match), near.Position)})
		}
	}
	return all
}

// publicBeside finds a public route that governs what is next to a guarded one, and says
// which request that is.
func (r *Router) publicBeside(c *compiled) (*model.Route, string) {
	host, path := c.pattern.host, c.pattern.sample()
	if host == "" {
		host = "host.invalid"
	}
	twin := path + "/"
	if strings.HasSuffix(path, "/") {
		twin = strings.TrimSuffix(path, "/")
	}
	type probe struct{ method, path string }
	var probes []probe
	if twin != "" && twin != "//" {
		probes = append(probes, probe{orGet(c.pattern.method), twin})
	}
	if c.pattern.method != "" {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			probes = append(probes, probe{method, path})
		}
	}
	for _, p := range probes {
		if near := r.Match(p.method, host, p.path).Route; near != nil && near.Public {
			return near, p.method + " " + p.path
		}
	}
	return nil, ""
}

func orGet(method string) string {
	if method == "" {
		return "GET"
	}
	return method
}

// sample is a path that the pattern matches.
func (p *pattern) sample() string {
	var b strings.Builder
	for _, s := range p.segments {
		b.WriteByte('/')
		switch {
		case s.end:
		case s.name != "":
			b.WriteString("x")
		default:
			b.WriteString(s.literal)
		}
	}
	return b.String()
}
