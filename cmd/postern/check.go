package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/sidecar/decision"
	"postern/sidecar/request"
)

// checkOptions are the flags of check beside those of serve.
type checkOptions struct {
	who     whoOptions
	explain bool
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
	o.who.register(cmd)
	cmd.Flags().BoolVar(&o.explain, "explain", false, "Explain the decision to a person.")
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
	asked, err := o.who.subject(ctx, in)
	if err != nil {
		return err
	}
	answer, cause := asked.policy.Check(ctx, asked.input, &q)
	d := answer.Decision
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
	w.printf("  features     %s\n  permissions  %s\n", listed(e.Features), listed(e.Permissions))
}

// listed is a list on one line.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

func orNone(s *string) string {
	if s == nil {
		return "none"
	}
	return *s
}
