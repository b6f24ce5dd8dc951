package origin

import (
	"fmt"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/secretfile"
)

// Signers reads the keys of those who may sign a bundle. Without any it is nil, and the
// bundle must not be signed. A key that cannot be read or used is an error, also where
// another would do.
func Signers(c config.Bundle) ([]bundle.Signer, error) {
	var all []bundle.Signer
	for _, s := range c.Signers {
		text, _, err := secretfile.Read(s.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("signer %q: %w", s.KeyID, err)
		}
		one := bundle.Signer{KeyID: s.KeyID, Algorithm: s.Algorithm, Scope: s.Scope, Key: text}
		if err := one.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.PublicKey, err)
		}
		all = append(all, one)
	}
	return all, nil
}
