package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
)

// bundleArguments lets a command take its bundles as arguments, as --bundle like serve and
// check, or as both, and verify their signatures.
func bundleArguments(cmd *cobra.Command, run func(cmd *cobra.Command, sources []bundle.Source) error) *cobra.Command {
	var named []string
	var verify verifyOptions
	verify.register(cmd.Flags())
	cmd.Flags().StringArrayVar(&named, "bundle", nil, "A bundle, as an argument is: a directory or .tar.gz archive.")
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		paths := append(args, named...)
		if len(paths) == 0 {
			return errors.New("no bundle is named, neither as an argument nor by --bundle")
		}
		sources, err := verify.sources(paths...)
		if err != nil {
			return err
		}
		return run(cmd, sources)
	}
	return cmd
}

// namesOf are the sources as an error names them.
func namesOf(sources []bundle.Source) string {
	names := make([]string, len(sources))
	for i, s := range sources {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}
