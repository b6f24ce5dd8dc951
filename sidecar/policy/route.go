package policy

import (
	"context"
	"fmt"
	"net/url"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/route"
)

// Route answers a proxy that asks about a request: which route of the model governs it,
// and whether the session may go on to it. Like [Policy.Check] it never fails.
func (p *Policy) Route(ctx context.Context, in Input, r request.Proxied) (d decision.Decision, governs route.Match, cause error) {
	if r.Host == "" && p.router.ByHost() {
		return decision.Because(decision.RequestMalformed, "the model's routes name hosts, and the request does not say its own"), governs, nil
	}
	governs = p.router.Match(r.Method, r.Host, r.Target.Path)
	document, err := routeDocument(p.gated(in), r, governs)
	if err != nil {
		return decision.Because(decision.RequestMalformed, err.Error()), governs, nil
	}
	d, cause = p.decide(ctx, p.route, document, in.Now)
	return d, governs, cause
}

// Explain says which route governs a request, and what comes near.
func (p *Policy) Explain(r request.Proxied) route.Explanation {
	return p.router.Explain(r.Method, r.Host, r.Target.Path)
}

// routeDocument is the input of the route entrypoint (DESIGN section 4, column route).
func routeDocument(in Input, r request.Proxied, governs route.Match) (ast.Value, error) {
	object := in.document()
	object.Insert(ast.InternedTerm("request"), requestTerm(r))
	object.Insert(ast.InternedTerm("route"), routeTerm(governs))
	if governs.Route != nil && len(governs.Route.Require.Any) > 0 {
		if err := in.require(object, governs.Route.Require); err != nil {
			return nil, fmt.Errorf("route: %w", err)
		}
	}
	return object, nil
}

// routeTerm is null, or the pattern, its parameters, and what the route says besides its
// requirement: whether it is public, and which organization it asks for.
func routeTerm(m route.Match) *ast.Term {
	if m.Route == nil {
		return ast.NullTerm()
	}
	params := ast.NewObject()
	for _, p := range m.Params {
		params.Insert(ast.StringTerm(p.Name), ast.StringTerm(p.Value))
	}
	object := ast.NewObject(
		member("pattern", ast.StringTerm(m.Route.Match)),
		member("params", ast.NewTerm(params)),
		member("public", ast.InternedTerm(m.Route.Public)),
	)
	if asked := m.Route.Organization; asked != "" {
		object.Insert(ast.InternedTerm("organization"), ast.StringTerm(m.Value(asked)))
	}
	if asked := m.Route.OrganizationSlug; asked != "" {
		object.Insert(ast.InternedTerm("organization_slug"), ast.StringTerm(m.Value(asked)))
	}
	return ast.NewTerm(object)
}

// requestTerm is the request as policies of a bundle may read it. The library reads none
// of it. A query that cannot be read is absent.
func requestTerm(r request.Proxied) *ast.Term {
	headers := ast.NewObject()
	for name, value := range r.Headers {
		headers.Insert(ast.StringTerm(name), ast.StringTerm(value))
	}
	object := ast.NewObject(
		member("door", ast.StringTerm(r.Door)),
		member("method", ast.StringTerm(r.Method)),
		member("scheme", stated(r.Scheme)),
		member("host", stated(r.Host)),
		member("path", ast.StringTerm(r.Target.Path)),
		member("segments", stringsOf(r.Target.Segments())),
		member("headers", ast.NewTerm(headers)),
	)
	if query, err := url.ParseQuery(r.Target.Query); err == nil {
		values := ast.NewObject()
		for name, list := range query {
			values.Insert(ast.StringTerm(name), stringsOf(list))
		}
		object.Insert(ast.InternedTerm("query"), ast.NewTerm(values))
	}
	return ast.NewTerm(object)
}
