package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"postern/sidecar/config"
	"postern/sidecar/origin"
	"postern/sidecar/server"
)

func serveCommand() *cobra.Command {
	var flags config.Flags
	var checkOnly bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer decisions until stopped",
		Long: `Serve answers decisions over HTTP and gRPC until it is interrupted, then drains.

Every flag is also a variable (POSTERN_LISTEN for --listen) and a key of the file that
--config names; a flag beats the variable, which beats the file. The file has more keys
(doors, sign_in_url, identity_headers, limits and others): --check-config prints them all.
SIGHUP looks for new bundles, keys, certificates and clients' tokens at once; files are
watched anyway, and URLs fetched now and then.`,
		Example: `  postern serve --bundle ./policies --issuer https://clerk.example.com \
    --jwks https://clerk.example.com/.well-known/jwks.json --authorized-party https://app.example.com`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(&flags, os.Environ())
			if err != nil {
				return err
			}
			if checkOnly {
				return checkConfig(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), c)
			}
			return serve(cmd.Context(), cmd.ErrOrStderr(), c)
		},
	}
	flags.Register(cmd.Flags())
	cmd.Flags().BoolVar(&checkOnly, "check-config", false, "Load everything, print what serve would do, and exit.")
	return cmd
}

// serve runs a server until ctx ends.
func serve(ctx context.Context, errs io.Writer, c *config.Config) error {
	log := logger(errs, c)
	s, err := newServer(c, log, false)
	if err != nil {
		return err
	}
	for _, w := range c.Warnings() {
		log.Warn("configuration", "warning", w)
	}
	limits(ctx, log, c)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				s.Reload(ctx)
			}
		}
	}()
	if err := s.Run(ctx); err != nil {
		fmt.Fprintf(errs, "postern: %v\n", err)
		return exit(exitFailed)
	}
	return nil
}

// newServer makes a server of c, or one that only checks it.
func newServer(c *config.Config, log *slog.Logger, checkOnly bool) (*server.Server, error) {
	return server.New(server.Options{Config: c, Logger: log, Version: posternVersion(), CheckOnly: checkOnly})
}

// originOptions are those of every command that reads once what a configuration names.
func originOptions() origin.Options {
	return origin.Options{UserAgent: "postern/" + posternVersion()}
}

// checkConfig loads all that serve would, and says what is wrong with it.
func checkConfig(ctx context.Context, out, errs io.Writer, c *config.Config) error {
	if err := c.Describe(out); err != nil {
		return err
	}
	for _, w := range c.Warnings() {
		fmt.Fprintf(errs, "warning: %s\n", w)
	}
	s, err := newServer(c, slog.New(slog.DiscardHandler), true)
	if err != nil {
		return err
	}
	if err := s.Check(ctx); err != nil {
		return err
	}
	for _, n := range s.Notes() {
		fmt.Fprintf(errs, "warning: %s\n", n)
	}
	_, err = fmt.Fprintln(out, "bundles and keys load; serve would start")
	return err
}

// logger writes the server's own log.
func logger(w io.Writer, c *config.Config) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Log.Level}
	if c.Log.Format == config.Text {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}
