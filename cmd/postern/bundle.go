package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postern/sidecar/bundle"
	"postern/sidecar/policy"
	"postern/sidecar/secretfile"
)

func bundleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Build, sign, push and look into bundles",
	}
	cmd.AddCommand(bundleBuildCommand(), bundleSignCommand(), bundleInspectCommand(), bundlePushCommand())
	return cmd
}

// signOptions are the flags for the key that signs.
type signOptions struct {
	file      string
	keyID     string
	algorithm string
	scope     string
}

func (o *signOptions) register(f *pflag.FlagSet) {
	f.StringVar(&o.file, "signing-key", "", "The file with the private key to sign with, PEM.")
	f.StringVar(&o.keyID, "key-id", "", "The id by which the signature names the key.")
	f.StringVar(&o.algorithm, "algorithm", "RS256", "What to sign with: RS, PS or ES with 256, 384 or 512, or EdDSA.")
	f.StringVar(&o.scope, "scope", "", "The scope of the signature; by default it has none.")
}

// key reads the signing key. One that everybody can read is a warning.
func (o *signOptions) key(errs io.Writer) (bundle.SigningKey, bundle.Signer, error) {
	var key bundle.SigningKey
	if o.keyID == "" {
		return key, bundle.Signer{}, errors.New("--key-id is missing: a signature names its key")
	}
	text, exposed, err := secretfile.Read(o.file)
	if err != nil {
		return key, bundle.Signer{}, fmt.Errorf("--signing-key: %w", err)
	}
	if exposed {
		fmt.Fprintf(errs, "warning: %s: everybody on this machine can read the signing key\n", o.file)
	}
	key = bundle.SigningKey{KeyID: o.keyID, Algorithm: o.algorithm, Scope: o.scope, Key: text}
	signer, err := key.Signer()
	if err != nil {
		return key, signer, fmt.Errorf("--signing-key: %s: %w", o.file, err)
	}
	return key, signer, nil
}

// judge loads sources as serve would, and refuses what validate does. The warnings are
// those that validate prints.
func judge(ctx context.Context, sources []bundle.Source, builtins []string) (b *bundle.Bundle, warnings []string, err error) {
	if b, err = bundle.LoadSources(ctx, bundle.DefaultLimits(), sources); err != nil {
		return nil, nil, err
	}
	p, err := policy.New(ctx, b, new(policy.Bound), policy.Options{Builtins: builtins})
	if err != nil {
		return nil, nil, err
	}
	if err := policy.CheckTypes(b, builtins); err != nil {
		return nil, nil, err
	}
	return b, append(slices.Clone(b.Warnings), p.Warnings()...), nil
}

// refuse prints what is wrong with a bundle and ends the command.
func refuse(errs io.Writer, err error) error {
	fmt.Fprintln(errs, err)
	return exit(exitFailed)
}

func warn(errs io.Writer, warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(errs, "warning: %s\n", w)
	}
}

// replace writes a file, or out for -. Whoever reads the file meanwhile sees the old one or
// the new one, and no part of it. A device or a pipe is written to, and stays.
func replace(out io.Writer, path string, content []byte) (err error) {
	if path == "-" {
		_, err := out.Write(content)
		return err
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Close())
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".postern-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
