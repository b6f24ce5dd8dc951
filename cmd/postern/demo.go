package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/bundles"
	"postern/sidecar/config"
	"postern/sidecar/server"
	"postern/sidecar/token/mint"
)

// The iss and azp of the demo's tokens. The names can belong to nobody (RFC 6761).
const (
	demoIssuer = "https://demo.postern.test"
	demoParty  = "https://app.postern.test"
)

// addresses are where the demo listens.
type addresses struct{ http, grpc, admin string }

func demoCommand() *cobra.Command {
	var at addresses
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Serve an example with tokens to try it with",
		Long: `Demo serves the embedded example bundle with a key pair made at start, prints session
tokens and a curl line for each, and goes on until it is interrupted.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), at)
		},
	}
	flags := map[string]*string{"listen": &at.http, "grpc-listen": &at.grpc, "admin-listen": &at.admin}
	for _, setting := range config.Settings() {
		if to, ok := flags[setting.Flag]; ok {
			cmd.Flags().StringVar(to, setting.Flag, setting.Default, setting.Help)
		}
	}
	return cmd
}

func demo(ctx context.Context, out, errs io.Writer, at addresses) error {
	key, err := mint.NewKey("ins_demo")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "postern-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, err := demoConfig(dir, key, at)
	if err != nil {
		return err
	}
	var tokens []string
	for _, d := range demoCases {
		raw, err := d.sign(key, time.Now())
		if err != nil {
			return err
		}
		tokens = append(tokens, raw)
	}
	s, err := server.New(server.Options{
		Config:  c,
		Logger:  slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Version: posternVersion(),
		Serving: func(addresses map[string]string) { printDemo(out, addresses, tokens) },
	})
	if err != nil {
		return err
	}
	if err := s.Run(ctx); err != nil {
		fmt.Fprintf(errs, "postern: %v\n(another address can be given with --listen, --grpc-listen and --admin-listen)\n", err)
		return exit(exitFailed)
	}
	return nil
}

// demoConfig is what serve would read from a file, with the embedded bundle and the key set
// in dir.
func demoConfig(dir string, key *mint.Key, at addresses) (*config.Config, error) {
	set, err := mint.JWKS(key)
	if err != nil {
		return nil, err
	}
	policy := filepath.Join(dir, "bundle")
	if err := os.CopyFS(policy, bundles.Demo()); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "jwks.json")
	if err := os.WriteFile(path, set, 0o600); err != nil {
		return nil, err
	}
	return config.Load(nil, []string{
		"POSTERN_LISTEN=" + at.http,
		"POSTERN_GRPC_LISTEN=" + at.grpc,
		"POSTERN_ADMIN_LISTEN=" + at.admin,
		"POSTERN_BUNDLE=" + policy,
		"POSTERN_ISSUER=" + demoIssuer,
		"POSTERN_JWKS=" + path,
		"POSTERN_AUTHORIZED_PARTY=" + demoParty,
	})
}

// printDemo prints a curl line for every case, with its token.
func printDemo(out io.Writer, addresses map[string]string, tokens []string) {
	w := &errWriter{w: out}
	to := curlTarget(addresses["http"])
	w.printf("Postern serves its demo: a SaaS with plans, roles and role sets.\n")
	w.printf("The tokens are signed with a key made just now and last for an hour. Ctrl-C ends it.\n\n")
	for i, d := range demoCases {
		w.printf("# %d. %s: %s\n", i+1, d.who, d.expect)
		w.printf("curl -s -H 'Authorization: Bearer %s' -d '%s' %s/v1/check\n\n", tokens[i], d.question, to)
	}
	w.printf("# what the first session amounts to\n")
	w.printf("curl -s -H 'Authorization: Bearer %s' %s/v1/session\n\n", tokens[0], to)
	w.printf("# the first session before GET /invoices/7, as Envoy asks; the headers are for the upstream\n")
	w.printf("curl -si -H 'Authorization: Bearer %s' %s/ext_authz/invoices/7\n\n", tokens[0], to)
	w.printf("# the server's own state\ncurl -s %s/v1/status\n", curlTarget(addresses["admin"]))
}

// curlTarget is how curl reaches an address.
func curlTarget(address string) string {
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		return "--unix-socket '" + path + "' http://localhost"
	}
	return "http://" + address
}
