package server

import (
	"context"
	"time"

	"postern/sidecar/config"
	"postern/sidecar/policy"
	"postern/sidecar/token"
)

// Verify loads the issuers' keys once and judges one token as serve would, without a
// bundle. refused says why nobody is signed in by it, which is no error: the input then
// says so too. The error is about the issuers and their keys.
func Verify(ctx context.Context, c *config.Config, raw string, now time.Time) (in policy.Input, refused, err error) {
	verifier, known, err := issuers(c, func(string, error) {})
	if err != nil {
		return policy.Input{}, nil, err
	}
	s := &Server{verifier: verifier, issuers: known}
	if err := loadKeys(ctx, c, known); err != nil {
		return policy.Input{}, nil, err
	}
	in = policy.Input{Now: now}
	v, refused := s.verify(raw, now)
	if refused != nil {
		in.Credential = token.CodeOf(refused)
		return in, refused, nil
	}
	in.Subject, in.Credential = v.subject, v.code
	return in, nil, nil
}
