package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/model"
	"postern/sidecar/typegen"
)

// typesOptions are the flags of types.
type typesOptions struct {
	language string
	name     string
	output   string
}

// languages write a model's names, Go's in a package.
var languages = []choice[func(m *model.Model, pkg string) ([]byte, error)]{
	{"ts", func(m *model.Model, _ string) ([]byte, error) { return typegen.TypeScript(m), nil }},
	{"go", typegen.Go},
}

func typesCommand() *cobra.Command {
	var o typesOptions
	cmd := &cobra.Command{
		Use:   "types BUNDLE...",
		Short: "Write a bundle's names as TypeScript or Go",
		Long: `Types writes the roles, permissions, features, plans and role sets of the bundle's model as
source code, so that a misspelt one does not compile.

In TypeScript (ts) it is a module that also declares ClerkAuthorization: has() and its like
then take the model's roles and permissions and no others. Put it where tsc finds it, in a
.ts file, since it has values. In Go (go) it is a package of constants.

System permissions are a type of their own: session tokens never carry one.`,
		Example: `  postern types bundles/demo --output src/authorization.ts
  postern types bundles/demo --lang go --package authz --output authz/authz.go`,
	}
	cmd.Flags().StringVar(&o.language, "lang", "ts", "The language: ts or go.")
	cmd.Flags().StringVar(&o.name, "package", "authz", "The name of the Go package.")
	cmd.Flags().StringVarP(&o.output, "output", "o", "-", "The file to write, replaced if it is there, or - for standard output.")
	return bundleArguments(cmd, func(cmd *cobra.Command, sources []bundle.Source) error {
		return types(cmd.Context(), cmd.OutOrStdout(), sources, o)
	})
}

func types(ctx context.Context, out io.Writer, sources []bundle.Source, o typesOptions) error {
	generate, err := byName("lang", languages, o.language)
	if err != nil {
		return err
	}
	if o.language == "ts" && strings.HasSuffix(o.output, ".d.ts") {
		return errors.New("--output: a .d.ts file cannot hold values; name it .ts")
	}
	b, err := bundle.LoadSources(ctx, bundle.DefaultLimits(), sources)
	if err != nil {
		return err
	}
	if b.Model == nil {
		return fmt.Errorf("%s: no model, so there are no names", namesOf(sources))
	}
	source, err := generate(b.Model, o.name)
	if err != nil {
		return err
	}
	return writeTo(out, o.output, func(w io.Writer) error {
		_, err := w.Write(source)
		return err
	})
}
