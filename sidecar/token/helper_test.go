package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/sidecar/decision"
)

// What most tests agree on.
const (
	testIssuer = "https://clerk.example.com"
	testParty  = "https://app.example.com"
	testTime   = 1767225600
	goodHeader = `{"alg":"RS256","typ":"JWT","kid":"one"}`
	goodClaims = `{"iss":"https://clerk.example.com","sub":"user_1","azp":"https://app.example.com","exp":1767225660,"nbf":1767225590,"iat":1767225600}`
)

var testNow = time.Unix(testTime, 0)

// The keys of the tests, made once for each run.
var (
	rsaOne  = sync.OnceValue(newRSAKey)
	rsaTwo  = sync.OnceValue(newRSAKey)
	ecOne   = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P256()) })
	ec384   = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P384()) })
	ec521   = sync.OnceValue(func() *ecdsa.PrivateKey { return newECKey(elliptic.P521()) })
	edOne   = sync.OnceValue(newEdKey)
	hashFor = map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}
)

func newRSAKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func newECKey(curve elliptic.Curve) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

func newEdKey() ed25519.PrivateKey {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return k
}

// encode is base64url without padding.
func encode(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// sign makes a compact JWS of header and payload as they are, signed for alg by key: a
// crypto.Signer, or a []byte for HMAC.
func sign(t testing.TB, alg string, key any, header, payload string) string {
	t.Helper()
	input := encode(header) + "." + encode(payload)
	return input + "." + base64.RawURLEncoding.EncodeToString(signature(t, alg, key, input))
}

func signature(t testing.TB, alg string, key any, input string) []byte {
	t.Helper()
	if secret, ok := key.([]byte); ok {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	}
	var sig []byte
	var err error
	switch hash := hashFor[alg[len(alg)-3:]]; {
	case alg == "EdDSA":
		sig, err = key.(ed25519.PrivateKey).Sign(nil, []byte(input), crypto.Hash(0))
	case strings.HasPrefix(alg, "RS"):
		sig, err = rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), hash, digest(hash, input))
	case strings.HasPrefix(alg, "PS"):
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		sig, err = rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), hash, digest(hash, input), options)
	default:
		k := key.(*ecdsa.PrivateKey)
		var r, s *big.Int
		r, s, err = ecdsa.Sign(rand.Reader, k, digest(hash, input))
		size := (k.Curve.Params().BitSize + 7) / 8
		sig = append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
	if err != nil {
		t.Fatalf("sign for %s: %v", alg, err)
	}
	return sig
}

func digest(hash crypto.Hash, input string) []byte {
	h := hash.New()
	h.Write([]byte(input))
	return h.Sum(nil)
}

// jwkOf is the JWK of a public key with further members; a nil one is left out.
func jwkOf(public crypto.PublicKey, more map[string]any) map[string]any {
	b64 := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	m := map[string]any{}
	switch public := public.(type) {
	case *rsa.PublicKey:
		m = map[string]any{"kty": "RSA", "n": b64(public.N.Bytes()), "e": b64(big.NewInt(int64(public.E)).Bytes())}
	case *ecdsa.PublicKey:
		raw, err := public.Bytes()
		if err != nil {
			panic(err)
		}
		size := (len(raw) - 1) / 2
		m = map[string]any{"kty": "EC", "crv": public.Curve.Params().Name, "x": b64(raw[1 : 1+size]), "y": b64(raw[1+size:])}
	case ed25519.PublicKey:
		m = map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(public)}
	}
	maps.Copy(m, more)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return m
}

// named is the JWK of public with a kid.
func named(public crypto.PublicKey, kid string) map[string]any {
	return jwkOf(public, map[string]any{"kid": kid})
}

// jwksOf is a JWK set of the given keys.
func jwksOf(keys ...map[string]any) []byte {
	data, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return data
}

// pemOf is a public key in PEM.
func pemOf(public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// mustJWKS parses a set that must be good.
func mustJWKS(t testing.TB, keys ...map[string]any) *KeySet {
	t.Helper()
	set, err := ParseJWKS(jwksOf(keys...))
	if err != nil {
		t.Fatalf("ParseJWKS: %v", err)
	}
	return set
}

// testConfig is an issuer with the key one.
func testConfig(t testing.TB) Issuer {
	t.Helper()
	return Issuer{
		Issuer:            testIssuer,
		Keys:              StaticKeys(mustJWKS(t, named(rsaOne().Public(), "one"))),
		AuthorizedParties: []string{testParty},
		ClockSkew:         5 * time.Second,
	}
}

func mustVerifier(t testing.TB, issuers ...Issuer) *Verifier {
	t.Helper()
	v, err := NewVerifier(0, issuers...)
	if err != nil {
		t.Fatalf("NewVerifier: %v", err)
	}
	return v
}

// wantCode fails the test unless err refuses with want; empty means it must be nil.
func wantCode(t testing.TB, what string, err error, want decision.Code) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Fatalf("%s = %v, want no error", what, err)
	case want != "" && err == nil:
		t.Fatalf("%s = nil, want %s", what, want)
	case want != "" && CodeOf(err) != want:
		t.Fatalf("%s = %v, want %s", what, err, want)
	}
}
