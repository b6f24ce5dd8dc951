package main

import (
	"errors"

	"github.com/spf13/cobra"
)

// bundleArguments lets a command take its bundles as arguments, as --bundle like serve and
// check, or as both.
func bundleArguments(cmd *cobra.Command, run func(cmd *cobra.Command, sources []string) error) *cobra.Command {
	var named []string
	cmd.Flags().StringArrayVar(&named, "bundle", nil, "A bundle, as an argument is: a directory or .tar.gz archive.")
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		sources := append(args, named...)
		if len(sources) == 0 {
			return errors.New("no bundle is named, neither as an argument nor by --bundle")
		}
		return run(cmd, sources)
	}
	return cmd
}
