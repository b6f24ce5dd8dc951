package mint_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"postern/sidecar/token"
	"postern/sidecar/token/mint"
)

// TestSign verifies what was signed, by both forms of the public key.
func TestSign(t *testing.T) {
	key, err := mint.NewKey("ins_1")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	raw, err := key.Sign(map[string]any{"iss": "https://issuer.test", "sub": "user_1", "exp": now.Unix() + 60})
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := mint.JWKS(key)
	if err != nil {
		t.Fatal(err)
	}
	block, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	for form, parse := range map[string]func() (*token.KeySet, error){
		"JWKS": func() (*token.KeySet, error) { return token.ParseJWKS(jwks) },
		"PEM":  func() (*token.KeySet, error) { return token.ParsePEM(block) },
	} {
		set, err := parse()
		if err != nil {
			t.Fatalf("%s: %v", form, err)
		}
		v, err := token.NewVerifier(8<<10, token.Issuer{Issuer: "https://issuer.test", Keys: token.StaticKeys(set), AnyParty: true})
		if err != nil {
			t.Fatal(err)
		}
		if c, err := v.Verify(raw, now); err != nil || c.Subject != "user_1" {
			t.Errorf("%s: Verify = %+v, %v", form, c, err)
		}
	}
}

// TestParseKey: a key that was written and read again is the same key.
func TestParseKey(t *testing.T) {
	key, err := mint.NewKey("k")
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.PrivatePEM()
	if err != nil {
		t.Fatal(err)
	}
	again, err := mint.ParseKey("k", private)
	if err != nil {
		t.Fatal(err)
	}
	one, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	other, err := again.PEM()
	if err != nil || string(one) != string(other) || again.ID != "k" {
		t.Fatalf("another key came back, %v", err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	if _, err := mint.ParseKey("k", pkcs1); err != nil {
		t.Fatalf("PKCS #1: %v", err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	f := func(want string, data []byte) {
		t.Helper()
		if k, err := mint.ParseKey("k", data); err == nil || k != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseKey = %v, want %q", err, want)
		}
	}
	f("no PEM", nil)
	f("more than one", append(private, private...))
	f("not a private key", one)
	f("not an RSA key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: ec}))
	f("encrypted", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "x"}, Bytes: []byte{1}}))
	f("read the private key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte{1}}))
}
