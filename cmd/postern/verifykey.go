package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/secretfile"
)

// verifyOptions are the flags for who must have signed the bundles of a command.
type verifyOptions struct {
	keys      []string
	algorithm string
	scope     string
}

func (o *verifyOptions) register(f *pflag.FlagSet) {
	f.StringArrayVar(&o.keys, "verify-key", nil, "A public key, as ID=FILE in PEM, one of which must have signed each bundle; repeatable. Without any, a bundle must not be signed.")
	f.StringVar(&o.algorithm, "verify-algorithm", "", "What the keys of --verify-key sign with; by default RS256, or what the key's curve is for.")
	f.StringVar(&o.scope, "verify-scope", "", "The scope that the signatures must have; by default they must have none.")
}

// sources are the bundles at paths, each to be signed by one of the keys, if there are any.
func (o *verifyOptions) sources(paths ...string) ([]bundle.Source, error) {
	signers, err := o.signers()
	if err != nil {
		return nil, err
	}
	sources := bundle.Paths(paths...)
	for i := range sources {
		sources[i].Signers = signers
	}
	return sources, nil
}

func (o *verifyOptions) signers() ([]bundle.Signer, error) {
	if len(o.keys) == 0 && (o.algorithm != "" || o.scope != "") {
		return nil, fmt.Errorf("--verify-algorithm and --verify-scope need --verify-key")
	}
	var signers []bundle.Signer
	for _, text := range o.keys {
		id, path, ok := strings.Cut(text, "=")
		if !ok || id == "" || path == "" {
			return nil, fmt.Errorf("--verify-key: want ID=FILE, such as releases=releases.pub")
		}
		key, _, err := secretfile.Read(path)
		if err != nil {
			return nil, fmt.Errorf("--verify-key: %w", err)
		}
		s := bundle.Signer{KeyID: id, Algorithm: o.algorithm, Scope: o.scope, Key: key}
		if s.Algorithm == "" {
			if s.Algorithm, err = bundle.AlgorithmFor(key); err != nil {
				return nil, fmt.Errorf("--verify-key: %s: %w", path, err)
			}
		}
		if err := s.Check(); err != nil {
			return nil, fmt.Errorf("--verify-key: %s: %w", path, err)
		}
		signers = append(signers, s)
	}
	return signers, nil
}

// configured are the same keys as a configuration names them.
func (o *verifyOptions) configured() (config.Signers, error) {
	signers, err := o.signers()
	if err != nil {
		return nil, err
	}
	var all config.Signers
	for i, s := range signers {
		_, path, _ := strings.Cut(o.keys[i], "=")
		all = append(all, config.Signer{KeyID: s.KeyID, PublicKey: path, Algorithm: s.Algorithm, Scope: s.Scope})
	}
	return all, nil
}
