package server

import (
	"context"
	"fmt"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// Offline loads the bundle and the keys once and verifies one token, for a question that
// is decided without a server. A token that is refused is no error: the input then says
// why.
func (s *Server) Offline(ctx context.Context, raw string, now time.Time) (*policy.Policy, *bundle.Bundle, policy.Input, error) {
	next, err := s.build(ctx)
	if err != nil {
		return nil, nil, policy.Input{}, err
	}
	for _, i := range s.issuers {
		if err := i.keys.Load(ctx); err != nil {
			return nil, nil, policy.Input{}, fmt.Errorf("issuer %s: %w", i.name, err)
		}
	}
	return next.policy, next.bundle, s.authenticate(request.Credential{Token: raw}, now), nil
}
