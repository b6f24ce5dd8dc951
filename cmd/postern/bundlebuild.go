package main

import (
	"crypto/sha256"
	"fmt"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/policy"
)

// buildOptions are the flags of bundle build.
type buildOptions struct {
	verifyOptions
	signOptions
	bundle.Building
	output   string
	builtins []string
}

func bundleBuildCommand() *cobra.Command {
	var o buildOptions
	cmd := &cobra.Command{
		Use:   "build BUNDLE...",
		Short: "Make one archive of directories and archives",
		Long: `Build checks bundles as validate does and writes what they say into one archive, in the
form that opa build has: one data.json, the Rego files as they are, and a manifest with the
roots and entrypoints of all of them. Files that a bundle does not use are left out, and
tests too unless --tests says otherwise. With --signing-key the archive is signed.

The same bundles and flags make the same bytes, but for signatures with PS and ES, which
have a random number in them.

It prints the revision, the digest by which serve knows the content, and the SHA-256 of the
archive. It exits with 1 where serve would refuse what it would build, and then writes
nothing.`,
		Example: `  postern bundle build policies -o bundle.tar.gz --revision 42
  postern bundle build model policies -o bundle.tar.gz --signing-key ci.pem --key-id ci`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return bundleBuild(cmd, args, &o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.output, "output", "o", "bundle.tar.gz", "The file to write, replaced if it is there, or - for standard output.")
	f.StringVar(&o.Revision, "revision", "", "The revision of the archive; by default that of a single bundle, and none of several.")
	f.StringArrayVar(&o.Roots, "root", nil, "A root of the archive, instead of those of the bundles; repeatable.")
	f.BoolVar(&o.Tests, "tests", false, "Take the files named _test.rego along.")
	builtinsFlag(cmd, &o.builtins)
	o.signOptions.register(f)
	o.verifyOptions.register(f)
	return cmd
}

func bundleBuild(cmd *cobra.Command, args []string, o *buildOptions) error {
	ctx, errs := cmd.Context(), cmd.ErrOrStderr()
	if _, err := policy.Capabilities(o.builtins); err != nil {
		return err
	}
	sources, err := o.sources(args...)
	if err != nil {
		return err
	}
	var key bundle.SigningKey
	built := bundle.Source{Name: o.output}
	if o.file != "" || o.keyID != "" {
		var signer bundle.Signer
		if key, signer, err = o.key(errs); err != nil {
			return err
		}
		built.Signers = []bundle.Signer{signer}
	}
	_, warnings, err := judge(ctx, sources, o.builtins)
	if err != nil {
		return refuse(errs, err)
	}
	if built.Archive, err = bundle.Build(ctx, bundle.DefaultLimits(), sources, o.Building); err != nil {
		return refuse(errs, err)
	}
	if built.Signers != nil {
		if built.Archive, _, err = bundle.Sign(ctx, bundle.DefaultLimits(), built, key); err != nil {
			return refuse(errs, err)
		}
	}
	b, _, err := judge(ctx, []bundle.Source{built}, o.builtins)
	if err != nil {
		return refuse(errs, err)
	}
	warn(errs, warnings)
	return writeBundle(cmd, o.output, built.Archive, b)
}

// writeBundle writes an archive and says what it is.
func writeBundle(cmd *cobra.Command, output string, archive []byte, b *bundle.Bundle) error {
	if err := replace(cmd.OutOrStdout(), output, archive); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if output == "-" {
		out = cmd.ErrOrStderr()
	}
	signed := ""
	if signer := b.Sources[0].Signer; signer != "" {
		signed = ", signed by " + signer
	}
	_, err := fmt.Fprintf(out, "%s: %d files%s, digest %s\n%x  %s\n", b.Revision, len(b.Files), signed, b.Digest, sha256.Sum256(archive), output)
	return err
}
