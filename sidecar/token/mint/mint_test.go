package mint_test

import (
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
