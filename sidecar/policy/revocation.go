package policy

import (
	"time"

	"postern/sidecar/model"
	"postern/sidecar/session"
)

// revoked reports whether the model's revocations refuse a session at a time, by its own
// user, session and organization or by those of whoever acts in the user's place. It is the
// gate before policy: exact to the second, asked on every request, and no part of any
// rule (DESIGN section 4, rule 4).
func revoked(r model.Revoked, s *session.Session, now time.Time) bool {
	for _, user := range []string{s.UserID, s.ActorUser} {
		if entry, ok := r.Users[user]; ok && user != "" && holds(entry, s.IssuedAt, now) {
			return true
		}
	}
	for _, session := range []string{s.SessionID, s.ActorSession} {
		if entry, ok := r.Sessions[session]; ok && session != "" && holds(entry, s.IssuedAt, now) {
			return true
		}
	}
	if s.Org == nil {
		return false
	}
	entry, ok := r.Organizations[s.Org.ID]
	return ok && holds(entry, s.IssuedAt, now)
}

// holds reports whether a revocation refuses a token issued at issuedAt (Unix seconds,
// 0 where the token does not say, which spares nothing).
func holds(r model.Revocation, issuedAt int64, now time.Time) bool {
	if r.Until != nil && now.Unix() >= *r.Until {
		return false
	}
	return r.IssuedBefore == nil || issuedAt < *r.IssuedBefore
}
