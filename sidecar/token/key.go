package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"slices"

	"postern/sidecar/phrase"
)

// Bounds of an RSA key. Below, it can be broken (RFC 7518 section 3.3 wants 2048 bits, and
// NIST SP 800-56B section 6.2 an exponent above 2^16); above, one check takes too long.
const (
	minRSABits     = 2048
	maxRSABits     = 8192
	minRSAExponent = 1<<16 + 1
	maxRSAExponent = math.MaxInt32
)

// A key is one usable public key with a check for each algorithm it may be used with.
type key struct {
	kid    string // empty: the source has no kid for it
	checks map[string]check
	// identity is the key's SubjectPublicKeyInfo and its algorithms: two keys that are equal
	// here verify the same tokens.
	identity string
}

// newKey checks public and makes a key of it. With alg the key is good for that algorithm
// alone, else for all that its type can verify.
func newKey(kid, alg string, public crypto.PublicKey) (*key, error) {
	if err := checkPublic(public); err != nil {
		return nil, err
	}
	algs := algorithmsFor(public)
	if alg != "" {
		if !slices.Contains(algs, alg) {
			return nil, fmt.Errorf("alg %s does not go with this key", phrase.Quote(alg))
		}
		algs = []string{alg}
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode the key: %w", err)
	}
	k := &key{kid: kid, checks: make(map[string]check, len(algs)), identity: fmt.Sprintf("%v %x", algs, der)}
	for _, alg := range algs {
		if k.checks[alg], err = newCheck(alg, public); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// checkPublic refuses a key that must not, or cannot, verify a token.
func checkPublic(public crypto.PublicKey) error {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return checkRSA(public)
	case *ecdsa.PublicKey:
		if algorithmsFor(public) == nil {
			return errors.New("an elliptic curve other than P-256, P-384 and P-521")
		}
		if _, err := public.ECDH(); err != nil {
			return errors.New("a point that is not on its curve")
		}
		return nil
	case ed25519.PublicKey:
		if len(public) != ed25519.PublicKeySize {
			return fmt.Errorf("an Ed25519 key of %d bytes", len(public))
		}
		if smallOrder(public) {
			return errors.New("an Ed25519 point of small order, under which anyone can sign")
		}
		return nil
	default:
		return fmt.Errorf("a key of type %T", public)
	}
}

// checkRSA refuses an RSA key that is weak or absurd.
func checkRSA(public *rsa.PublicKey) error {
	bits := public.N.BitLen()
	switch {
	case bits < minRSABits || bits > maxRSABits:
		return fmt.Errorf("an RSA modulus of %d bits: want %d to %d", bits, minRSABits, maxRSABits)
	case public.N.Bit(0) == 0:
		return errors.New("an even RSA modulus")
	case public.E < minRSAExponent || public.E > maxRSAExponent || public.E%2 == 0:
		return fmt.Errorf("the RSA exponent %d: want an odd number above 2^16", public.E)
	case factorable(public.N):
		return errors.New("an RSA modulus that can be factored (ROCA)")
	}
	return nil
}
