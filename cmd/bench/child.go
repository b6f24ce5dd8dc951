package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"postern/cmd/bench/load"
	"postern/cmd/process"
)

// roleVariable tells a process of the bench that it is not the one that was called, but
// one of its children.
const roleVariable = "POSTERN_BENCH_ROLE"

// A role is what a child does: it reads its settings, a line of JSON, from in, and answers
// on out in lines of JSON. A server ends when in does.
type role func(ctx context.Context, in *bufio.Reader, out io.Writer) error

var childRoles = map[string]role{
	"load":      generate,
	"bare-http": bareHTTP,
	"bare-grpc": bareGRPC,
	"clocked":   clocked,
	"log-taker": takeLogs,
	"size":      size,
}

// child plays the role that the environment names, and reports whether it named one.
func child() (code int, ok bool) {
	name, ok := os.LookupEnv(roleVariable)
	if !ok {
		return 0, false
	}
	play := childRoles[name]
	if play == nil {
		fmt.Fprintf(os.Stderr, "no role %s\n", name)
		return 2, true
	}
	if err := play(context.Background(), bufio.NewReader(os.Stdin), os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1, true
	}
	return 0, true
}

// spawn starts a child in a role with its settings.
func spawn(ctx context.Context, name string, settings any) (*process.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := process.Launch(ctx, nil, self, nil, []string{roleVariable + "=" + name})
	if err != nil {
		return nil, err
	}
	if err := p.Say(settings); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%s: %w", name, p.Failed(err))
	}
	return p, nil
}

// serving starts a child that is a server, and waits until it says where it listens.
func serving(ctx context.Context, name string, settings any) (*process.Process, error) {
	p, err := spawn(ctx, name, settings)
	if err != nil {
		return nil, err
	}
	if err := p.Hear(&p.Addresses); err != nil {
		p.Stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// told reads one line of JSON.
func told(in *bufio.Reader, v any) error {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

// generate is the role of the load generator.
func generate(ctx context.Context, in *bufio.Reader, out io.Writer) error {
	var p load.Plan
	if err := told(in, &p); err != nil {
		return err
	}
	result, err := load.Run(ctx, p)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// runLoad has a plan carried out by a child.
func runLoad(ctx context.Context, p load.Plan) (load.Result, error) {
	g, err := spawn(ctx, "load", p)
	if err != nil {
		return load.Result{}, err
	}
	defer g.Stop()
	var r load.Result
	err = g.Hear(&r)
	return r, err
}
