// Command soak runs Postern for long under everything that goes wrong in production at once
// (policy that changes each second and is sometimes bad, servers that fail, keys that rotate,
// clients that vanish) and fails where an answer is wrong or lost, where a record of the
// decision log is missing or wrong, or where Postern holds more at the end than at the
// warm-up. An oracle that shares no code with Postern knows the answers of each revision.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	runtime.GOMAXPROCS(max(1, runtime.NumCPU()-1)) // the rest is for Postern
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are what the flags say.
type options struct {
	lasts   time.Duration
	seed    uint64
	postern string
	source  string
	log     string
	rotate  string
	rate    int
	workers int
	change  time.Duration
	keys    time.Duration
	// between has what a test puts between the soak and Postern's listeners.
	between func(addresses map[string]string) (map[string]string, error)
}

// The values of --source and --log.
const (
	fromPath = "path"
	fromURL  = "url"
)

func parse(args []string, errs io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("soak", flag.ContinueOnError)
	set.SetOutput(errs)
	set.DurationVar(&o.lasts, "for", 30*time.Minute, "how long to go on, from 2s to 5h")
	set.Uint64Var(&o.seed, "seed", 0, "what revisions, sessions and failures are drawn from; 0 draws one, which is printed")
	set.StringVar(&o.postern, "postern", "", "the `path` of the program; without one it is built")
	set.StringVar(&o.source, "source", fromPath, "where policy comes from: path, a file that is replaced, or url, a server that fails at times")
	set.StringVar(&o.log, "log", fromPath, "where the decision log goes: path, a file, or url, a server that fails at times")
	set.StringVar(&o.rotate, "rotate", "", "the `size` from which on the decision log makes place for a new file, such as 16MiB; empty for never")
	set.IntVar(&o.rate, "rate", 2000, "the most requests a second")
	set.IntVar(&o.workers, "workers", 9, "how many ask at once; a third of them over gRPC, and a third do abuse at times")
	set.DurationVar(&o.change, "change", time.Second, "the time between two revisions, about")
	set.DurationVar(&o.keys, "keys", 20*time.Second, "the time between two rotations of keys; from 12s on there are times when the old key must be refused")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	switch {
	case set.NArg() > 0:
		return o, fmt.Errorf("no argument is taken: %q", set.Args())
	case o.lasts < 2*time.Second || o.lasts > 5*time.Hour:
		return o, fmt.Errorf("--for %v is not from 2s to 5h", o.lasts)
	case o.source != fromPath && o.source != fromURL:
		return o, fmt.Errorf("--source %s is neither path nor url", o.source)
	case o.log != fromPath && o.log != fromURL:
		return o, fmt.Errorf("--log %s is neither path nor url", o.log)
	case o.rate < 1 || o.workers < 3 || o.workers > o.rate:
		return o, fmt.Errorf("%d requests a second of %d workers: want 3 workers or more, and no more than requests", o.rate, o.workers)
	case o.change < 100*time.Millisecond || o.keys < time.Second:
		return o, fmt.Errorf("--change %v, --keys %v: want 100ms and 1s or more", o.change, o.keys)
	}
	if o.seed == 0 {
		o.seed = rand.Uint64() >> 1
	}
	return o, nil
}

// execute runs the command and returns its exit code: 1 where anything was not as it must
// be, 2 for flags that are none.
func execute(ctx context.Context, args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(errs, "soak: %v\n", err)
		return 2
	}
	dir, err := os.MkdirTemp("", "postern-soak-")
	if err != nil {
		fmt.Fprintf(errs, "soak: %v\n", err)
		return 1
	}
	fmt.Fprintf(out, "seed %d\n", o.seed)
	r, err := run(ctx, o, dir, out)
	r.write(out)
	if err == nil && r.failed() {
		err = errors.New("not everything was as it must be")
	}
	if err != nil {
		fmt.Fprintf(errs, "soak: %v; seed %d, logs in %s\n", err, o.seed, dir)
		return 1
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintf(errs, "soak: %v\n", err)
		return 1
	}
	return 0
}
