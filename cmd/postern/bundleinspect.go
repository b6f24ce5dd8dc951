package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/phrase"
)

// inspectOptions are the flags of bundle inspect.
type inspectOptions struct {
	verifyOptions
	format string
}

// An inspection is what bundle inspect prints.
type inspection struct {
	Revision string            `json:"revision"`
	Digest   string            `json:"digest"`
	Sources  []inspectedSource `json:"sources"`
	Model    *modelCounts      `json:"model"`
	Warnings []string          `json:"warnings"`
}

type inspectedSource struct {
	Name        string              `json:"name"`
	Revision    string              `json:"revision"`
	Digest      string              `json:"digest"`
	Roots       []string            `json:"roots"`
	Files       []inspectedFile     `json:"files"`
	Ignored     []string            `json:"ignored"`
	Packages    []string            `json:"packages"`
	Entrypoints map[string]string   `json:"entrypoints"`
	Signature   *inspectedSignature `json:"signature"`
}

type inspectedFile struct {
	Path string `json:"path"`
	Size int    `json:"size"`
}

type inspectedSignature struct {
	KeyID     string `json:"key_id"`
	Algorithm string `json:"algorithm"`
	Scope     string `json:"scope"`
	Files     int    `json:"files"`
	Verified  bool   `json:"verified"`
	Fault     string `json:"fault,omitempty"`
}

// modelCounts are how much of each kind the model has.
type modelCounts struct {
	Permissions   int `json:"permissions"`
	Roles         int `json:"roles"`
	RoleSets      int `json:"role_sets"`
	Plans         int `json:"plans"`
	Organizations int `json:"organizations"`
	Routes        int `json:"routes"`
}

var inspectFormats = []choice[func(io.Writer, inspection) error]{
	{"table", writeInspection},
	{"json", func(out io.Writer, i inspection) error { return printJSON(out, i) }},
}

func bundleInspectCommand() *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect BUNDLE...",
		Short: "Say what is in a bundle, and who signed it",
		Long: `Inspect reads directories and archives as serve would and prints revision, digest, roots,
files, packages, entrypoints, how much of a model there is, and the signature. It does not
compile the Rego; validate does.

A signature is only said to be verified where --verify-key has the key. Without it, what the
signature says of itself is printed, and may be a lie.

It exits with 1 where a bundle cannot be read, or --verify-key is given and one of the
bundles is not signed by a key of it.`,
		Example: `  postern bundle inspect bundle.tar.gz --verify-key ci=ci.pub`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return bundleInspect(cmd, args, &o)
		},
	}
	cmd.Flags().StringVar(&o.format, "format", "table", "How to print it: table or json.")
	o.register(cmd.Flags())
	return cmd
}

func bundleInspect(cmd *cobra.Command, args []string, o *inspectOptions) error {
	write, err := byName("format", inspectFormats, o.format)
	if err != nil {
		return err
	}
	sources, err := o.sources(args...)
	if err != nil {
		return err
	}
	b, all, err := bundle.Inspect(cmd.Context(), bundle.DefaultLimits(), sources)
	if err != nil {
		return refuse(cmd.ErrOrStderr(), err)
	}
	if err := write(cmd.OutOrStdout(), inspectionOf(b, all)); err != nil {
		return err
	}
	var failed error
	for _, c := range all {
		if c.Signature != nil && c.Signature.Fault != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", c.Name, c.Signature.Fault)
			failed = exit(exitFailed)
		}
	}
	return failed
}

func inspectionOf(b *bundle.Bundle, all []bundle.Contents) inspection {
	i := inspection{Revision: b.Revision, Digest: b.Digest, Warnings: append([]string{}, b.Warnings...)}
	if m := b.Model; m != nil {
		i.Model = &modelCounts{len(m.Permissions), len(m.Roles), len(m.RoleSets), len(m.Plans), len(m.Organizations), len(m.Routes)}
	}
	for _, c := range all {
		s := inspectedSource{
			Name: c.Name, Revision: c.Revision, Digest: c.Digest, Roots: append([]string{}, c.Roots...), Files: []inspectedFile{},
			Ignored: append([]string{}, c.Ignored...), Packages: append([]string{}, c.Packages...), Entrypoints: entrypointsOf(c.Entrypoints),
		}
		for _, f := range c.Files {
			s.Files = append(s.Files, inspectedFile(f))
		}
		if sig := c.Signature; sig != nil {
			s.Signature = &inspectedSignature{KeyID: sig.KeyID, Algorithm: sig.Algorithm, Scope: sig.Scope, Files: sig.Files, Verified: sig.Verified}
			if sig.Fault != nil {
				s.Signature.Fault = sig.Fault.Error()
			}
		}
		i.Sources = append(i.Sources, s)
	}
	return i
}

// entrypointsOf are the entrypoints that a source sets, by the names that its manifest has.
func entrypointsOf(e bundle.Entrypoints) map[string]string {
	all := map[string]string{
		"check": e.Check, "route": e.Route, "evaluate": e.Evaluate,
		"search.subject": e.Search.Subject, "search.resource": e.Search.Resource, "search.action": e.Search.Action,
	}
	for name, path := range all {
		if path == "" {
			delete(all, name)
		}
	}
	return all
}

// writeInspection prints an inspection for people. What a signature says of itself is text
// of unknown origin.
func writeInspection(out io.Writer, i inspection) error {
	w := &errWriter{w: out}
	w.printf("revision  %s\ndigest    %s\n", i.Revision, i.Digest)
	if m := i.Model; m != nil {
		w.printf("model     %d permissions, %d roles, %d role sets, %d plans, %d organizations, %d routes\n",
			m.Permissions, m.Roles, m.RoleSets, m.Plans, m.Organizations, m.Routes)
	}
	for _, s := range i.Sources {
		w.printf("\n%s\n  revision   %s\n  digest     %s\n  signature  %s\n", phrase.OneLine(s.Name), s.Revision, s.Digest, s.Signature)
		w.printf("  roots      %s\n", quoted(s.Roots))
		if len(s.Packages) > 0 {
			w.printf("  packages   %s\n", phrase.OneLine(strings.Join(s.Packages, ", ")))
		}
		for _, name := range []string{"check", "route", "evaluate", "search.subject", "search.resource", "search.action"} {
			if path := s.Entrypoints[name]; path != "" {
				w.printf("  entrypoint %s = %s\n", name, path)
			}
		}
		w.printf("  files\n")
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		for _, f := range s.Files {
			fmt.Fprintf(table, "    %d\t  %s\n", f.Size, f.Path)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		for _, name := range s.Ignored {
			w.printf("    ignored  %s\n", name)
		}
	}
	return w.err
}

func quoted(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = phrase.Quote(name)
	}
	return strings.Join(all, ", ")
}

func (s *inspectedSignature) String() string {
	if s == nil {
		return "none"
	}
	said := fmt.Sprintf("by %s with %s, of %d files", phrase.Quote(s.KeyID), phrase.Quote(s.Algorithm), s.Files)
	if s.Scope != "" {
		said += ", scope " + phrase.Quote(s.Scope)
	}
	switch {
	case s.Verified:
		return "verified: " + said
	case s.KeyID == "":
		return "cannot be read"
	case s.Fault != "":
		return "WRONG: " + said
	}
	return "not verified, for want of --verify-key: " + said
}
