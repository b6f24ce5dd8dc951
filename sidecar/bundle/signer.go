package bundle

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	opa "github.com/open-policy-agent/opa/v1/bundle"

	"postern/sidecar/phrase"
)

// A Signer is a public key that a bundle's signature can be verified by, and what the
// signature must say.
type Signer struct {
	// KeyID is the id by which signatures name the key.
	KeyID string
	// Algorithm is the one that it signs with, one of [SigningAlgorithms].
	Algorithm string
	// Scope is the scope that a signature must have; empty, it must have none.
	Scope string
	// Key is the key in PEM: PUBLIC KEY, RSA PUBLIC KEY, or a CERTIFICATE, of which nothing
	// but the key is used.
	Key []byte
}

// SigningAlgorithms are those that a bundle may be signed with. A shared secret is not
// among them: whoever can verify with it can also sign.
func SigningAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// Bounds of an RSA key, as those of token keys.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Check says what is wrong with the signer.
func (s Signer) Check() error {
	_, err := s.public()
	return err
}

// public reads the key and holds it to the algorithm.
func (s Signer) public() (crypto.PublicKey, error) {
	if s.KeyID == "" {
		return nil, errors.New("a signer without a key id")
	}
	public, err := parsePublic(s.Key)
	if err == nil {
		err = suits(public, s.Algorithm)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of signer %s: %w", phrase.Quote(s.KeyID), err)
	}
	return public, nil
}

// trust is what OPA verifies a signature by: this key alone, whatever the signature names.
func (s Signer) trust() (*opa.VerificationConfig, error) {
	public, err := s.public()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	key := &opa.KeyConfig{
		Key:       string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		Algorithm: s.Algorithm,
		Scope:     s.Scope,
	}
	return opa.NewVerificationConfig(map[string]*opa.KeyConfig{s.KeyID: key}, s.KeyID, s.Scope, nil), nil
}

// oneBlock decodes the one PEM block that the text is. The decoder of the standard
// library skips what it cannot read; half a file is not the file that was meant.
func oneBlock(text []byte) (*pem.Block, error) {
	begin := []byte("-----BEGIN ")
	text = bytes.TrimSpace(text)
	block, rest := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("not a readable PEM block")
	case !bytes.HasPrefix(text, begin) || bytes.Count(text, begin) != 1 || len(bytes.TrimSpace(rest)) > 0:
		return nil, errors.New("want one PEM block and nothing beside it")
	case len(block.Headers) > 0:
		return nil, errors.New("a PEM block with headers")
	}
	return block, nil
}

func parsePublic(text []byte) (crypto.PublicKey, error) {
	block, err := oneBlock(text)
	if err != nil {
		return nil, err
	}
	switch {
	case block.Type == "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return certificate.PublicKey, nil
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("a private key, which belongs to who signs: give the public key")
	}
	return nil, fmt.Errorf("a %s block, not a public key", phrase.Quote(block.Type))
}

// suits checks that a key is strong and of the kind that the algorithm is for (RFC 7518
// sections 3.3 to 3.5, RFC 8037 section 3.1).
func suits(public crypto.PublicKey, algorithm string) error {
	if err := knownAlgorithm(algorithm); err != nil {
		return err
	}
	switch key := public.(type) {
	case *rsa.PublicKey:
		if algorithm[:2] != "RS" && algorithm[:2] != "PS" {
			return fmt.Errorf("an RSA key does not sign with %s", algorithm)
		}
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return fmt.Errorf("an RSA modulus of %d bits: want %d to %d", bits, minRSABits, maxRSABits)
		}
		if key.E < 1<<16 || key.E%2 == 0 || key.N.Bit(0) == 0 {
			return errors.New("an RSA key with an even modulus, or an exponent that is even or below 2^16")
		}
		return nil
	case *ecdsa.PublicKey:
		curve := key.Curve.Params().Name
		if want := map[string]string{"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}[curve]; want != algorithm {
			return fmt.Errorf("a key on the curve %s does not sign with %s", curve, algorithm)
		}
		return nil
	case ed25519.PublicKey:
		if algorithm != "EdDSA" {
			return fmt.Errorf("an Ed25519 key does not sign with %s", algorithm)
		}
		return nil
	}
	return fmt.Errorf("a key of type %T", public)
}

func knownAlgorithm(name string) error {
	all := SigningAlgorithms()
	switch {
	case slices.Contains(all, name):
		return nil
	case strings.HasPrefix(name, "HS"):
		return fmt.Errorf("the algorithm %s needs a shared secret, and whoever can verify with it can also sign", phrase.Quote(name))
	}
	return fmt.Errorf("unknown algorithm %s%s", phrase.Quote(name), phrase.DidYouMean(phrase.Suggest(name, all)))
}

// signerOf finds the signer that a signature names.
func signerOf(signers []Signer, keyID string) (Signer, error) {
	var found []Signer
	names := make([]string, len(signers))
	for i, s := range signers {
		if err := s.Check(); err != nil {
			return Signer{}, err
		}
		if names[i] = s.KeyID; s.KeyID == keyID {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Signer{}, fmt.Errorf("the signature is by the key %s, which is none of the signers, %s", phrase.Quote(keyID), list(names))
	}
	return Signer{}, fmt.Errorf("several signers have the key id %s", phrase.Quote(keyID))
}

// AlgorithmFor is the algorithm that a public key in PEM most likely signs with: the one
// that there is for a curve, and RS256 for RSA.
func AlgorithmFor(text []byte) (string, error) {
	public, err := parsePublic(text)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		if err = suits(public, name); err == nil {
			return name, nil
		}
	}
	return "", err
}
