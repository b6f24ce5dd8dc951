// Package mint signs session tokens with a throw-away key, for the demo, for development
// and for tests. Nothing that verifies tokens uses it.
package mint

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"postern/sidecar/phrase"
)

// minBits is the size of a new RSA key, and the least that one may have.
const minBits = 2048

// A Key signs tokens with RS256 (RFC 7518 section 3.3).
type Key struct {
	ID      string
	private *rsa.PrivateKey
}

// NewKey makes an RSA key of 2048 bits with the given kid.
func NewKey(kid string) (*Key, error) {
	private, err := rsa.GenerateKey(rand.Reader, minBits)
	if err != nil {
		return nil, fmt.Errorf("make an RSA key: %w", err)
	}
	return &Key{ID: kid, private: private}, nil
}

// ParseKey reads the one RSA private key in PEM: PKCS #8 (PRIVATE KEY) or PKCS #1 (RSA
// PRIVATE KEY), not encrypted, of 2048 bits or more.
func ParseKey(kid string, data []byte) (*Key, error) {
	block, rest := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM block")
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("more than one PEM block")
	}
	var parsed any
	var err error
	switch {
	case len(block.Headers) > 0 || block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("the key is encrypted")
	case block.Type == "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a %s block, not a private key", phrase.Quote(block.Type))
	}
	if err != nil {
		return nil, fmt.Errorf("read the private key: %w", err)
	}
	private, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("not an RSA key")
	}
	if bits := private.N.BitLen(); bits < minBits {
		return nil, fmt.Errorf("an RSA key of %d bits, want %d", bits, minBits)
	}
	return &Key{ID: kid, private: private}, nil
}

// PrivatePEM is the private half as a PKCS #8 block, for [ParseKey]. It is a secret.
func (k *Key) PrivatePEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Sign makes a compact JWS (RFC 7515 section 3.1) of the claims, any value that marshals
// to a JSON object.
func (k *Key) Sign(claims any) (string, error) {
	header, err := json.Marshal(map[string]string{"alg": "RS256", "typ": "JWT", "kid": k.ID})
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	input := encode(header) + "." + encode(payload)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, digest[:])
	if err != nil {
		return "", err
	}
	return input + "." + encode(signature), nil
}

// JWKS is the key set (RFC 7517 section 5) with the public halves of the keys.
func JWKS(keys ...*Key) ([]byte, error) {
	type jwk struct {
		Kty string `json:"kty"`
		Use string `json:"use"`
		Alg string `json:"alg"`
		Kid string `json:"kid"`
		N   string `json:"n"`
		E   string `json:"e"`
	}
	set := struct {
		Keys []jwk `json:"keys"`
	}{[]jwk{}}
	for _, k := range keys {
		public := k.private.PublicKey
		set.Keys = append(set.Keys, jwk{
			Kty: "RSA", Use: "sig", Alg: "RS256", Kid: k.ID,
			N: encode(public.N.Bytes()),
			E: encode(big.NewInt(int64(public.E)).Bytes()),
		})
	}
	return json.Marshal(set)
}

// PEM is the public half as a SubjectPublicKeyInfo block.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

func encode(b []byte) string {
	return base64.RawURLEncoding.EncodeToString(b)
}
