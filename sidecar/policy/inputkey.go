package policy

import (
	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/canonical"
	"postern/sidecar/decision"
	"postern/sidecar/model"
	"postern/sidecar/request"
	"postern/sidecar/requirement"
	"postern/sidecar/route"
)

// What is here appends to a key what an entrypoint reads of an input whose document has
// not been made. It must be the same as [part.append] would append of the document, but
// for the requirement, which stands as the JSON that the document would be made of.

// null is shared; nobody may change it.
var null = ast.NullTerm()

// credentials are the documents of input.credential by code.
var credentials = func() map[decision.Code]*ast.Term {
	all := map[decision.Code]*ast.Term{}
	for _, code := range decision.Codes() {
		all[code] = credentialTerm(code)
	}
	return all
}()

func credentialTerm(code decision.Code) *ast.Term {
	return ast.ObjectTerm(member("code", ast.StringTerm(string(code))))
}

// credential is input.credential.
func (in Input) credential() *ast.Term {
	if in.Subject != nil || in.Trusted {
		return null
	}
	if known := credentials[in.Credential]; known != nil {
		return known
	}
	return credentialTerm(in.Credential)
}

// part appends a part by its value.
func (k *key) part(p *part, value ast.Value) {
	var ok bool
	if k.bytes, ok = p.append(k.bytes, value); !ok {
		k.none = true
	}
}

// text appends a part that is a text, or missing where it is empty.
func (k *key) text(p *part, text string) {
	if text == "" {
		k.part(p, nil)
		return
	}
	k.part(p, ast.String(text))
}

// json appends a part that is an object of JSON, nil where it is missing.
func (k *key) json(p *part, raw jsontext.Value) {
	if raw == nil {
		k.part(p, nil)
		return
	}
	value, err := valueOf(raw)
	if err != nil { // the document cannot be made either, and says why
		k.none = true
		return
	}
	k.part(p, value)
}

// requirement appends input.check.
func (k *key) requirement(normal jsontext.Value) {
	if normal == nil {
		k.bytes = append(k.bytes, markMissing)
		return
	}
	k.bytes = canonical.AppendText(append(k.bytes, markJSON), normal)
}

// who appends a part that is about who asks, and reports whether it is one.
func (k *key) who(e *entrypoint, p *part, in Input, scope uint64, asks requirement.Asks) bool {
	switch p.name {
	case "session":
		if in.Subject == nil {
			k.part(p, ast.NullValue)
			return true
		}
		k.session(e, p, in.Subject, scope)
	case "credential":
		k.part(p, in.credential().Value)
	case "factor_age":
		var age *[2]float64
		if asks.Reverifies && in.Subject != nil {
			age = in.Subject.Session.FactorAge
		}
		k.factorAge(e, p, age, asks.Named)
	default:
		return false
	}
	return true
}

// presetMinutes are those of Clerk's presets, as the library has them.
var presetMinutes = [...]float64{10, 60, 1440}

// freshness is all that presets tell of the age of a factor: that it was never verified,
// or how many of them it is young enough for. Ages grow by the minute and differ in every
// session; what they come to seldom does.
func freshness(age float64) byte {
	if age == -1 {
		return 0
	}
	met := byte(1)
	for _, minutes := range presetMinutes {
		if minutes > age {
			met++
		}
	}
	return met
}

// factorAge appends input.factor_age, nil where it is missing. Where presets are all that it
// is compared with, what it comes to stands for it.
func (k *key) factorAge(e *entrypoint, p *part, age *[2]float64, named bool) {
	switch {
	case age == nil:
		k.part(p, nil)
	case e.footprint.ages && named:
		k.bytes = append(k.bytes, markAges, freshness(age[0]), freshness(age[1]))
	default:
		k.part(p, ast.NewArray(minutes(age[0]), minutes(age[1])))
	}
}

// question appends what is read of a question and of who asks it.
func (k *key) question(e *entrypoint, in Input, q *request.Question, scope uint64) {
	var asks requirement.Asks
	if q.Action == "" {
		asks = q.Require.Asks()
	}
	for i := range e.footprint.parts {
		p := &e.footprint.parts[i]
		if k.none || k.who(e, p, in, scope, asks) {
			continue
		}
		switch p.name {
		case "check":
			if q.Action == "" {
				k.requirement(q.Normal())
			} else {
				k.requirement(nil)
			}
		case "action":
			k.text(p, q.Action)
		case "user_id":
			if q.Action != "" && in.Subject != nil {
				k.part(p, ast.String(in.Subject.Session.UserID))
			} else {
				k.part(p, nil)
			}
		case "resource":
			k.json(p, q.Resource)
		case "context":
			k.json(p, q.Context)
		default: // what no question has
			k.part(p, nil)
		}
	}
}

// A governed is what keys say of one route of the model: what is the same in every
// request, and which of its parameters are read.
type governed struct {
	require jsontext.Value
	asks    requirement.Asks
	paths   []routePath
	// document is where the keys need the whole of input.route.
	document bool
}

// A routePath is a path below input.route: what it comes to in every request, or the
// parameter that it leads to. A parameter that the pattern does not have, and what is
// below one, end the path.
type routePath struct {
	fixed []byte
	param string
	below bool // the path leads on, below the parameter
}

// governs prepares a route for the keys of an entrypoint.
func governs(e *entrypoint, r *model.Route) *governed {
	g := &governed{}
	if r.Require != nil {
		g.require, g.asks = r.Require.AppendJSON(nil), r.Require.Asks()
	}
	term := routeObject(r, nil, func(text string) string { return text })
	for _, p := range e.footprint.parts {
		if p.name != "route" {
			continue
		}
		for _, path := range p.paths {
			g.add(r, term, path.names)
		}
	}
	return g
}

func (g *governed) add(r *model.Route, term *ast.Term, names []*ast.Term) {
	text := func(i int) string { return nameOf(names[i]) }
	switch {
	case len(names) == 0 || text(0) == "params" && len(names) == 1:
		g.document = true
	case text(0) == "params" && text(1) != "": // no parameter has an empty name
		g.paths = append(g.paths, routePath{param: text(1), below: len(names) > 2})
	case text(0) == "organization" && isParam(r.Organization), text(0) == "organization_slug" && isParam(r.OrganizationSlug):
		// Its length is the depth at which what is below it ends; so the document says it.
		g.document = g.document || len(names) > 1
		asked := r.Organization
		if text(0) == "organization_slug" {
			asked = r.OrganizationSlug
		}
		g.paths = append(g.paths, routePath{param: asked[1 : len(asked)-1]})
	default:
		fixed, ok := appendPath(nil, term.Value, names)
		g.document = g.document || !ok
		g.paths = append(g.paths, routePath{fixed: fixed})
	}
}

// isParam reports whether a member of a route stands for a parameter, such as "{org}".
func isParam(text string) bool { return len(text) > 2 && text[0] == '{' }

// route appends input.route.
func (k *key) route(p *part, g *governed, m route.Match) {
	if g == nil || g.document {
		k.part(p, routeTerm(m).Value)
		return
	}
	k.bytes = append(k.bytes, markPart)
	for i := range g.paths {
		path := &g.paths[i]
		if path.param == "" {
			k.bytes = append(k.bytes, path.fixed...)
			continue
		}
		value, ok := m.Param(path.param)
		switch {
		case !ok:
			k.bytes = appendEnd(k.bytes, 1, canonical.Object)
		case path.below:
			k.bytes = appendEnd(k.bytes, 2, canonical.String)
		default:
			k.bytes = canonical.AppendText(append(k.bytes, markValue, canonical.String), value)
		}
	}
}

// proxied appends what is read of a request that a proxy asks about. The document is of
// the request's own parts, as far as they are read; it may be nil.
func (k *key) proxied(e *entrypoint, in Input, g *governed, m route.Match, document ast.Object, scope uint64) {
	var asks requirement.Asks
	if g != nil {
		asks = g.asks
	}
	for i := range e.footprint.parts {
		p := &e.footprint.parts[i]
		if k.none || k.who(e, p, in, scope, asks) {
			continue
		}
		switch p.name {
		case "route":
			k.route(p, g, m)
		case "check":
			if g != nil {
				k.requirement(g.require)
			} else {
				k.requirement(nil)
			}
		default:
			var value ast.Value
			if document != nil {
				if term := document.Get(ast.InternedTerm(p.name)); term != nil {
					value = term.Value
				}
			}
			k.part(p, value)
		}
	}
}
