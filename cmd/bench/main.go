// Command bench measures what Postern costs beside the servers that it is built on and
// beside OPA's own, and writes the table of docs/bench.md. Every server and the load
// generator is a process of its own on loopback. Where any server answers
// anything wrongly the run fails, and documents stay as they are.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"postern/cmd/bench/report"
	"postern/cmd/document"
)

func main() {
	if code, ok := child(); ok {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the flags say.
type options struct {
	extent
	scenario *regexp.Regexp
	out      string
	json     string
	write    bool
}

func parse(args []string, errs io.Writer) (options, error) {
	o := options{extent: whole()}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(errs)
	quickly := set.Bool("quick", false, "run every part for a moment; its figures mean nothing")
	set.IntVar(&o.rounds, "rounds", o.rounds, "how often each server is measured, in turn with the others")
	set.DurationVar(&o.duration, "duration", o.duration, "how long a round lasts")
	set.IntVar(&o.connections, "connections", o.connections, "how many requests are under way at once")
	pattern := set.String("scenario", "", "a regular `expression`: measure only what it matches of "+names())
	set.StringVar(&o.out, "out", "", "a file for the whole table, in place of standard output")
	set.StringVar(&o.json, "json", "", "a file for every round, in JSON")
	set.BoolVar(&o.write, "write", false, "replace the marked part of docs/bench.md")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if set.NArg() > 0 {
		return o, fmt.Errorf("no argument is taken: %q", set.Args())
	}
	if *quickly {
		given := o.extent
		o.extent = quick()
		set.Visit(func(f *flag.Flag) { // what was said explicitly still holds
			switch f.Name {
			case "rounds":
				o.rounds = given.rounds
			case "duration":
				o.duration = given.duration
			case "connections":
				o.connections = given.connections
			}
		})
	}
	if o.rounds < 1 || o.duration <= 0 || o.connections < 1 {
		return o, fmt.Errorf("%d rounds of %v over %d connections", o.rounds, o.duration, o.connections)
	}
	var err error
	o.scenario, err = regexp.Compile(*pattern)
	return o, err
}

// execute runs the command and returns its exit code: 1 where anything went wrong, 2 for
// flags that are none.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return 2
	}
	r, err := run(ctx, o, scenarios, errs)
	if err != nil && !errors.Is(err, errWrong) {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return 1
	}
	r.Machine = report.Here(report.CommandLine("bench", args))
	if err != nil { // what failed is no documentation
		o.write = false
	}
	if err = errors.Join(err, publish(r, o, out)); err != nil {
		fmt.Fprintf(errs, "bench: %v\n", err)
		return 1
	}
	return 0
}

// names lists the scenarios for the flag's help.
func names() string {
	var all []string
	for _, s := range scenarios {
		all = append(all, s.name)
	}
	return strings.Join(all, ", ")
}

// errWrong: the run was carried out, and some answers were wrong.
var errWrong = errors.New("wrong answers")

// run measures every one of the scenarios that is asked for. With errWrong the report is whole.
func run(ctx context.Context, o options, scenarios []scenario, errs io.Writer) (report.Report, error) {
	var r report.Report
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	said := func(format string, args ...any) { fmt.Fprintf(errs, format+"\n", args...) }
	b, err := newBench(dir, o.extent, said)
	if err != nil {
		return r, err
	}
	for _, s := range scenarios {
		if !o.scenario.MatchString(s.name) {
			continue
		}
		section, err := s.run(b, ctx, s.name)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s.name, err)
		}
		r.Sections = append(r.Sections, section)
	}
	if len(r.Sections) == 0 {
		return r, fmt.Errorf("no scenario matches %s", o.scenario)
	}
	if b.wrong > 0 {
		return r, fmt.Errorf("%d %w", b.wrong, errWrong)
	}
	return r, nil
}

// publish writes the report where the flags say.
func publish(r report.Report, o options, out io.Writer) error {
	if o.json != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return err
		}
	}
	if o.write {
		if err := document.Write("docs/bench.md", "bench", r.Full(), report.Frame); err != nil {
			return err
		}
	}
	if o.out != "" {
		return os.WriteFile(o.out, []byte(r.Full()), 0o644)
	}
	_, err := io.WriteString(out, r.Full())
	return err
}
