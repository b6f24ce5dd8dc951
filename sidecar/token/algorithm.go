package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
)

// algorithms is every alg that an issuer may list: signatures of RFC 7518 section 3.1 and
// RFC 8037 that need no shared secret. none and HMAC are not here and never will be.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// Algorithms returns the names that an [Issuer] may list.
func Algorithms() []string { return slices.Clone(algorithms) }

// knownAlgorithm reports whether alg is in algorithms, in exactly this spelling.
func knownAlgorithm(alg string) bool { return slices.Contains(algorithms, alg) }

// algorithmsFor lists what public can verify. An elliptic curve goes with one algorithm
// (RFC 7518 section 3.4). The key has been checked by [checkPublic].
func algorithmsFor(public crypto.PublicKey) []string {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return algorithms[:6]
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			return []string{"ES256"}
		case elliptic.P384():
			return []string{"ES384"}
		case elliptic.P521():
			return []string{"ES512"}
		}
	case ed25519.PublicKey:
		return []string{"EdDSA"}
	}
	return nil
}

// pssHashes are the algorithms whose salt length has to be looked at.
var pssHashes = map[string]crypto.Hash{"PS256": crypto.SHA256, "PS384": crypto.SHA384, "PS512": crypto.SHA512}

// A check tells whether signature is good for the bytes that were signed.
type check func(signed, signature []byte) error

// newCheck makes the check of alg with public, once, when a key is loaded. RSASSA-PSS does
// not go through the library, which takes a salt of any length: RFC 7518 section 3.5 wants
// one as long as the hash.
func newCheck(alg string, public crypto.PublicKey) (check, error) {
	if hash, pss := pssHashes[alg]; pss {
		return newPSSCheck(hash, public)
	}
	verifier, err := jws.NewVerifier(jwa.SignatureAlgorithm(alg))
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", alg, err)
	}
	return func(signed, signature []byte) error {
		return verifier.Verify(signed, signature, public)
	}, nil
}

// newPSSCheck makes the check for one of the PS algorithms.
func newPSSCheck(hash crypto.Hash, public crypto.PublicKey) (check, error) {
	key, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("a key of type %T cannot verify RSASSA-PSS", public)
	}
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	return func(signed, signature []byte) error {
		h := hash.New()
		h.Write(signed)
		return rsa.VerifyPSS(key, hash, h.Sum(nil), signature, options)
	}, nil
}
