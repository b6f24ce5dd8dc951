package main

import (
	"context"
	"fmt"
	"os"

	"postern/cmd/bench/world"
	"postern/cmd/process"
)

// A setup is what of Postern's configuration differs between scenarios.
type setup struct {
	bundle  string
	log     string // the value of decision_log, in YAML; empty for none
	patient bool   // what is asked once, before anything is measured, may take its time
}

// configuration writes Postern's configuration file and returns its path.
func (b *bench) configuration(s setup) (string, error) {
	log := s.log
	if log == "" {
		log = "none"
	}
	deadline := "100ms" // as it is by default
	if s.patient {
		deadline = "10s"
	}
	text := fmt.Sprintf(`http: {listen: "127.0.0.1:0"}
grpc: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
bundles: [{path: %q}]
issuers: [{issuer: %q, jwks: %q, authorized_parties: [%q]}]
policy: {deadline: %s}
decision_log: %s
`, s.bundle, world.Issuer, b.jwks, world.Party, deadline, log)
	path := b.path("postern.yaml")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// startPostern starts the program that a user would, and waits until it is ready.
func (b *bench) startPostern(ctx context.Context, s setup) (*process.Process, error) {
	program, err := b.program(ctx, "postern", "postern/cmd/postern")
	if err != nil {
		return nil, err
	}
	path, err := b.configuration(s)
	if err != nil {
		return nil, err
	}
	return process.Serve(ctx, nil, program, path)
}

// The counters of memoised decisions.
const (
	memoHits   = "postern_decision_memo_hits_total"
	memoMisses = "postern_decision_memo_misses_total"
)
