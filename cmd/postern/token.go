package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/doctor"
	"postern/sidecar/phrase"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/server"
	"postern/sidecar/token"
)

// tokenOptions are the flags of token beside those of serve.
type tokenOptions struct {
	settings config.Flags
	check    string
	at       string
	json     bool
}

// defaultSkew is the clock skew where no issuer is configured, as it is where one says
// nothing about it.
const defaultSkew = 5 * time.Second

func tokenCommand() *cobra.Command {
	var o tokenOptions
	cmd := &cobra.Command{
		Use:   "token [TOKEN|FILE|-]",
		Short: "Say what a token says, and why a check on it fails",
		Long: `Token takes a session token apart: who it is for, what it grants, what serve would hold
against it, and what people stumble over. It takes the token itself, a file with it, or
standard input. A token on a command line stays in the shell's history.

Without keys nothing is verified, and the first line says so. With an issuer's keys
(--issuer, --authorized-party and --jwks or --public-key, or a --config that has them) the
token is verified as serve would.

With --check it decides a question as check does: by the verified token, or, without keys,
by the payload as it stands, whose times and parties are then not looked at. It says what
about the token has to do with a denial.

It exits with 0 where the token can be read, 1 where it is malformed, the keys refuse it or
the check is denied, and 2 where it is no token at all or the question could not be decided.
Without keys, what serve would hold against a token that can be read, such as that it has
expired, is printed and leaves the exit status at 0.`,
		Example: `  postern token token.txt
  postern token --check '{"permission":"org:reports:export"}' --bundle bundles/demo token.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := tokenArgument(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			return diagnose(cmd.Context(), cmd.OutOrStdout(), raw, &o)
		},
	}
	o.settings.Register(cmd.Flags())
	cmd.Flags().StringVar(&o.check, "check", "", "The question to decide, the body of POST /v1/check.")
	cmd.Flags().StringVar(&o.at, "at", "", "The time to look at it, RFC 3339; the clock's by default.")
	cmd.Flags().BoolVar(&o.json, "json", false, "Print one JSON object, which escapes what is not printable.")
	cmd.AddCommand(mintCommand())
	return cmd
}

// tokenArgument is the token: of a file, of standard input, or the argument itself, if it
// has two dots and is no file. White space around it and a scheme before it are dropped.
func tokenArgument(in io.Reader, args []string) (string, error) {
	source := "-"
	if len(args) > 0 {
		source = args[0]
	}
	text := []byte(source)
	if _, err := os.Stat(source); err == nil || source == "-" {
		if text, err = file(in, source); err != nil {
			return "", err
		}
	} else if strings.Count(source, ".") != 2 {
		return "", fmt.Errorf("%s is neither a file nor a token, which has two dots", phrase.Quote(source))
	}
	raw := strings.TrimSpace(string(text))
	if scheme, rest, ok := strings.Cut(raw, " "); ok && strings.EqualFold(scheme, "Bearer") {
		raw = strings.TrimSpace(rest)
	}
	return raw, nil
}

// diagnose examines a token, verifies it where there are keys, decides the question if
// there is one, and prints all of it.
func diagnose(ctx context.Context, out io.Writer, raw string, o *tokenOptions) error {
	now := time.Now()
	var q request.Question
	var err error
	if o.at != "" {
		if now, err = time.Parse(time.RFC3339, o.at); err != nil {
			return fmt.Errorf("--at: %w", err)
		}
	}
	if o.check != "" {
		if q, err = request.ParseCheck([]byte(o.check)); err != nil {
			return fmt.Errorf("--check: %w", err)
		}
	}
	c, err := config.LoadPolicy(&o.settings, os.Environ())
	if err != nil {
		return err
	}
	report, in, err := examine(ctx, raw, c, now)
	if err != nil {
		return err
	}
	var undecided error
	if o.check != "" {
		if undecided, err = answer(ctx, report, o.check, q, c, in); err != nil {
			return err
		}
	}
	if err := printReport(out, report, o.json); err != nil {
		return err
	}
	if undecided != nil {
		return errors.New(doctor.Printable(undecided.Error()))
	}
	if report.Malformed || report.Verification.State == doctor.Refused || report.Check != nil && !report.Check.Decision.Allow {
		return exit(exitFailed)
	}
	return nil
}

// examine reads the token, and verifies it if c has keys. The input is who is signed in
// by it; without keys, whoever the payload says.
func examine(ctx context.Context, raw string, c *config.Config, now time.Time) (*doctor.Report, policy.Input, error) {
	inspection, malformed := token.Inspect(raw)
	from, known := issuerOf(c.Issuers, inspection.Issuer)
	if !known {
		from, _ = issuerOf(config.Issuers{}, "")
	}
	if !known || len(c.Issuers.List) == 0 {
		from.ClockSkew = defaultSkew
	}
	decoder, err := server.DecoderOf(from.Claims)
	if err != nil {
		return nil, policy.Input{}, err
	}
	report, err := doctor.Examine(raw, doctor.Options{
		Now:         now,
		Decoder:     decoder,
		Clerk:       from.Claims.Profile == config.ClaimsClerk,
		Algorithms:  from.Algorithms,
		Skew:        from.ClockSkew,
		MaxBytes:    int(c.Limits.Token),
		KeepPending: !from.TreatPendingAsSignedOut,
	})
	if err != nil {
		return nil, policy.Input{}, err
	}
	in := policy.Input{Now: now}
	switch {
	case hasKeys(c):
		in, refused, err := server.Verify(ctx, c, raw, now)
		if err != nil {
			return nil, in, err
		}
		report.Verification.State = doctor.Verified
		if refused != nil {
			report.Verification = doctor.Verification{State: doctor.Refused, Code: token.CodeOf(refused), Cause: doctor.Cause(refused)}
		}
		return report, in, nil
	case malformed != nil:
		in.Credential = decision.TokenMalformed
	default:
		if in.Subject, in.Credential, err = believe(inspection.Payload, c); err != nil {
			// The report says what is wrong with the claims.
			in.Subject, in.Credential = nil, decision.TokenClaims
		}
	}
	return report, in, nil
}

// hasKeys reports whether there is anything to verify a token by.
func hasKeys(c *config.Config) bool {
	for _, i := range c.Issuers.List {
		if i.JWKS != "" || i.PublicKey != "" {
			return true
		}
	}
	return false
}

// answer decides the question and adds the decision to the report. undecided is why the
// decision is none, as policy tells it.
func answer(ctx context.Context, report *doctor.Report, question string, q request.Question, c *config.Config, in policy.Input) (undecided, err error) {
	p, b, err := loadPolicy(ctx, c)
	if err != nil {
		return nil, err
	}
	answer, undecided := p.Check(ctx, in, &q)
	d := answer.Decision
	report.Check = &doctor.Check{Question: []byte(question), Bundle: b.Revision, Decision: d, Hints: []doctor.Note{}}
	if !d.Allow {
		report.Check.Hints = report.Hints(q.Require)
	}
	return undecided, nil
}

func printReport(out io.Writer, report *doctor.Report, asJSON bool) error {
	text := []byte(report.Text())
	if asJSON {
		var err error
		if text, err = report.JSON(); err != nil {
			return err
		}
	}
	_, err := out.Write(text)
	return err
}
