package config

import (
	"fmt"
	"slices"
	"strings"

	"postern/sidecar/phrase"
)

// signingAlgorithms are those of a bundle's signature. The package bundle has the same
// list; there is no arrow between the two, so a test compares them.
var signingAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// SigningAlgorithms returns the names that an algorithm of bundles[].signers may have.
func SigningAlgorithms() []string { return slices.Clone(signingAlgorithms) }

// signers checks who may sign the bundles.
func (k checker) signers() {
	for _, l := range k.bundleLists() {
		for i, b := range l.bundles {
			k.signersOf(join(index(l.key, i), "signers"), b.Signers)
		}
	}
}

func (k checker) signersOf(key string, signers Signers) {
	if signers != nil && len(signers) == 0 {
		k.wrong(key, "is empty: name at least one signer, or leave it out for a bundle that is not signed")
	}
	names := make([]string, len(signers))
	for i, s := range signers {
		at := index(key, i)
		if names[i] = s.KeyID; s.KeyID == "" {
			k.lacks(join(at, "key_id"), "is missing: signatures name their key by it")
		} else if err := checkName(s.KeyID); err != nil {
			k.wrong(join(at, "key_id"), "%v", err)
		} else if slices.Contains(names[:i], s.KeyID) {
			k.wrong(join(at, "key_id"), "%s is given twice", show(s.KeyID))
		}
		if s.PublicKey == "" {
			k.lacks(join(at, "public_key"), "is missing: it is the path of the key, PEM")
		} else {
			k.must(join(at, "public_key"), checkPath(s.PublicKey))
		}
		k.must(join(at, "algorithm"), checkSigningAlgorithm(s.Algorithm))
		if hasControl(s.Scope) {
			k.wrong(join(at, "scope"), "%s has control characters", show(s.Scope))
		}
	}
}

func checkSigningAlgorithm(name string) error {
	if slices.Contains(signingAlgorithms, name) {
		return nil
	}
	if strings.HasPrefix(name, "HS") {
		return fmt.Errorf("%s is not supported: whoever can verify with a shared secret can sign", show(name))
	}
	return fmt.Errorf("%s is not supported: want one of %s%s", show(name), strings.Join(signingAlgorithms, ", "), phrase.DidYouMean(phrase.Suggest(name, signingAlgorithms)))
}
