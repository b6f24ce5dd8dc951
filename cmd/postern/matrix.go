package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/matrix"
	"postern/sidecar/phrase"
	"postern/sidecar/policy"
	"postern/sidecar/session"
)

// deciding are the flags of the commands that decide every cell of a matrix.
type deciding struct {
	builtins []string
	check    string
	claims   string
	deadline time.Duration
}

func (o *deciding) register(cmd *cobra.Command) {
	builtinsFlag(cmd, &o.builtins)
	f := cmd.Flags()
	f.StringVar(&o.check, "entrypoint", "", "The rule that decides in place of the bundle's, as entrypoints.check.")
	f.StringVar(&o.claims, "claims", "clerk", "Whose sessions to ask with, as issuers[].claims: clerk, or oidc to compare names whole.")
	f.DurationVar(&o.deadline, "deadline", matrix.Deadline, "The time that one decision may take.")
}

// profiles are whose sessions a matrix can be of.
var profiles = []choice[session.Profile]{{"clerk", session.ProfileClerk}, {"oidc", session.ProfilePlain}}

// options are what the flags say. The time is the same for all that one command builds.
func (o *deciding) options() (matrix.Options, error) {
	profile, err := byName("claims", profiles, o.claims)
	if err != nil {
		return matrix.Options{}, err
	}
	if o.deadline <= 0 {
		return matrix.Options{}, fmt.Errorf("--deadline: %v is no time to decide in", o.deadline)
	}
	return matrix.Options{
		Policy:   policy.Options{Builtins: o.builtins, Entrypoints: bundle.Entrypoints{Check: o.check}},
		Profile:  profile,
		Deadline: o.deadline,
		Now:      time.Now(),
	}, nil
}

// A choice is a word that a flag takes, and what it stands for.
type choice[T any] struct {
	name  string
	value T
}

// byName is what the word of a flag stands for. Another word is an error with those that
// there are.
func byName[T any](flag string, choices []choice[T], name string) (T, error) {
	var names []string
	for _, c := range choices {
		if c.name == name {
			return c.value, nil
		}
		names = append(names, c.name)
	}
	var none T
	return none, fmt.Errorf("--%s: %s is none of %s%s", flag, phrase.Quote(name), strings.Join(names, ", "), phrase.DidYouMean(phrase.Suggest(name, names)))
}

var matrixFormats = []choice[func(*matrix.Matrix, io.Writer) error]{
	{"table", (*matrix.Matrix).WriteTable},
	{"markdown", (*matrix.Matrix).WriteMarkdown},
	{"csv", (*matrix.Matrix).WriteCSV},
	{"json", (*matrix.Matrix).WriteJSON},
	{"html", (*matrix.Matrix).WriteHTML},
}

// matrixOptions are the flags of matrix.
type matrixOptions struct {
	deciding
	format   string
	roleSets []string
	plans    []string
	output   string
}

func matrixCommand() *cobra.Command {
	var o matrixOptions
	cmd := &cobra.Command{
		Use:   "matrix BUNDLE...",
		Short: "Show what every role may do",
		Long: `Matrix asks the bundle's policy, as serve runs it, for every permission as a member with
every role, in an organization of every role set and plan, and prints the answers. The
session is one that Clerk would mint for such a member: it states the plan, its features,
and the permissions of the role that the plan has the features for. It states no metadata
and no other claims.

With --format json it prints {revision, digest, tables, names}. A table is {role_set, plan,
roles, permissions, cells}, and a cell {role_set, plan, role, permission, allow, reasons}. A
model without role sets or plans has one of them, named "". In csv, a cell that a
spreadsheet would take for a formula begins with '.

It exits with 2 where the policy gives no decision for a cell, and then prints no matrix.`,
		Example: `  postern matrix bundles/demo
  postern matrix bundles/demo --role-set growth --plan pro --format html --output matrix.html`,
	}
	o.register(cmd)
	f := cmd.Flags()
	f.StringVar(&o.format, "format", "table", "How to print it: table, markdown, csv, json or html.")
	f.StringArrayVar(&o.roleSets, "role-set", nil, "A role set to show, instead of all; repeatable.")
	f.StringArrayVar(&o.plans, "plan", nil, "A plan to show, instead of all; repeatable.")
	f.StringVarP(&o.output, "output", "o", "-", "The file to write, or - for standard output.")
	return bundleArguments(cmd, func(cmd *cobra.Command, sources []bundle.Source) error {
		return printMatrix(cmd.Context(), cmd.OutOrStdout(), sources, &o)
	})
}

func printMatrix(ctx context.Context, out io.Writer, sources []bundle.Source, o *matrixOptions) error {
	write, err := byName("format", matrixFormats, o.format)
	if err != nil {
		return err
	}
	options, err := o.options()
	if err != nil {
		return err
	}
	options.RoleSets, options.Plans = slices.Clone(o.roleSets), slices.Clone(o.plans)
	m, err := loadMatrix(ctx, options, sources)
	if err != nil {
		return err
	}
	return writeTo(out, o.output, func(w io.Writer) error { return write(m, w) })
}

// loadMatrix builds the matrix of the bundle in some sources.
func loadMatrix(ctx context.Context, o matrix.Options, sources []bundle.Source) (*matrix.Matrix, error) {
	b, err := bundle.LoadSources(ctx, bundle.DefaultLimits(), sources)
	if err != nil {
		return nil, err
	}
	m, err := matrix.Build(ctx, b, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", namesOf(sources), err)
	}
	return m, nil
}

// writeTo writes a file, or out for -. A file is only touched once all of its text is there.
func writeTo(out io.Writer, path string, write func(io.Writer) error) error {
	var text bytes.Buffer
	if err := write(&text); err != nil {
		return err
	}
	if path == "-" {
		_, err := out.Write(text.Bytes())
		return err
	}
	return os.WriteFile(path, text.Bytes(), 0o644)
}
