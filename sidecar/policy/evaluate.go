package policy

import (
	"context"
	"fmt"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
)

// Evaluate answers an AuthZEN evaluation. Its subject is one that whoever asks vouches for,
// where in says so, and else the session of in, whatever is said of it: a session that is
// none is never allowed anything, even by an entrypoint that does not look at it. Like
// [Policy.Check] it never fails. The evaluation must own its texts.
func (p *Policy) Evaluate(ctx context.Context, in Input, e *authzen.Evaluation) (answer *decision.Answer, cause error) {
	m := matter{Evaluation: e}
	in = p.gated(m.asked(in))
	if p.actions != nil && !in.Trusted {
		answer, cause = p.checked(ctx, in, m)
	} else {
		answer, cause = p.evaluated(ctx, in, m)
	}
	if answer.Allow && in.Credential != "" {
		return because(in.Credential, ""), nil
	}
	return answer, cause
}

// evaluated is what the entrypoint says of a matter. Nothing is read for a caller who waits no
// longer: what stands at the top of a batch would be read for every item.
func (p *Policy) evaluated(ctx context.Context, in Input, m matter) (answer *decision.Answer, cause error) {
	if in.late() {
		return failed(errTimeout), errTimeout
	}
	k := p.key(&p.evaluate.entrypoint)
	defer p.done(k)
	k.matter(&p.evaluate.entrypoint, in, m, p.scope)
	if known, ok := p.find(k); ok {
		return known.answer, known.cause
	}
	document, err := m.document(&p.evaluate.entrypoint, in)
	if err != nil {
		return failed(err), nil
	}
	return p.decided(ctx, k, &p.evaluate, document, in)
}

// toldContext reads what the evaluate entrypoint yields: what [decided] reads, or such an
// object with a context, which is an object too.
func toldContext(result any) (*decision.Answer, error) {
	object, _ := result.(map[string]any)
	value, stated := object["context"]
	if !stated {
		return plainly(result)
	}
	told, ok := value.(map[string]any)
	if !ok {
		return nil, wrong("context", value)
	}
	delete(object, "context")
	d, err := decidedObject(object)
	if err != nil {
		return nil, err
	}
	if !validTexts(told) {
		return nil, fmt.Errorf("%w: a text in context is not valid UTF-8", errShape)
	}
	return &decision.Answer{Decision: d, Context: told}, nil
}

// evaluateDecider prepares the entrypoint of AuthZEN evaluations. Denials of postern.extend
// see the input of an own one as it is; under the library's, that of a check.
func (c *compiled) evaluateDecider(ctx context.Context) (decider, error) {
	return c.prepared(ctx, evaluateEntrypoint, c.entrypoints.Evaluate, libraryEntrypoints.Evaluate, strict, toldContext)
}
