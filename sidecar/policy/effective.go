package policy

import (
	"context"
	"fmt"

	"github.com/open-policy-agent/opa/v1/rego"

	"postern/sidecar/decision"
	"postern/sidecar/request"
)

// An effectiveRule is the library's rule of what a session amounts to.
type effectiveRule struct {
	entrypoint
	query rego.PreparedEvalQuery
}

// An Effective is what a session amounts to under the model.
type Effective struct {
	// Role and Plan are nil where the session has none that counts.
	Role, Plan *string
	// Permissions and Features are sorted, and each is one that a check grants.
	Permissions, Features []string
}

// Effective answers GET /v1/session. The Decision allows exactly when there is a session.
// What it returns is shared: nobody may change it.
func (p *Policy) Effective(ctx context.Context, in Input) (Effective, decision.Decision, error) {
	in = p.gated(in)
	if in.Subject == nil {
		return Effective{}, decision.Because(in.Credential, ""), nil
	}
	known, err := p.known(ctx, in)
	if err != nil {
		return Effective{}, Refusal(err), err
	}
	return *known.effective, decision.Allowed(), nil
}

// known is what is remembered of a session.
func (p *Policy) known(ctx context.Context, in Input) (*remembered, error) {
	if known := in.Subject.effective.Load(); known != nil && known.generation == p.generation {
		return known, nil
	}
	e, err := p.amounts(ctx, in)
	if err != nil {
		return nil, err
	}
	known := &remembered{generation: p.generation, effective: e}
	known.identity.Identity = identityOf(in.Subject.Session, e)
	in.Subject.effective.Store(known)
	return known, nil
}

// amounts asks what a session comes to.
func (p *Policy) amounts(ctx context.Context, in Input) (*Effective, error) {
	k := p.key(&p.effective.entrypoint)
	defer p.done(k)
	k.question(&p.effective.entrypoint, in, &request.Question{}, p.scope)
	if known, ok := p.find(k); ok {
		return known.effective, nil
	}
	document, err := in.document(&p.effective.entrypoint)
	if err != nil {
		return nil, err
	}
	ctx, cancel := in.bounded(ctx)
	defer cancel()
	read := p.store.Reading()
	result, err := p.eval(ctx, p.effective.query, document, read, in.Now)
	if err != nil {
		return nil, err
	}
	e, err := effective(result)
	if err != nil {
		return nil, err
	}
	p.keep(k, &kept{effective: &e}, read)
	return &e, nil
}

// effective reads the result of the library's effective rule.
func effective(result any) (Effective, error) {
	object, ok := result.(map[string]any)
	if !ok {
		return Effective{}, fmt.Errorf("effective session is a %T", result)
	}
	var e Effective
	if role, ok := object["role"].(string); ok {
		e.Role = &role
	}
	if plan, ok := object["plan"].(string); ok {
		e.Plan = &plan
	}
	e.Permissions, e.Features = texts(object["permissions"]), texts(object["features"])
	return e, nil
}

// texts are the strings of a list, never nil.
func texts(list any) []string {
	items, _ := list.([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
