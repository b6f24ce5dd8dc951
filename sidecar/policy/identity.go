package policy

import (
	"context"

	"postern/sidecar/decision"
)

// An Identity is who a session is to an upstream: the role and the permissions are those
// that count under the model. The zero value is nobody.
type Identity struct {
	User, Session, Org, Role string
	Permissions              []string
}

// Identity is who asks; nobody, where there is no session. The Decision denies where that
// cannot be said, and cause then says to the log why.
func (p *Policy) Identity(ctx context.Context, in Input) (identity Identity, d decision.Decision, cause error) {
	in = p.gated(in)
	if in.Subject == nil {
		return Identity{}, decision.Allowed(), nil
	}
	effective, d, err := p.Effective(ctx, in)
	if !d.Allow {
		return Identity{}, d, err
	}
	sess := in.Subject.Session
	identity = Identity{User: sess.UserID, Session: sess.SessionID, Permissions: effective.Permissions}
	if sess.Org != nil {
		identity.Org = sess.Org.ID
	}
	if effective.Role != nil {
		identity.Role = *effective.Role
	}
	return identity, d, nil
}
