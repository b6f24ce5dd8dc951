package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/policy"
)

func validateCommand() *cobra.Command {
	var builtins []string
	cmd := &cobra.Command{
		Use:   "validate BUNDLE...",
		Short: "Say what is wrong with a bundle",
		Long: `Validate reads the bundle in the given directories and archives as serve would, and
prints every mistake with file, line and column. It exits with 1 where serve would
refuse the bundle, also because it is not there, and where a rule reads what its METADATA
schemas do not have. The schema of the input is schema.input.`,
	}
	builtinsFlag(cmd, &builtins)
	return bundleArguments(cmd, func(cmd *cobra.Command, sources []bundle.Source) error {
		return validate(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), sources, builtins)
	})
}

func builtinsFlag(cmd *cobra.Command, builtins *[]string) {
	cmd.Flags().StringSliceVar(builtins, "builtin", nil, "A refused function that the bundle may call after all, as policy.builtins.")
}

func validate(ctx context.Context, out, errs io.Writer, sources []bundle.Source, builtins []string) error {
	if _, err := policy.Capabilities(builtins); err != nil {
		return err
	}
	b, warnings, err := judge(ctx, sources, builtins)
	if err != nil {
		return refuse(errs, err)
	}
	warn(errs, warnings)
	_, err = fmt.Fprintf(out, "%s: %d files, digest %s\n", b.Revision, len(b.Files), b.Digest)
	return err
}
