package policy

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/decision"
	"postern/sidecar/model"
	"postern/sidecar/request"
	"postern/sidecar/route"
)

// A Routed is the answer about a request that a proxy asks about.
type Routed struct {
	*decision.Answer
	// Governs is the route of the model that the request falls under; its Route is nil where
	// none does.
	Governs route.Match
}

// Route answers a proxy that asks about a request: which route of the model governs it,
// and whether the session may go on to it. Like [Policy.Check] it never fails.
func (p *Policy) Route(ctx context.Context, in Input, r request.Proxied) (routed Routed, cause error) {
	if r.Host == "" && p.router.ByHost() {
		routed.Answer = because(decision.RequestMalformed, "the model's routes name hosts, and the request does not say its own")
		return routed, nil
	}
	in = p.gated(in)
	routed.Governs = p.router.Match(r.Method, r.Host, r.Target.Path)
	read, err := p.readDocument(r)
	if err != nil {
		routed.Answer = because(decision.RequestMalformed, err.Error())
		return routed, nil
	}
	k := p.key(&p.route.entrypoint)
	defer p.done(k)
	k.proxied(&p.route.entrypoint, in, p.governed[routed.Governs.Route], routed.Governs, read, p.scope)
	if known, ok := p.find(k); ok {
		routed.Answer = known.answer
		return routed, known.cause
	}
	// An evaluation that is given up goes on behind the answer, when the request has gone.
	document, err := routeDocument(&p.route.entrypoint, in, routed.Governs.Clone(), read)
	if err != nil {
		routed.Answer = because(decision.RequestMalformed, err.Error())
		return routed, nil
	}
	routed.Answer, cause = p.decided(ctx, k, &p.route, document, in)
	return routed, cause
}

// Explain says which route governs a request, and what comes near.
func (p *Policy) Explain(r request.Proxied) route.Explanation {
	return p.router.Explain(r.Method, r.Host, r.Target.Path)
}

// routeDocument is the input of the route entrypoint (DESIGN section 4, column route). What
// was read of the request is of [Policy.readDocument].
func routeDocument(e *entrypoint, in Input, governs route.Match, read ast.Object) (ast.Value, error) {
	object, err := in.document(e)
	if err != nil {
		return nil, err
	}
	object.Insert(ast.InternedTerm("route"), routeTerm(governs))
	if governs.Route != nil && governs.Route.Require != nil {
		if err := in.require(object, *governs.Route.Require); err != nil {
			return nil, fmt.Errorf("route: %w", err)
		}
	}
	if read != nil {
		read.Foreach(func(name, value *ast.Term) { object.Insert(name, value) })
	}
	return object, nil
}

// readDocument is what the input says of the request itself, nil where no rule reads that.
// What no rule reads is not in it. What one may read and cannot be read is an error: a rule
// that denies by it would find nothing.
func (p *Policy) readDocument(r request.Proxied) (ast.Object, error) {
	if p.reads == (reads{}) {
		return nil, nil
	}
	r = r.Clone() // for evaluations that go on behind the answer
	var query url.Values
	var content request.Content
	var err error
	if p.reads.query || p.reads.envoyQuery {
		if query, err = url.ParseQuery(r.Target.Query); err != nil {
			return nil, errors.New("the query cannot be read, and the bundle has rules about it")
		}
	}
	if p.reads.body || p.reads.envoyBody {
		if content, err = r.Content(); err != nil {
			return nil, err
		}
	}
	object := ast.NewObject()
	if p.reads.request {
		term, err := p.requestTerm(r, query, content)
		if err != nil {
			return nil, err
		}
		object.Insert(ast.InternedTerm("request"), term)
	}
	return object, p.envoyDocument(object, r, query, content)
}

// routeTerm is null, or the pattern, its parameters, and what the route says besides its
// requirement: whether it is public, and which organization it asks for.
func routeTerm(m route.Match) *ast.Term {
	if m.Route == nil {
		return ast.NullTerm()
	}
	return routeObject(m.Route, m.Params(), m.Value)
}

// routeObject is what a route says, by what its parameters stand for.
func routeObject(r *model.Route, params []route.Param, value func(text string) string) *ast.Term {
	values := ast.NewObject()
	for _, p := range params {
		values.Insert(ast.StringTerm(p.Name), ast.StringTerm(p.Value))
	}
	object := ast.NewObject(
		member("pattern", ast.StringTerm(r.Match)),
		member("params", ast.NewTerm(values)),
		member("public", ast.InternedTerm(r.Public)),
		member("signed_in", ast.InternedTerm(r.SignedIn)),
	)
	if r.Organization != "" {
		object.Insert(ast.InternedTerm("organization"), ast.StringTerm(value(r.Organization)))
	}
	if r.OrganizationSlug != "" {
		object.Insert(ast.InternedTerm("organization_slug"), ast.StringTerm(value(r.OrganizationSlug)))
	}
	return ast.NewTerm(object)
}

// requestTerm is the request as policies of a bundle may read it. The library reads none
// of it.
func (p *Policy) requestTerm(r request.Proxied, query url.Values, content request.Content) (*ast.Term, error) {
	headers := ast.NewObject()
	for name, value := range r.Headers() {
		headers.Insert(ast.StringTerm(name), ast.StringTerm(value))
	}
	object := ast.NewObject(
		member("door", ast.StringTerm(string(r.Door))),
		member("method", ast.StringTerm(r.Method)),
		member("scheme", stated(r.Scheme)),
		member("host", stated(r.Host)),
		member("path", ast.StringTerm(r.Target.Path)),
		member("segments", stringsOf(r.Target.Segments())),
		member("headers", ast.NewTerm(headers)),
	)
	if p.reads.query {
		object.Insert(ast.InternedTerm("query"), queryTerm(query))
	}
	switch {
	case p.reads.body && content.Unread && r.Body == nil:
		return nil, errors.New("the proxy sends no body, and the bundle has rules about bodies")
	case p.reads.body && content.Unread:
		return nil, errors.New("the body is not whole, or of a media type that is not read, and the bundle has rules about bodies")
	}
	if p.reads.body && content.Value != nil {
		body, err := plainValue(content.Value)
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		object.Insert(ast.InternedTerm("body"), ast.NewTerm(body))
	}
	return ast.NewTerm(object), nil
}

func queryTerm(query url.Values) *ast.Term {
	object := ast.NewObject()
	for name, list := range query {
		object.Insert(ast.StringTerm(name), stringsOf(list))
	}
	return ast.NewTerm(object)
}

// envoyDocument adds OPA-Envoy's document, as far as it is read.
func (p *Policy) envoyDocument(object ast.Object, r request.Proxied, query url.Values, content request.Content) error {
	if p.reads.envoy {
		for name, plain := range r.EnvoyDocument() {
			value, err := plainValue(plain)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			object.Insert(ast.StringTerm(name), ast.NewTerm(value))
		}
	}
	if p.reads.envoyQuery {
		object.Insert(ast.InternedTerm("parsed_query"), queryTerm(query))
	}
	if p.reads.envoyBody {
		body, err := plainValue(content.Value)
		if err != nil {
			return fmt.Errorf("body: %w", err)
		}
		object.Insert(ast.InternedTerm("parsed_body"), ast.NewTerm(body))
		object.Insert(ast.InternedTerm("truncated_body"), ast.InternedTerm(content.Truncated))
	}
	return nil
}
