// Package policy compiles a bundle together with the library and answers questions
// with it: Session + Question -> Decision. A Policy is immutable; a new bundle makes a
// new one.
package policy

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/topdown"

	"postern/sidecar/authzen"
	"postern/sidecar/bundle"
	"postern/sidecar/dataset"
	"postern/sidecar/decision"
	"postern/sidecar/model"
	"postern/sidecar/request"
	"postern/sidecar/route"
)

// Options are what the configuration says about policy.
type Options struct {
	// Entrypoints win over those of the bundle, and both over the library's.
	Entrypoints bundle.Entrypoints
	// Builtins are the names of [OnRequest] that policies may call.
	Builtins []string
	// Memo remembers decisions, for this policy and for those that follow it; nil remembers
	// none.
	Memo *Memo
	// Readable are the hidden documents, model and postern, that [Policy.Data] gives out.
	Readable []string
}

// Rules that are always the library's: what is behind GET /v1/session, and the denials of
// postern.extend.
const (
	effectivePath = "postern/session/effective"
	denialsPath   = "postern/extension/denials"
)

// A Policy is one compiled bundle. It is safe for concurrent use.
type Policy struct {
	bound     *Bound
	check     decider
	route     decider
	evaluate  decider
	searches  map[authzen.Kind]*searchRule
	effective effectiveRule
	router    *route.Router
	governed  map[*model.Route]*governed
	reads     reads
	revoked   model.Revoked
	memo      *Memo
	store     *dataset.Store
	nobody    decision.Known
	data      *data
	logMask   *logMask // nil where the bundle does not say what is logged
	// actions are the names of organization actions, where a bundle's own rule decides checks
	// and with them the evaluations of sessions; else nil.
	actions map[string]bool
	// generation is another one for every policy of the process, and scope for every one with
	// other rules.
	generation, scope uint64
}

// generations counts policies.
var generations atomic.Uint64

// A decider is an entrypoint that decides.
type decider struct {
	entrypoint
	decision rego.PreparedEvalQuery
	// read makes an answer of its result. An error denies with policy_error.
	read func(result any) (*decision.Answer, error)
	// denials is asked after what another entrypoint than the library's allowed. It is nil
	// where it has nothing to say.
	denials *rego.PreparedEvalQuery
}

// New compiles the library and the bundle as one, and checks that every entrypoint is a
// rule. Its errors name file, line and cause.
func New(ctx context.Context, b *bundle.Bundle, bound *Bound, o Options) (p *Policy, err error) {
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("compile: OPA panicked: %v", r)
		}
	}()
	compiled, err := compile(ctx, b, o)
	if err != nil {
		return nil, err
	}
	p = &Policy{bound: bound, store: compiled.store, generation: generations.Add(1), memo: o.Memo}
	if p.memo == nil {
		if p.memo, err = NewMemo(0); err != nil {
			return nil, err
		}
	}
	p.scope = p.memo.scope(b, o, compiled.entrypoints)
	if p.check, err = compiled.decider(ctx, checkEntrypoint, compiled.entrypoints.Check, libraryEntrypoints.Check); err != nil {
		return nil, err
	}
	if p.route, err = compiled.routeDecider(ctx); err != nil {
		return nil, err
	}
	if p.evaluate, err = compiled.evaluateDecider(ctx); err != nil {
		return nil, err
	}
	if p.actions, err = compiled.ownActions(ctx); err != nil {
		return nil, err
	}
	if p.searches, err = compiled.searchRules(ctx); err != nil {
		return nil, err
	}
	p.reads = readsOf(p.route.footprint)
	p.effective.entrypoint = compiled.entrypoint(effectiveEntrypoint, effectivePath)
	if p.effective.query, err = compiled.query(ctx, effectivePath, strict); err != nil {
		return nil, err
	}
	if p.data, err = newData(compiled, b.Data, o.Readable); err != nil {
		return nil, err
	}
	if p.logMask, err = compiled.logMask(ctx, b, bound); err != nil {
		return nil, err
	}
	return p, p.learn(b.Model)
}

// learn takes over what of the model is not for Rego.
func (p *Policy) learn(m *model.Model) (err error) {
	if m == nil {
		return nil
	}
	p.revoked = m.Revoked
	if p.router, err = route.New(m.Routes); err != nil {
		return err
	}
	p.governed = make(map[*model.Route]*governed, len(m.Routes))
	for i := range m.Routes {
		r := &m.Routes[i]
		p.governed[r] = governs(&p.route.entrypoint, r)
	}
	return nil
}

// Warnings are what is probably not meant and refuses nothing, with file and line, besides
// those of the bundle.
func (p *Policy) Warnings() []string {
	var all []string
	for _, m := range p.router.Doubts() {
		all = append(all, m.Error())
	}
	return all
}

// Check answers one question of POST /v1/check. It never fails: what goes wrong is a
// denial, and cause then says to the log what it was.
func (p *Policy) Check(ctx context.Context, in Input, q *request.Question) (answer *decision.Answer, cause error) {
	in = p.gated(in)
	k := p.key(&p.check.entrypoint)
	defer p.done(k)
	k.question(&p.check.entrypoint, in, q, p.scope)
	if known, ok := p.find(k); ok {
		return known.answer, known.cause
	}
	document, err := checkDocument(&p.check.entrypoint, in, q)
	if err != nil {
		return because(decision.RequestMalformed, err.Error()), nil
	}
	return p.decided(ctx, k, &p.check, document, in)
}

// because is a denial that is not remembered.
func because(code decision.Code, message string) *decision.Answer {
	return &decision.Answer{Decision: decision.Because(code, message)}
}

// decided asks an entrypoint, and remembers what it came to under a key.
func (p *Policy) decided(ctx context.Context, k *key, by *decider, document ast.Value, in Input) (*decision.Answer, error) {
	ctx, cancel := in.bounded(ctx)
	defer cancel()
	read := p.store.Reading()
	answer, cause := p.decide(ctx, by, document, read, in.Now)
	p.keep(k, &kept{answer: answer, cause: cause}, read)
	return answer, cause
}

// decide asks an entrypoint, and postern.extend about what another one than the library's
// has allowed.
func (p *Policy) decide(ctx context.Context, by *decider, document ast.Value, read *dataset.Reading, now time.Time) (*decision.Answer, error) {
	result, err := p.eval(ctx, by.decision, document, read, now)
	if err != nil {
		return failed(err), err
	}
	answer, err := by.read(result)
	if err != nil {
		return failed(err), err
	}
	if answer.Allow && by.denials != nil {
		if d, err := p.narrowed(ctx, answer.Decision, *by.denials, document, read, now); !d.Allow {
			return &decision.Answer{Decision: d}, err
		}
	}
	return answer, nil
}

// failed is the answer for an evaluation that gave no result.
func failed(err error) *decision.Answer { return &decision.Answer{Decision: Refusal(err)} }

// narrowed asks postern.extend about an allow.
func (p *Policy) narrowed(ctx context.Context, allowed decision.Decision, denials rego.PreparedEvalQuery, document ast.Value, read *dataset.Reading, now time.Time) (decision.Decision, error) {
	result, err := p.eval(ctx, denials, document, read, now)
	if err != nil {
		return Refusal(err), err
	}
	list, ok := result.([]any)
	if !ok {
		return Refusal(errShape), errShape
	}
	if len(list) == 0 {
		return allowed, nil
	}
	reasons, err := reasonsOf(list)
	if err != nil {
		return Refusal(err), err
	}
	return decision.Denied(reasons...), nil
}

// gated takes a revoked session away, and one beside which the subject is vouched for.
func (p *Policy) gated(in Input) Input {
	if in.Trusted {
		in.Subject, in.Credential = nil, ""
		return in
	}
	if in.Subject == nil && in.Credential == "" {
		in.Credential = decision.TokenMissing
	}
	if in.Subject != nil && revoked(p.revoked, in.Subject.Session, in.Now) {
		in.Subject, in.Credential = nil, decision.SessionRevoked
	}
	return in
}

var errUndefined = errors.New("the entrypoint is undefined for this input")

// eval runs one entrypoint on one input within the bound, and notes what it reads.
func (p *Policy) eval(ctx context.Context, q rego.PreparedEvalQuery, input ast.Value, read *dataset.Reading, now time.Time) (any, error) {
	return run(ctx, p.bound, func(ctx context.Context) (any, error) {
		return evalOne(ctx, q, input, read, now)
	})
}

// evalOne is the one result of a query.
func evalOne(ctx context.Context, q rego.PreparedEvalQuery, input ast.Value, read *dataset.Reading, now time.Time) (any, error) {
	results, err := q.Eval(ctx,
		rego.EvalParsedInput(input),
		rego.EvalTransaction(read),
		rego.EvalTime(now),
	)
	if err != nil {
		return nil, discreet(err)
	}
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return nil, errUndefined
	}
	return results[0].Expressions[0].Value, nil
}

// discreet is an evaluator's error without its message, which quotes the operands of a
// built-in and so whatever a caller sent. The place says which expression it was.
func discreet(err error) error {
	var e *topdown.Error
	switch {
	case topdown.IsCancel(err):
		return errTimeout
	case errors.As(err, &e) && e.Location != nil:
		return fmt.Errorf("%s:%d:%d: %s", e.Location.File, e.Location.Row, e.Location.Col, e.Code)
	case errors.As(err, &e):
		return errors.New(e.Code)
	default:
		return fmt.Errorf("evaluation failed with a %T", err)
	}
}

// Refusal is the denial for an evaluation or a search that gave no result, by its error. It
// says nothing of what was asked, but what of it cannot be read.
func Refusal(err error) decision.Decision {
	switch {
	case errors.Is(err, errUndefined):
		return decision.Because(decision.PolicyUndefined, "the policy says nothing about this question")
	case errors.Is(err, errTimeout):
		return decision.Because(decision.PolicyTimeout, "the policy took longer than policy.deadline allows")
	case errors.Is(err, errOverloaded):
		return decision.Because(decision.Overloaded, "too many evaluations are running, or ran past their deadline")
	case errors.Is(err, errMalformed):
		return decision.Because(decision.RequestMalformed, err.Error())
	case errors.Is(err, errShape):
		return decision.Because(decision.PolicyError, "the policy's result has another shape than the contract's; the log says which")
	default:
		return decision.Because(decision.PolicyError, "the policy could not be evaluated; the log says why")
	}
}
