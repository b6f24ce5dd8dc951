package main

import (
	"context"
	_ "embed"
	"net"
	"os"
	"path/filepath"

	"postern/cmd/bench/world"
	"postern/cmd/process"
)

// handwritten is what OPA's own server decides with.
//
//go:embed opa/bench/bench.rego
var handwritten []byte

// opaData is the data that the policy reads.
func (b *bench) opaData() (map[string]any, error) {
	jwks, err := os.ReadFile(b.jwks)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"model":  world.Model(world.Organizations, false),
		"issuer": map[string]any{"iss": world.Issuer, "jwks": string(jwks), "parties": []string{world.Party}},
	}, nil
}

// startOPA starts OPA's server with the policy and the model, and waits until it is ready.
func (b *bench) startOPA(ctx context.Context, settings ...string) (*process.Process, error) {
	program, err := b.program(ctx, "opa", "github.com/open-policy-agent/opa")
	if err != nil {
		return nil, err
	}
	dir := b.path("opa")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "bench.rego"), handwritten, 0o644); err != nil {
		return nil, err
	}
	data, err := b.opaData()
	if err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(dir, "data.json"), data); err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args := []string{"run", "--server", "--addr", address, "--log-level", "error", "--skip-version-check"}
	for _, s := range settings {
		args = append(args, "--set", s)
	}
	p, err := process.Launch(ctx, nil, program, append(args, dir), nil)
	if err != nil {
		return nil, err
	}
	p.Addresses = map[string]string{"http": address}
	if err := process.Until(ctx, func() error { _, err := process.Fetch(address, "/health"); return err }); err != nil {
		p.Stop()
		return nil, p.Failed(err)
	}
	return p, nil
}

// freeAddress is one that nobody listens on now. OPA takes none that it would choose itself
// and say.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
