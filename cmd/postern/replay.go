package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/sidecar/config"
	"postern/sidecar/matrix"
	"postern/sidecar/replay"
)

var replayFormats = []choice[func(*replay.Report, io.Writer) error]{
	{"table", (*replay.Report).WriteTable},
	{"markdown", (*replay.Report).WriteMarkdown},
	{"json", (*replay.Report).WriteJSON},
}

// failures are what --fail-on can name: how many changes of that kind a report has.
var failures = []choice[func(*replay.Report) int]{
	{"allow", func(r *replay.Report) int { return r.Allowed.Count }},
	{"any", func(r *replay.Report) int { return r.Allowed.Count + r.Denied.Count }},
	{"none", func(*replay.Report) int { return 0 }},
}

// replayOptions are the flags of replay beside those of serve.
type replayOptions struct {
	settings config.Flags
	file     *pflag.Flag // --config
	verify   verifyOptions
	against  []string
	format   string
	failOn   string
	skipped  bool
	examples int
	deadline time.Duration
}

func replayCommand() *cobra.Command {
	var o replayOptions
	cmd := &cobra.Command{
		Use:   "replay LOG...",
		Short: "Show what a bundle would have decided otherwise",
		Long: `Replay reads decision logs that were written with decision_log.input, decides every record
again with the bundles of --bundle, and prints what changes: first what would newly be
allowed, then what would newly be denied, then what stays for other reasons. LOG is a file
of JSON lines, which may be compressed with gzip, or - for standard input.

It is compared with what was recorded or, with --against, with what other bundles decide
now: so a change of policy stands apart from one of the configuration or of the engine. No
server is asked, and each decision is made at its own time. What policies may call, and
which rules they are asked by, is said by the file of --config, as for serve, and so is who
must have signed the bundles that it names; --verify-key is for all others.

A record that has no input, or lacks some of what the policy reads, is counted by cause and
not decided: the summary names the first lines of each. So is a line that is no record.

It exits with 0 where nothing changes of the kind that --fail-on names, 1 where something
does, and 2 where it could not compare: where nothing could be decided again, a decision took
longer than --deadline or, with --fail-on-skipped, any could not be made again. Records of
what is no decision do not count, nor do those of what no policy was asked about.`,
		Example: `  postern replay decisions.jsonl --bundle ./policies-next
  postern replay decisions-*.jsonl.gz decisions.jsonl --bundle ./policies-next --against ./policies
  postern replay decisions.jsonl --bundle next.tar.gz --verify-key releases=releases.pub --fail-on-skipped`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return replayLogs(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), args, &o)
		},
	}
	f := cmd.Flags()
	o.register(f)
	f.StringArrayVar(&o.against, "against", nil, "A bundle to compare with, instead of what was recorded; repeatable.")
	f.StringVar(&o.format, "format", "table", "How to print it: table, markdown or json.")
	f.StringVar(&o.failOn, "fail-on", "allow", "What exits with 1: allow, for what is newly allowed; any, for what is newly denied too; none.")
	f.BoolVar(&o.skipped, "fail-on-skipped", false, "Exit with 2 where any decision of the logs could not be made again.")
	f.IntVar(&o.examples, "limit-examples", 3, "How many decisions of each kind to show.")
	f.DurationVar(&o.deadline, "deadline", matrix.Deadline, "The time that one decision may take.")
	return cmd
}

func replayLogs(ctx context.Context, in io.Reader, out io.Writer, names []string, o *replayOptions) error {
	write, err := byName("format", replayFormats, o.format)
	if err != nil {
		return err
	}
	failed, err := byName("fail-on", failures, o.failOn)
	if err != nil {
		return err
	}
	if o.deadline <= 0 || o.examples < 0 || o.examples > 100 {
		return errors.New("--deadline must be more than 0, and --limit-examples from 0 to 100")
	}
	options, err := o.load(ctx)
	if err != nil {
		return err
	}
	logs, done, err := openLogs(in, names)
	if err != nil {
		return err
	}
	defer done()
	report, err := replay.Run(ctx, logs, options)
	if err != nil {
		return err
	}
	if err := write(report, out); err != nil {
		return err
	}
	switch {
	case report.Replayed == 0:
		return errors.New("no record could be decided again: see the causes, and docs/replay.md; without decision_log.input there is nothing to decide")
	case failed(report) > 0:
		return exit(exitFailed)
	case report.Of(replay.Late) > 0:
		return fmt.Errorf("%d records ran out of time, so that what they would be is not known: say a longer --deadline", report.Of(replay.Late))
	case o.skipped && report.Undecided() > 0:
		return fmt.Errorf("%d decisions could not be made again: see the causes, and docs/replay.md", report.Undecided())
	default:
		return nil
	}
}

// openLogs opens all logs, or none. A log is read when those before it have been.
func openLogs(in io.Reader, names []string) (logs []replay.Log, done func(), err error) {
	var files []*os.File
	done = func() {
		for _, f := range files {
			f.Close()
		}
	}
	for _, name := range names {
		if name == "-" {
			logs = append(logs, replay.Log{Name: "standard input", Reader: in})
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			done()
			return nil, nil, err
		}
		files = append(files, f)
		logs = append(logs, replay.Log{Name: name, Reader: f})
	}
	return logs, done, nil
}
