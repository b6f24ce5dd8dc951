package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"postern/cmd/process"
	"postern/cmd/soak/world"
)

// The issuers: the first one's keys are at a URL, the second one's in a file.
const (
	remoteIssuer = "https://remote.soak.test"
	fileIssuer   = "https://file.soak.test"
)

// A setup is where Postern gets what it needs.
type setup struct {
	dir       string // for its files
	program   string // empty: it is built
	bundleURL string // empty: the file
	jwksURL   string
	logURL    string // empty: the file
	rotate    string // of the decision log's file; empty for never
}

func (s setup) bundlePath() string { return filepath.Join(s.dir, "bundle.tar.gz") }
func (s setup) jwksPath() string   { return filepath.Join(s.dir, "jwks.json") }
func (s setup) logPath() string    { return filepath.Join(s.dir, "decisions.jsonl") }

// configuration is Postern's. Caches are small, so that they are full when the warm-up ends;
// the deadline is long, as what is tried here is not how fast a busy machine is.
func (s setup) configuration() string {
	source := fmt.Sprintf("path: %q", s.bundlePath())
	if s.bundleURL != "" {
		source = fmt.Sprintf("url: %q, poll: {min: 1s, max: 2s, timeout: 5s}", s.bundleURL)
	}
	log := fmt.Sprintf("to: %q", s.logPath())
	switch {
	case s.logURL != "":
		log = fmt.Sprintf("to: %q, upload: {min_delay: 1s, max_delay: 2s, timeout: 5s}, buffer: 4MiB", s.logURL)
	case s.rotate != "":
		log += fmt.Sprintf(", rotate: {size: %s, keep: 2}", s.rotate)
	}
	return fmt.Sprintf(`http: {listen: "127.0.0.1:0"}
grpc: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0", pprof: true}
bundles: [{%s}]
issuers:
  - {issuer: %q, jwks: %q, authorized_parties: [%q]}
  - {issuer: %q, jwks: %q, authorized_parties: [%q]}
doors: {authzen: true, opa: true}
clients: {anonymous: loopback}
policy: {deadline: 2s}
cache: {tokens: 1MiB, decisions: 1MiB}
watch: {settle: 50ms, poll: 1s}
decision_log: {%s}
`, source, remoteIssuer, s.jwksURL, world.Party, fileIssuer, s.jwksPath(), world.Party, log)
}

// start starts Postern and waits until it is ready. Its own log goes to a file.
func (s setup) start(ctx context.Context) (*process.Process, error) {
	program := s.program
	if program == "" {
		program = filepath.Join(s.dir, "postern")
		if err := process.Build(ctx, program, "postern/cmd/postern"); err != nil {
			return nil, err
		}
	}
	path := filepath.Join(s.dir, "postern.yaml")
	if err := os.WriteFile(path, []byte(s.configuration()), 0o600); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "postern.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	// The log is closed with the soak: Postern writes it through the soak until then.
	return process.Serve(ctx, log, program, path)
}
