package policy

import (
	"context"

	"postern/sidecar/decision"
)

// Identity is who asks; nobody, where there is no session. The Decision denies where that
// cannot be said, and cause then says to the log why.
func (p *Policy) Identity(ctx context.Context, in Input) (identity decision.Identity, d decision.Decision, cause error) {
	in = p.gated(in)
	if in.Subject == nil {
		return decision.Identity{}, decision.Allowed(), nil
	}
	effective, d, err := p.Effective(ctx, in)
	if !d.Allow {
		return decision.Identity{}, d, err
	}
	sess := in.Subject.Session
	identity = decision.Identity{User: sess.UserID, Session: sess.SessionID, Permissions: effective.Permissions}
	if sess.Org != nil {
		identity.Org = sess.Org.ID
	}
	if effective.Role != nil {
		identity.Role = *effective.Role
	}
	return identity, d, nil
}
