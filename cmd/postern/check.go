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
	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// checkOptions are the flags of check beside those of serve.
type checkOptions struct {
	settings config.Flags
	token    string
	claims   string
	at       string
	explain  bool
}

func checkCommand() *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check QUESTION",
		Short: "Decide one question offline",
		Long: `Check answers one question as POST /v1/check would, without a server. QUESTION is the
body of that request, or - for standard input.

Flags, environment and file say what holds, as they do for serve. With --token the token
is verified by the issuer's keys. With --claims-file the payload is believed as it stands
and read as its issuer's tokens are, or the only issuer's; without an issuer, as Clerk's.
With neither, nobody is signed in.

It exits with 0 for allow, 1 for deny, and 2 where it could not decide.`,
		Example: `  postern check --bundle bundles/demo --claims-file claims.json '{"permission":"org:reports:export"}'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), args[0], &o)
		},
	}
	o.settings.Register(cmd.Flags())
	cmd.Flags().StringVar(&o.token, "token", "", "The file with the token, or - for standard input.")
	cmd.Flags().StringVar(&o.claims, "claims-file", "", "The file with a token's payload, believed without a signature.")
	cmd.Flags().StringVar(&o.at, "at", "", "The time to decide at, RFC 3339; the clock's by default.")
	cmd.Flags().BoolVar(&o.explain, "explain", false, "Explain the decision to a person.")
	cmd.MarkFlagsMutuallyExclusive("token", "claims-file")
	return cmd
}

func check(ctx context.Context, in io.Reader, out io.Writer, question string, o *checkOptions) error {
	body, err := argument(in, question)
	if err != nil {
		return err
	}
	q, err := request.ParseCheck(body)
	if err != nil {
		return fmt.Errorf("question: %w", err)
	}
	now := time.Now()
	if o.at != "" {
		if now, err = time.Parse(time.RFC3339, o.at); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	asked, err := o.subject(ctx, in, now)
	if err != nil {
		return err
	}
	d, cause := asked.policy.Check(ctx, asked.input, q)
	if o.explain {
		err = asked.explain(ctx, out, d)
	} else {
		err = printJSON(out, d)
	}
	switch {
	case err != nil:
		return err
	case cause != nil:
		return cause
	case d.Allow:
		return nil
	default:
		return exit(exitFailed)
	}
}

// An asked is whom the question is about, and what decides it.
type asked struct {
	policy *policy.Policy
	bundle *bundle.Bundle
	input  policy.Input
}

// subject loads the policy and finds out who asks.
func (o *checkOptions) subject(ctx context.Context, in io.Reader, now time.Time) (asked, error) {
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
func loadPolicy(ctx context.Context, c *config.Config) (*policy.Policy, *bundle.Bundle, error) {
	b := &bundle.Bundle{Data: map[string]any{}, Revision: "none"}
	if len(c.Bundles) > 0 {
		var err error
		if b, err = bundle.Load(ctx, bundle.DefaultLimits(), paths(c)...); err != nil {
			return nil, nil, err
		}
	}
	p, err := policy.New(ctx, b, &policy.Bound{Deadline: c.Policy.Deadline, Abandoned: 1}, policy.Options{
		Entrypoints: bundle.Entrypoints{Check: c.Entrypoints.Check},
		Builtins:    c.Policy.Builtins,
	})
	return p, b, err
}

// byToken verifies the token as serve would.
func (o *checkOptions) byToken(ctx context.Context, in io.Reader, now time.Time) (asked, error) {
	raw, err := file(in, o.token)
	if err != nil {
		return asked{}, err
	}
	c, err := config.Load(&o.settings, os.Environ())
	if err != nil {
		return asked{}, err
	}
	c.DecisionLog = config.None
	s, err := newServer(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return asked{}, err
	}
	var a asked
	a.policy, a.bundle, a.input, err = s.Offline(ctx, strings.TrimSpace(string(raw)), now)
	return a, err
}

// explain tells a person what was decided and for whom.
func (a asked) explain(ctx context.Context, out io.Writer, d decision.Decision) error {
	w := &errWriter{w: out}
	if d.Allow {
		w.printf("allow\n")
	} else {
		w.printf("deny, status %d\n", d.Status)
	}
	for _, r := range d.Reasons {
		w.printf("  %s: %s\n", r.Code, r.Message)
	}
	if a.input.Subject == nil {
		w.printf("nobody is signed in: %s\n", a.input.Credential)
	} else {
		a.explainSession(ctx, w)
	}
	w.printf("bundle %s\n", a.bundle.Revision)
	return w.err
}

func (a asked) explainSession(ctx context.Context, w *errWriter) {
	s := a.input.Subject.Session
	w.printf("user %s", s.UserID)
	if s.Org != nil {
		w.printf(", %q in %s", s.Org.Role, s.Org.ID)
	}
	e, d, err := a.policy.Effective(ctx, a.input)
	if err != nil || !d.Allow {
		w.printf("\n")
		return
	}
	w.printf("; what that amounts to:\n")
	w.printf("  role         %s\n  plan         %s\n", orNone(e.Role), orNone(e.Plan))
	w.printf("  features     %s\n  permissions  %s\n", strings.Join(e.Features, " "), strings.Join(e.Permissions, " "))
}

func orNone(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}
