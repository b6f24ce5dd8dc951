package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"postern/sidecar/audit"
	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/telemetry"
)

// Check loads the bundle, the shadow's, every issuer's keys, the listeners' certificates and the clients'
// tokens once, looks at where decisions would be logged, and reports all that is wrong.
func (s *Server) Check(ctx context.Context) error {
	next, err := s.loadOnce(ctx)
	if err == nil {
		s.unpassed = s.unlogged(next.policy)
	}
	return errors.Join(err, s.loadCredentials(), audit.Check(s.logOptions(&s.config.DecisionLog)), telemetry.Check(s.telemetryOptions()), s.shadow.check(ctx))
}

// Notes are what [Server.Check] found wrong with certificates, tokens and routes, and no
// reason to refuse them.
func (s *Server) Notes() []string {
	all := slices.Clone(s.unpassed)
	for _, listener := range s.listenersWithTLS() {
		for _, note := range s.identities[listener].Status().Notes {
			all = append(all, listener+".tls: "+note)
		}
	}
	if s.clientTokens != nil {
		for _, note := range s.clientTokens.Status().Notes {
			all = append(all, "clients.tokens_file: "+note)
		}
	}
	return all
}

// Offline loads the bundle and the keys once and verifies one token, for a question that
// is decided without a server. A token that is refused is no error: the input then says
// why.
func (s *Server) Offline(ctx context.Context, raw string, now time.Time) (*policy.Policy, bundle.Summary, policy.Input, error) {
	next, err := s.loadOnce(ctx)
	if err != nil {
		return nil, bundle.Summary{}, policy.Input{}, err
	}
	return next.policy, next.bundle, s.authenticate(request.Credential{Token: raw}, now), nil
}

// loadOnce loads all that decides, and joins all that is wrong with it.
func (s *Server) loadOnce(ctx context.Context) (*snapshot, error) {
	if err := s.source.Fetch(ctx); err != nil {
		return nil, errors.Join(err, loadKeys(ctx, s.config, s.issuers))
	}
	next, err := s.build(ctx, s.view())
	return next, errors.Join(err, loadKeys(ctx, s.config, s.issuers))
}

// loadKeys loads every issuer's keys once, in the order of the configuration.
func loadKeys(ctx context.Context, c *config.Config, known map[string]*issuer) error {
	var errs []error
	for _, ic := range c.Issuers.List {
		i := known[ic.Issuer]
		if err := i.keys.Load(ctx); err != nil {
			errs = append(errs, fmt.Errorf("issuer %s: %w", i.name, err))
		}
	}
	return errors.Join(errs...)
}
