package server

import (
	"time"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

// A verified token stands for a subject, or for the code of why it never does.
type verified struct {
	claims  *token.Claims
	subject *policy.Subject
	code    decision.Code
}

// size is the memory that v takes, in bytes, roughly.
func (v verified) size() int { return len(v.claims.Payload) + v.subject.Size() }

// authenticate turns the credential into who asks. A token that was verified before by
// the keys that still hold is not verified again; its times are.
func (s *Server) authenticate(cred request.Credential, now time.Time) policy.Input {
	in := policy.Input{Now: now, Credential: cred.Code}
	if cred.Code != "" {
		return in
	}
	v, hit := s.tokens.Get(cred.Token)
	if hit && !v.claims.Current() {
		s.tokens.Drop(cred.Token)
		hit = false
	}
	if hit {
		if err := s.verifier.CheckTimes(v.claims, now); err != nil {
			in.Credential = token.CodeOf(err)
			return in
		}
	} else {
		var err error
		if v, err = s.verify(cred.Token, now); err != nil {
			in.Credential = token.CodeOf(err)
			return in
		}
		s.tokens.Put(cred.Token, v, v.size())
	}
	in.Subject, in.Credential = v.subject, v.code
	return in
}

// verify checks a token that was not seen before, and reads the session from it.
func (s *Server) verify(raw string, now time.Time) (verified, error) {
	claims, err := s.verifier.Verify(raw, now)
	if err != nil {
		return verified{}, err
	}
	from := s.issuers[claims.Issuer]
	sess, err := session.FromClaims(claims, from.decoder)
	if err != nil {
		return verified{}, err
	}
	v := verified{claims: claims}
	if sess.Status == "pending" && from.pendingSignedOut {
		v.code = decision.SessionPending
		return v, nil
	}
	if v.subject, err = policy.NewSubject(sess); err != nil {
		return verified{}, &token.Error{Code: decision.TokenClaims, Err: err}
	}
	return v, nil
}
