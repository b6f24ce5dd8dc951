package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/policy"
)

// bundleSignOptions are the flags of bundle sign.
type bundleSignOptions struct {
	signOptions
	output   string
	builtins []string
}

func bundleSignCommand() *cobra.Command {
	var o bundleSignOptions
	cmd := &cobra.Command{
		Use:   "sign BUNDLE",
		Short: "Sign a bundle",
		Long: `Sign checks a directory or an archive as validate does and writes an archive of it, with
its files as they are and a signature, in the place of one that it has. Files that a bundle
does not use are left out: a signature covers every file that is there.

Where --output is a file named .signatures.json, it writes the signature alone. That signs
the directory as it is, for one that is served without an archive; nothing in it may change
then, not even a README.

It exits with 1 where serve would refuse the bundle, and then writes nothing.`,
		Example: `  postern bundle sign bundle.tar.gz --signing-key ci.pem --key-id ci -o signed.tar.gz
  postern bundle sign policies --signing-key ci.pem --key-id ci -o policies/.signatures.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return bundleSign(cmd, args[0], &o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "", "The archive to write, replaced if it is there, - for standard output, or a file named .signatures.json.")
	builtinsFlag(cmd, &o.builtins)
	o.register(f)
	for _, name := range []string{"output", "signing-key", "key-id"} {
		cobra.CheckErr(cmd.MarkFlagRequired(name))
	}
	return cmd
}

func bundleSign(cmd *cobra.Command, source string, o *bundleSignOptions) error {
	ctx, errs := cmd.Context(), cmd.ErrOrStderr()
	if _, err := policy.Capabilities(o.builtins); err != nil {
		return err
	}
	if o.output == "" {
		return errors.New("--output is empty")
	}
	key, signer, err := o.key(errs)
	if err != nil {
		return err
	}
	archive, ignored, err := bundle.Sign(ctx, bundle.DefaultLimits(), bundle.Source{Name: source, Path: source}, key)
	if err != nil {
		return refuse(errs, err)
	}
	b, warnings, err := judge(ctx, []bundle.Source{{Name: source, Archive: archive, Signers: []bundle.Signer{signer}}}, o.builtins)
	if err != nil {
		return refuse(errs, err)
	}
	warn(errs, warnings)
	if filepath.Base(o.output) == bundle.SignaturesName {
		return signInPlace(cmd, source, o.output, key)
	}
	for _, name := range ignored {
		fmt.Fprintf(errs, "warning: %s: left out: the bundle does not use it\n", name)
	}
	return writeBundle(cmd, o.output, archive, b)
}

func signInPlace(cmd *cobra.Command, source, output string, key bundle.SigningKey) error {
	signature, err := bundle.SignatureOf(cmd.Context(), bundle.DefaultLimits(), bundle.Source{Name: source, Path: source}, key)
	if err != nil {
		return refuse(cmd.ErrOrStderr(), err)
	}
	return replace(cmd.OutOrStdout(), output, signature)
}
