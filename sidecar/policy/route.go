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
	query, err := url.ParseQuery(r.Target.Query)
	if err != nil && p.queries {
		return decision.Because(decision.RequestMalformed, "the query cannot be read, and the bundle has rules about it"), governs, nil
	}
	document, err := routeDocument(p.gated(in), r, query, governs)
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
func routeDocument(in Input, r request.Proxied, query url.Values, governs route.Match) (ast.Value, error) {
	object := in.document()
	object.Insert(ast.InternedTerm("request"), requestTerm(r, query))
	object.Insert(ast.InternedTerm("route"), routeTerm(governs))
	if governs.Route != nil && governs.Route.Require != nil {
		if err := in.require(object, *governs.Route.Require); err != nil {
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
		member("signed_in", ast.InternedTerm(m.Route.SignedIn)),
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
// of it.
func requestTerm(r request.Proxied, query url.Values) *ast.Term {
	headers := ast.NewObject()
	for name, value := range r.Headers {
		headers.Insert(ast.StringTerm(name), ast.StringTerm(value))
	}
	values := ast.NewObject()
	for name, list := range query {
		values.Insert(ast.StringTerm(name), stringsOf(list))
	}
	return ast.ObjectTerm(
		member("door", ast.StringTerm(r.Door)),
		member("method", ast.StringTerm(r.Method)),
		member("scheme", stated(r.Scheme)),
		member("host", stated(r.Host)),
		member("path", ast.StringTerm(r.Target.Path)),
		member("segments", stringsOf(r.Target.Segments())),
		member("query", ast.NewTerm(values)),
		member("headers", ast.NewTerm(headers)),
	)
}

// readsQuery reports whether any rule may read input.request.query: a query that cannot be
// read then denies, since a rule that denies by it would find nothing. Where none does,
// such a query is the upstream's affair.
func readsQuery(modules map[string]*ast.Module) bool {
	reads := false
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Var: // the input by itself, as in json.marshal(input)
			reads = reads || x.Equal(ast.InputRootDocument.Value)
		case *ast.Head: // whose reference the visitor leaves out
			visitor.Walk(x.Reference)
		case ast.Ref:
			if !x[0].Equal(ast.InputRootDocument) {
				return false
			}
			reads = reads || mayLead(x[1:], "request", "query")
			for _, t := range x[1:] {
				visitor.Walk(t)
			}
			return true
		}
		return false
	})
	for _, module := range modules {
		visitor.Walk(module)
	}
	return reads
}

// mayLead reports whether a reference leads to what is at path, or to something around it.
func mayLead(ref ast.Ref, path ...string) bool {
	for i, want := range path {
		if i == len(ref) {
			return true
		}
		if name, fixed := ref[i].Value.(ast.String); fixed && string(name) != want {
			return false
		}
	}
	return true
}
