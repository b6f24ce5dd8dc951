package policy

import (
	"context"

	"postern/sidecar/decision"
	"postern/sidecar/session"
)

// Identity is who asks; nobody, where there is no session. The Decision denies where that
// cannot be said, and cause then says to the log why.
func (p *Policy) Identity(ctx context.Context, in Input) (identity *decision.Known, d decision.Decision, cause error) {
	in = p.gated(in)
	if in.Subject == nil {
		return &p.nobody, decision.Allowed(), nil
	}
	known, err := p.known(ctx, in)
	if err != nil {
		return &p.nobody, Refusal(err), err
	}
	return &known.identity, decision.Allowed(), nil
}

// identityOf is what an upstream is told of a session.
func identityOf(s *session.Session, e *Effective) decision.Identity {
	identity := decision.Identity{User: s.UserID, Session: s.SessionID, Permissions: e.Permissions}
	if s.Org != nil {
		identity.Org = s.Org.ID
	}
	if e.Role != nil {
		identity.Role = *e.Role
	}
	return identity
}
