// Command fleet starts many Posterns that all poll one nginx for their bundle, and measures
// what each of them holds and uses, what the server sees, and how long a new revision takes
// to reach them all. It writes the table of docs/sizing.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"postern/cmd/bench/report"
	"postern/cmd/document"
	"postern/cmd/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the flags say.
type options struct {
	sidecars int
	lasts    time.Duration
	min, max time.Duration // of polls
	source   string
	postern  string
	quick    bool
	write    string
}

// The values of --source.
const (
	fromPath = "path"
	fromURL  = "url"
)

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("fleet", flag.ContinueOnError)
	set.SetOutput(errs)
	set.IntVar(&o.sidecars, "sidecars", 16, "how many Posterns to start")
	set.DurationVar(&o.lasts, "for", time.Minute, "how long they are watched while nobody asks them anything")
	set.DurationVar(&o.min, "poll-min", 2*time.Second, "the shortest time between two polls")
	set.DurationVar(&o.max, "poll-max", 4*time.Second, "the longest time between two polls")
	set.StringVar(&o.source, "source", fromURL, "where bundles come from: url, an nginx, or path, one file for all of them")
	set.StringVar(&o.postern, "postern", "", "the `path` of the program; without one it is built")
	set.BoolVar(&o.quick, "quick", false, "smaller bundles; the figures mean nothing")
	set.StringVar(&o.write, "write", "", "a `document` whose part between <!-- fleet --> and <!-- /fleet --> is replaced, in place of standard output")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	switch {
	case set.NArg() > 0:
		return o, fmt.Errorf("no argument is taken: %q", set.Args())
	case o.sidecars < 1 || o.sidecars > 1000:
		return o, fmt.Errorf("--sidecars %d is not from 1 to 1000", o.sidecars)
	case o.lasts < time.Second || o.min <= 0 || o.max < o.min:
		return o, fmt.Errorf("--for %v, --poll-min %v, --poll-max %v: want 1s or more, and polls in order", o.lasts, o.min, o.max)
	case o.source != fromPath && o.source != fromURL:
		return o, fmt.Errorf("--source %s is neither url nor path", o.source)
	}
	return o, nil
}

// execute runs the command and returns its exit code: 1 where anything went wrong, 2 for
// flags that are none.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "fleet: %v\n", err)
		return 2
	}
	text, err := measure(ctx, o, args, errs)
	if err == nil && o.write != "" {
		err = document.Write(o.write, "fleet", text, "")
	} else if err == nil {
		_, err = io.WriteString(out, text)
	}
	if err != nil {
		fmt.Fprintf(errs, "fleet: %v\n", err)
		return 1
	}
	return 0
}

// measure runs every scenario and returns the table.
func measure(ctx context.Context, o options, args []string, errs io.Writer) (string, error) {
	dir, err := os.MkdirTemp("", "postern-fleet-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if o.postern == "" {
		o.postern = filepath.Join(dir, "postern")
		if err := process.Build(ctx, o.postern, "postern/cmd/postern"); err != nil {
			return "", err
		}
	}
	var rows []row
	for n, s := range o.scenarios() {
		fmt.Fprintf(errs, "%s\n", s.name)
		one := filepath.Join(dir, fmt.Sprint(n))
		if err := os.Mkdir(one, 0o755); err != nil {
			return "", err
		}
		r, err := o.run(ctx, s, one)
		if err != nil {
			return "", fmt.Errorf("%s: %w", s.name, err)
		}
		rows = append(rows, r)
	}
	return o.table(report.Here(report.CommandLine("fleet", args)), rows), nil
}
