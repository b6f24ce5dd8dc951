package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"postern/sidecar/bundle"
	"postern/sidecar/remote"
)

func bundlePushCommand() *cobra.Command {
	var o remote.PushOptions
	var signed verifyOptions
	var annotations map[string]string
	timeout := 5 * time.Minute
	cmd := &cobra.Command{
		Use:   "push ARCHIVE oci://REGISTRY/REPOSITORY:TAG",
		Short: "Put a bundle into an OCI registry",
		Long: `Push puts a .tar.gz bundle into an OCI registry, in the form that serve and OPA read,
lets the tag name it, and prints the reference that names this very bundle, whatever the
tag names later. The same archive has the same digest. It refuses what serve would refuse:
a signed bundle needs --verify-key.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			o.Reference, o.Annotations = args[1], annotations
			return bundlePush(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr(), args[0], &signed, o)
		},
	}
	flags := cmd.Flags()
	signed.register(flags)
	flags.StringVar(&o.DockerConfig, "docker-config", "", "The docker config.json with the registry's credentials. Helpers are not run.")
	flags.StringVar(&o.CA, "ca", "", "The authorities that the registry's certificate needs, PEM; without it the system's.")
	flags.StringVar(&o.Cert, "cert", "", "The certificate that the registry is shown, PEM.")
	flags.StringVar(&o.Key, "key", "", "The certificate's private key, PEM.")
	flags.StringToStringVar(&annotations, "annotation", nil, "An annotation of the manifest, NAME=VALUE.")
	flags.DurationVar(&timeout, "timeout", timeout, "How long it may take.")
	return cmd
}

func bundlePush(ctx context.Context, out, errs io.Writer, path string, signed *verifyOptions, o remote.PushOptions) error {
	keys, err := signed.signers()
	if err != nil {
		return err
	}
	archive, err := readArchive(path, bundle.DefaultLimits().TotalBytes)
	if err != nil {
		return err
	}
	// What is checked is what is pushed, whatever the file is by then.
	if _, err := bundle.LoadSources(ctx, bundle.DefaultLimits(), []bundle.Source{{Name: path, Archive: archive, Signers: keys}}); err != nil {
		fmt.Fprintln(errs, err)
		return exit(exitFailed)
	}
	o.Archive = archive
	digest, err := remote.Push(ctx, o)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s@%s\n", o.Reference, digest)
	return err
}

// readArchive reads a regular file of at most limit bytes.
func readArchive(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.New("not a regular file: want a .tar.gz archive")}
	}
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("more than %d bytes", limit)}
	}
	return content, err
}
