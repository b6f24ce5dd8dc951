package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"

	"postern/sidecar/token/mint"
)

// mintOptions are the flags of token mint.
type mintOptions struct {
	claims  string
	key     string
	kid     string
	expires time.Duration
	jwksOut string
	keyOut  string
}

func mintCommand() *cobra.Command {
	var o mintOptions
	cmd := &cobra.Command{
		Use:   "mint",
		Short: "Sign a token for development",
		Long: `Mint signs claims with RS256 and prints the token. It is for development and tests: a
serving Postern never needs it, and whoever holds the key can be anybody to those who trust
it.

The key is the RSA key of --key, or a new one that is forgotten unless --key-out says where
to keep it. Claims that state no iat, nbf or exp get them. Files are written for their owner
alone, and never over one that is there; a private key is never printed.`,
		Example: `  postern token mint --claims-file claims.json --key-out dev.pem --jwks-out dev.jwks.json
  postern token mint --claims-file claims.json --key dev.pem --expires 1h`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return mintToken(cmd.InOrStdin(), cmd.OutOrStdout(), o, time.Now())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.claims, "claims-file", "", "The file with the claims, one JSON object, or - for standard input.")
	f.StringVar(&o.key, "key", "", "The file with the RSA private key, PEM, or - for standard input; a new key by default.")
	f.StringVar(&o.kid, "kid", "dev", "The key's name, kid.")
	f.DurationVar(&o.expires, "expires", time.Minute, "How long the token lasts, where the claims state no exp.")
	f.StringVar(&o.jwksOut, "jwks-out", "", "The new file for the key set that verifies the token.")
	f.StringVar(&o.keyOut, "key-out", "", "The new file for the new private key, PEM.")
	cobra.CheckErr(cmd.MarkFlagRequired("claims-file"))
	cmd.MarkFlagsMutuallyExclusive("key", "key-out")
	return cmd
}

func mintToken(in io.Reader, out io.Writer, o mintOptions, now time.Time) error {
	if o.keyOut == "-" || o.jwksOut == "-" {
		return errors.New("--key-out and --jwks-out take a file: a key is not printed beside a token")
	}
	if o.claims == "-" && o.key == "-" {
		return errors.New("--claims-file and --key cannot both be standard input")
	}
	if o.expires < time.Second {
		return fmt.Errorf("--expires: %v is no time for a token to last", o.expires)
	}
	claims, err := claimsToSign(in, o, now)
	if err != nil {
		return err
	}
	key, err := mintKey(in, o)
	if err != nil {
		return err
	}
	raw, err := key.Sign(claims)
	if err != nil {
		return err
	}
	private, err := key.PrivatePEM()
	if err != nil {
		return err
	}
	public, err := mint.JWKS(key)
	if err != nil {
		return err
	}
	if err := writeNew([]newFile{{o.keyOut, private}, {o.jwksOut, public}}); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, raw)
	return err
}

// claimsToSign reads the claims and adds the times that they do not state. Values are
// signed as they are written.
func claimsToSign(in io.Reader, o mintOptions, now time.Time) (map[string]jsontext.Value, error) {
	text, err := file(in, o.claims)
	if err != nil {
		return nil, err
	}
	var claims map[string]jsontext.Value
	if err := json.Unmarshal(text, &claims); err != nil {
		return nil, fmt.Errorf("claims: %w", err)
	}
	if claims == nil {
		return nil, errors.New("claims: null is no object")
	}
	for name, at := range map[string]time.Time{"iat": now, "nbf": now, "exp": now.Add(o.expires)} {
		if _, ok := claims[name]; !ok {
			claims[name] = fmt.Append(nil, at.Unix())
		}
	}
	return claims, nil
}

// mintKey is the key that was given, or a new one.
func mintKey(in io.Reader, o mintOptions) (*mint.Key, error) {
	if o.key == "" {
		return mint.NewKey(o.kid)
	}
	text, err := file(in, o.key)
	if err != nil {
		return nil, err
	}
	key, err := mint.ParseKey(o.kid, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.key, err)
	}
	return key, nil
}

// A newFile is one to be written. Without a path it is not.
type newFile struct {
	path string
	text []byte
}

// writeNew writes files that do not exist yet, for their owner alone: all, or none.
func writeNew(files []newFile) (err error) {
	var made []string
	defer func() {
		if err != nil {
			for _, path := range made {
				err = errors.Join(err, os.Remove(path))
			}
		}
	}()
	for _, n := range files {
		if n.path == "" {
			continue
		}
		f, err := os.OpenFile(n.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		made = append(made, n.path)
		_, err = f.Write(n.text)
		if err = cmp.Or(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
