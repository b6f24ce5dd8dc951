package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/origin"
	"postern/sidecar/policy"
	"postern/sidecar/server"
)

// whoOptions are the flags of commands that decide offline, beside those of serve: who
// asks, and when.
type whoOptions struct {
	settings config.Flags
	token    string
	claims   string
	at       string
}

func (o *whoOptions) register(cmd *cobra.Command) {
	o.settings.Register(cmd.Flags())
	cmd.Flags().StringVar(&o.token, "token", "", "The file with the token, or - for standard input.")
	cmd.Flags().StringVar(&o.claims, "claims-file", "", "The file with a token's payload, believed without a signature.")
	cmd.Flags().StringVar(&o.at, "at", "", "The time to decide at, RFC 3339; the clock's by default.")
	cmd.MarkFlagsMutuallyExclusive("token", "claims-file")
}

// moment is the time that --at states, or now.
func moment(at string) (time.Time, error) {
	if at == "" {
		return time.Now(), nil
	}
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return t, fmt.Errorf("--at: %w", err)
	}
	return t, nil
}

// named reports whether anybody is.
func (o *whoOptions) named() bool { return o.token != "" || o.claims != "" }

// An asked is whom the question is about, and what decides it.
type asked struct {
	policy *policy.Policy
	bundle bundle.Summary
	input  policy.Input
}

// subject loads the policy and finds out who asks.
func (o *whoOptions) subject(ctx context.Context, in io.Reader) (asked, error) {
	now, err := moment(o.at)
	if err != nil {
		return asked{}, err
	}
	if o.token != "" {
		return o.byToken(ctx, in, now)
	}
	c, err := config.LoadPolicy(&o.settings, os.Environ())
	if err != nil {
		return asked{}, err
	}
	a := asked{input: policy.Input{Now: now, Credential: decision.TokenMissing}}
	if o.claims != "" {
		payload, err := file(in, o.claims)
		if err != nil {
			return asked{}, err
		}
		if a.input.Subject, a.input.Credential, err = believe(payload, c); err != nil {
			return asked{}, fmt.Errorf("claims: %w", err)
		}
	}
	a.policy, a.bundle, err = loadPolicy(ctx, c)
	return a, err
}

// loadPolicy compiles what c names as serve would; without a bundle the library is all.
func loadPolicy(ctx context.Context, c *config.Config) (*policy.Policy, bundle.Summary, error) {
	b := &bundle.Bundle{Summary: bundle.Summary{Revision: "none"}, Data: map[string]any{}}
	if len(c.Bundles) > 0 {
		var err error
		if b, err = origin.Load(ctx, c.Bundles, originOptions()); err != nil {
			return nil, bundle.Summary{}, err
		}
	}
	p, err := policy.New(ctx, b, &policy.Bound{Deadline: c.Policy.Deadline, Abandoned: 1}, server.PolicyOptions(c))
	return p, b.Summary, err
}

// byToken verifies the token as serve would.
func (o *whoOptions) byToken(ctx context.Context, in io.Reader, now time.Time) (asked, error) {
	raw, err := file(in, o.token)
	if err != nil {
		return asked{}, err
	}
	c, err := config.Load(&o.settings, os.Environ())
	if err != nil {
		return asked{}, err
	}
	s, err := newServer(c, slog.New(slog.DiscardHandler), true)
	if err != nil {
		return asked{}, err
	}
	var a asked
	a.policy, a.bundle, a.input, err = s.Offline(ctx, strings.TrimSpace(string(raw)), now)
	return a, err
}
