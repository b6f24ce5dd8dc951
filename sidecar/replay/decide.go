// Package replay decides again what was decided before: recorded questions on another
// bundle, for a look at what it would change.
package replay

import (
	"context"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/response"
)

// An Outcome is what a case came to.
type Outcome struct {
	decision.Decision
	// Result is the kind of document that an OPA client is given, and Route the pattern that
	// governs a proxied request.
	Result, Route string
	// Unknown is where that depends on a name that is masked in the case.
	Unknown bool
}

// Decide decides a case as the door does that it came by. It never fails: what goes wrong is
// a denial.
func Decide(ctx context.Context, p *policy.Policy, answers response.Proxy, c *policy.Case) Outcome {
	switch {
	case c.Check != nil:
		answer, _ := p.Check(ctx, c.Input, c.Check)
		return Outcome{Decision: answer.Decision}
	case c.Request != nil:
		return route(ctx, p, answers, c)
	case c.Evaluation != nil:
		answer, _ := p.Evaluate(ctx, c.Input, c.Evaluation)
		return Outcome{Decision: answer.Decision}
	default:
		d, kind := policy.Says(p.Data(ctx, c.Input, c.Data))
		return Outcome{Decision: d, Result: kind}
	}
}

// route decides about a proxied request: an allow stands where the door can do all that the
// policy asks for, and can say who the session is.
func route(ctx context.Context, p *policy.Policy, answers response.Proxy, c *policy.Case) Outcome {
	routed, _ := p.Route(ctx, c.Input, *c.Request)
	o := Outcome{Decision: routed.Decision}
	if governs := routed.Governs.Route; governs != nil {
		o.Route = governs.Match
	}
	if answers.Carries(c.Request.Door, routed.Allow, routed.Answer.Edits) != nil {
		o.Decision = decision.Because(decision.PolicyError, "the policy asks for what this door cannot do; the log says what")
	}
	if !o.Allow {
		return o
	}
	identity, d, _ := p.Identity(ctx, c.Input)
	if !d.Allow {
		o.Decision = d
		return o
	}
	shortest, longest := c.Identities(identity.Identity)
	if err := answers.Upstream(longest).Fits(); err != nil {
		o.Decision = decision.Because(decision.PolicyError, err.Error())
		o.Unknown = answers.Upstream(shortest).Fits() == nil
	}
	return o
}

// Settled reports whether a decision is one of policy, and not of the moment: that the
// process was too busy, or not ready, no other policy would change.
func Settled(d decision.Decision) bool {
	for _, r := range d.Reasons {
		switch r.Code {
		case decision.PolicyTimeout, decision.Overloaded, decision.NotReady:
			return false
		}
	}
	return true
}
