package policy

import (
	"context"
	"errors"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"postern/sidecar/authzen"
	"postern/sidecar/bundle"
	"postern/sidecar/decision"
	"postern/sidecar/request"
)

// A KeyPart is what a key says of one part of the input: as it is made without a document,
// and as it would be made of the document.
type KeyPart struct {
	Name           string
	Made, Expected []byte
	// Value is what the document has, nil where it has nothing.
	Value ast.Value
}

// Keyed is the whole key of one evaluation, and its parts.
type Keyed struct {
	Shared   bool
	Key      []byte // nil for what has no key
	Parts    []KeyPart
	Document ast.Value
}

// everything is an entrypoint whose document has all in it.
var everything = &entrypoint{footprint: &footprint{whole: &ast.Location{}}}

// KeyCheck makes the key of a question, and its document.
func (p *Policy) KeyCheck(in Input, q *request.Question) (Keyed, error) {
	in = p.gated(in)
	document, err := checkDocument(everything, in, q)
	if err != nil {
		return Keyed{}, err
	}
	return keyed(&p.check.entrypoint, document, func(k *key, e *entrypoint) { k.question(e, in, q, p.scope) }), nil
}

// KeyRoute makes the key of a request that a proxy asks about, and its document.
func (p *Policy) KeyRoute(in Input, r request.Proxied) (Keyed, error) {
	in = p.gated(in)
	match := p.router.Match(r.Method, r.Host, r.Target.Path)
	read, err := p.readDocument(r)
	if err != nil {
		return Keyed{}, err
	}
	document, err := routeDocument(everything, in, match, read)
	if err != nil {
		return Keyed{}, err
	}
	return keyed(&p.route.entrypoint, document, func(k *key, e *entrypoint) {
		g := p.governed[match.Route]
		if g != nil && e != &p.route.entrypoint {
			g = governs(e, match.Route) // of one part
		}
		k.proxied(e, in, g, match, read, p.scope)
	}), nil
}

// KeyEvaluate makes the key of an evaluation, and its document.
func (p *Policy) KeyEvaluate(in Input, e *authzen.Evaluation) (Keyed, error) {
	return p.keyMatter(in, &p.evaluate.entrypoint, matter{Evaluation: e})
}

// KeySearch makes the key of a search, and its document.
func (p *Policy) KeySearch(in Input, s *authzen.Search) (Keyed, error) {
	return p.keyMatter(in, &p.searches[s.Kind].entrypoint, matter{&s.Evaluation, s.Kind})
}

func (p *Policy) keyMatter(in Input, e *entrypoint, m matter) (Keyed, error) {
	in = p.gated(m.asked(in))
	document, err := m.document(everything, in)
	if err != nil {
		return Keyed{}, err
	}
	return keyed(e, document, func(k *key, e *entrypoint) { k.matter(e, in, m, p.scope) }), nil
}

// keyed appends the parts one by one, and all of them at once.
func keyed(e *entrypoint, document ast.Value, appendTo func(k *key, e *entrypoint)) Keyed {
	all := &key{}
	appendTo(all, e)
	made := Keyed{Shared: e.shared, Document: document}
	if !all.none {
		made.Key = all.bytes
	}
	for i := range e.footprint.parts {
		p := &e.footprint.parts[i]
		one := *e
		one.footprint = &footprint{parts: e.footprint.parts[i : i+1]}
		k := &key{}
		appendTo(k, &one)
		var value ast.Value
		if term := document.(ast.Object).Get(ast.StringTerm(p.name)); term != nil {
			value = term.Value
		}
		expected, ok := p.append(nil, value)
		if !ok || k.none {
			continue
		}
		made.Parts = append(made.Parts, KeyPart{p.name, k.bytes, expected, value})
	}
	return made
}

// AppendKey is the key of one value of JSON under paths.
func AppendKey(raw string, paths ...[]string) (made []byte, value ast.Value, ok bool) {
	value, err := valueOf([]byte(raw))
	if err != nil {
		return nil, nil, false
	}
	made, ok = partOf(paths...).append(nil, value)
	return made, value, ok
}

func partOf(paths ...[]string) *part {
	p := &part{}
	for _, names := range paths {
		var path inputPath
		for _, name := range names {
			path.names = append(path.names, ast.StringTerm(name))
		}
		p.paths = append(p.paths, path)
	}
	return p
}

// Forgetful is the same policy, and remembers nothing.
func (p *Policy) Forgetful() *Policy {
	none, err := NewMemo(0)
	if err != nil {
		panic(err)
	}
	return &Policy{
		bound: p.bound, check: p.check, route: p.route, evaluate: p.evaluate, searches: p.searches, effective: p.effective, router: p.router, governed: p.governed, reads: p.reads,
		revoked: p.revoked, memo: none, store: p.store, generation: p.generation, scope: p.scope,
	}
}

// A ReadPath is a path of a footprint; Replaced is whether only a with replaces it.
type ReadPath struct {
	Names    []string
	Replaced bool
}

// Paths are what an entrypoint that decides reads, by the parts of the input. shared is
// whether its decisions are remembered.
func (p *Policy) Paths(name string) (paths []ReadPath, shared bool) {
	e := map[string]*entrypoint{"check": &p.check.entrypoint, "route": &p.route.entrypoint, "evaluate": &p.evaluate.entrypoint}[name]
	for _, part := range e.footprint.parts {
		for _, path := range part.paths {
			names := []string{part.name}
			for _, name := range path.names {
				names = append(names, nameOf(name))
			}
			paths = append(paths, ReadPath{names, path.replaced})
		}
	}
	return paths, e.shared
}

// PlainCheck decides without a memo and without what the evaluator does to be quick: rule
// indexing and early exit.
func (p *Policy) PlainCheck(ctx context.Context, in Input, q *request.Question) (decision.Decision, error) {
	in = p.gated(in)
	document, err := checkDocument(everything, in, q)
	if err != nil {
		return decision.Decision{}, err
	}
	return p.plain(ctx, &p.check, in, document)
}

// PlainRoute is [Policy.PlainCheck] for what a proxy asks.
func (p *Policy) PlainRoute(ctx context.Context, in Input, r request.Proxied) (decision.Decision, error) {
	in = p.gated(in)
	read, err := p.readDocument(r)
	if err != nil {
		return decision.Decision{}, err
	}
	document, err := routeDocument(everything, in, p.router.Match(r.Method, r.Host, r.Target.Path), read)
	if err != nil {
		return decision.Decision{}, err
	}
	return p.plain(ctx, &p.route, in, document)
}

// Evaluated is [Policy.Evaluate] as far as it is remembered: what the entrypoint says, also of
// a session that is none.
func (p *Policy) Evaluated(ctx context.Context, in Input, e *authzen.Evaluation) (*decision.Answer, error) {
	m := matter{Evaluation: e}
	return p.evaluated(ctx, p.gated(m.asked(in)), m)
}

// PlainEvaluate is [Policy.PlainCheck] for [Policy.Evaluated].
func (p *Policy) PlainEvaluate(ctx context.Context, in Input, e *authzen.Evaluation) (decision.Decision, error) {
	m := matter{Evaluation: e}
	in = p.gated(m.asked(in))
	document, err := m.document(everything, in)
	if err != nil {
		return decision.Decision{}, err
	}
	return p.plain(ctx, &p.evaluate, in, document)
}

func (p *Policy) plain(ctx context.Context, by *decider, in Input, document ast.Value) (decision.Decision, error) {
	ask := func(q rego.PreparedEvalQuery) (any, error) {
		results, err := q.Eval(ctx, rego.EvalParsedInput(document), rego.EvalTransaction(p.store.Reading()), rego.EvalTime(in.Now),
			rego.EvalRuleIndexing(false), rego.EvalEarlyExit(false))
		if err != nil {
			return nil, err
		}
		if len(results) != 1 {
			return nil, errUndefined
		}
		return results[0].Expressions[0].Value, nil
	}
	result, err := ask(by.decision)
	if errors.Is(err, errUndefined) {
		return Refusal(err), nil
	}
	if err != nil {
		return decision.Decision{}, err
	}
	answer, err := by.read(result)
	if err != nil {
		return Refusal(err), nil
	}
	d := answer.Decision
	if !d.Allow || by.denials == nil {
		return d, nil
	}
	result, err = ask(*by.denials)
	if err != nil {
		return decision.Decision{}, err
	}
	if len(result.([]any)) == 0 {
		return d, nil
	}
	reasons, err := reasonsOf(result.([]any))
	if err != nil {
		return Refusal(err), nil
	}
	return decision.Denied(reasons...), nil
}

// Several compiles a bundle once, and makes a policy of each of some entrypoints that decide:
// check, route or evaluate.
func Several(ctx context.Context, b *bundle.Bundle, bound *Bound, o Options, name string, paths ...string) ([]*Policy, error) {
	c, err := compile(ctx, b, o)
	if err != nil {
		return nil, err
	}
	var all []*Policy
	for _, path := range paths {
		p := &Policy{bound: bound, store: c.store, generation: generations.Add(1), memo: o.Memo}
		one := *c
		one.entrypoints = libraryEntrypoints
		*map[string]*string{"check": &one.entrypoints.Check, "route": &one.entrypoints.Route, "evaluate": &one.entrypoints.Evaluate}[name] = path
		if p.check, err = one.decider(ctx, checkEntrypoint, one.entrypoints.Check, libraryEntrypoints.Check); err != nil {
			return nil, err
		}
		if p.route, err = one.routeDecider(ctx); err != nil {
			return nil, err
		}
		if p.evaluate, err = one.evaluateDecider(ctx); err != nil {
			return nil, err
		}
		p.scope = p.memo.scope(b, o, one.entrypoints)
		p.reads = readsOf(p.route.footprint)
		if err := p.learn(b.Model); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// IsUndefined reports whether an entrypoint said nothing.
func IsUndefined(err error) bool { return errors.Is(err, errUndefined) }
