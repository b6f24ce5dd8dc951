package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"postern/sidecar/matrix"
)

var diffFormats = []choice[func(*matrix.Diff, io.Writer) error]{
	{"table", (*matrix.Diff).WriteTable},
	{"markdown", (*matrix.Diff).WriteMarkdown},
	{"json", (*matrix.Diff).WriteJSON},
}

// diffOptions are the flags of diff.
type diffOptions struct {
	deciding
	verify    verifyOptions
	format    string
	approvals string
	write     string
}

func diffCommand() *cobra.Command {
	var o diffOptions
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show what roles may newly do, and no longer",
		Long: `Diff builds the matrix of two bundles, each a directory or an archive, and prints the
cells that differ: those that are newly allowed, then those that are newly denied. A cell
that only one of them has counts as denied in the other. Routes, organizations, settings
and revocations are no part of a matrix, and are not compared.

An approvals file is a list, in YAML or (named .json) JSON, of cells that may become
allowed, with a reason if you like:

  - {role_set: growth, plan: pro, role: "org:analyst", permission: "org:reports:export", reason: "…"}

role_set and plan are "" where the model has none. Nothing stands for several cells.

With --format json it prints {old, new, allowed, denied}, the first two {revision, digest},
the others lists of {role_set, plan, role, permission, reasons, lacks, approved, approval}:
the reasons of the denial, or what the bundle that denies does not have.

It exits with 0 where every newly allowed cell is approved, 1 where one is not, and 2 where
it could not compare.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return diff(cmd, args[0], args[1], &o)
		},
	}
	o.register(cmd)
	f := cmd.Flags()
	o.verify.register(f)
	f.StringVar(&o.format, "format", "table", "How to print it: table, markdown or json.")
	f.StringVar(&o.approvals, "approvals", "", "The file of the cells that may become allowed, or - for standard input.")
	f.StringVar(&o.write, "write-approvals", "", "A file to write the newly allowed cells to, in the form of --approvals.")
	return cmd
}

func diff(cmd *cobra.Command, old, now string, o *diffOptions) error {
	out := cmd.OutOrStdout()
	write, err := byName("format", diffFormats, o.format)
	if err != nil {
		return err
	}
	d, err := o.compare(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), old, now)
	if err != nil {
		return err
	}
	if err := write(d, out); err != nil {
		return err
	}
	if o.write != "" {
		err := writeTo(out, o.write, func(w io.Writer) error { return d.WriteApprovals(w, o.write) })
		if err != nil {
			return err
		}
	}
	if d.Unapproved() > 0 {
		return exit(exitFailed)
	}
	return nil
}

// compare builds both matrices and marks what is approved. An approval of nothing is a
// warning: it is probably of a change that has long been made, or a slip.
func (o *diffOptions) compare(ctx context.Context, in io.Reader, errs io.Writer, old, now string) (*matrix.Diff, error) {
	var approvals []matrix.Approval
	if o.approvals != "" {
		text, err := file(in, o.approvals)
		if err != nil {
			return nil, err
		}
		if approvals, err = matrix.ParseApprovals(o.approvals, text); err != nil {
			return nil, err
		}
	}
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	sources, err := o.verify.sources(old, now)
	if err != nil {
		return nil, err
	}
	before, err := loadMatrix(ctx, options, sources[:1])
	if err != nil {
		return nil, err
	}
	after, err := loadMatrix(ctx, options, sources[1:])
	if err != nil {
		return nil, err
	}
	d := matrix.Compare(before, after)
	for _, a := range d.Approve(approvals) {
		fmt.Fprintf(errs, "warning: %s: the cell (%v) is not newly allowed\n", a.Where, a.Key)
	}
	return d, nil
}
