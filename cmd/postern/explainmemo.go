package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"postern/sidecar/config"
	"postern/sidecar/policy"
)

func explainMemoCommand() *cobra.Command {
	var settings config.Flags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain-memo [BUNDLE...]",
		Short: "Say what policies read, and so which sessions share a decision",
		Long: `Explain-memo says for each entrypoint which paths of its input its rules read, and where.
Decisions are remembered under what is at these paths: whoever is equal in all of them shares
one. A rule that reads what differs in each session makes an entry for each; one that reads
the clock, or the input as a whole, has its decisions made anew each time.

Flags, environment and file say what holds, as they do for serve: builtins and entrypoints
are theirs. Bundles may also be arguments. Without one, the library is explained.`,
		Example: "  postern explain-memo bundles/demo",
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, bundle := range args {
				if err := cmd.Flags().Set("bundle", bundle); err != nil {
					return err
				}
			}
			c, err := config.LoadPolicy(&settings, os.Environ())
			if err != nil {
				return err
			}
			return explainMemo(cmd.Context(), cmd.OutOrStdout(), c, asJSON)
		},
	}
	settings.Register(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print JSON.")
	return cmd
}

func explainMemo(ctx context.Context, out io.Writer, c *config.Config, asJSON bool) error {
	p, _, err := loadPolicy(ctx, c)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, p.Footprints())
	}
	w := &errWriter{w: out}
	for i, f := range p.Footprints() {
		if i > 0 {
			w.printf("\n")
		}
		explainFootprint(w, f)
	}
	return w.err
}

// explainFootprint tells a person, a line for each path.
func explainFootprint(w *errWriter, f policy.Footprint) {
	w.printf("%s: %s\n", f.Entrypoint, f.Rule)
	switch {
	case !f.Shared:
		for _, why := range f.Why {
			w.printf("  is decided anew each time: it %s\n", why)
		}
		w.printf("  it reads\n")
	case len(f.Reads) == 0:
		w.printf("  is decided once for all: it reads nothing\n")
		return
	default:
		w.printf("  is decided once for all that are equal in\n")
	}
	path, place := 0, 0
	for _, r := range f.Reads {
		path, place = max(path, len(r.Path)), max(place, len(r.At))
	}
	for _, r := range f.Reads {
		w.printf("    %s\n", strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %s", path, r.Path, place, r.At, r.Remark), " "))
	}
}
