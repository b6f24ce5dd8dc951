package token

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzVerify feeds whole tokens. Nothing may panic, and nothing may pass but what was
// signed here, byte for byte.
func FuzzVerify(f *testing.F) {
	config := testConfig(f)
	config.Algorithms = algorithms
	config.Keys = StaticKeys(mustJWKS(f, named(rsaOne().Public(), "one"), named(ecOne().Public(), "ec"), named(edOne().Public(), "ed")))
	v := mustVerifier(f, config)
	signed := map[string]bool{}
	seed := func(raw string) {
		signed[raw] = true
		f.Add(raw)
	}
	seed(sign(f, "RS256", rsaOne(), goodHeader, goodClaims))
	seed(sign(f, "PS256", rsaOne(), `{"alg":"PS256","kid":"one"}`, goodClaims))
	seed(sign(f, "ES256", ecOne(), `{"alg":"ES256","kid":"ec"}`, goodClaims))
	seed(sign(f, "EdDSA", edOne(), `{"alg":"EdDSA","kid":"ed"}`, goodClaims))
	f.Add(sign(f, "RS256", rsaTwo(), goodHeader, goodClaims))
	f.Add(encode(`{"alg":"none"}`) + "." + encode(goodClaims) + ".")
	f.Add(unknown(1))
	f.Add("...")
	if cases, err := os.ReadFile("../../testdata/clerk/verify.jsonl"); err == nil {
		for line := range bytes.Lines(cases) {
			var tc clerkCase
			if json.Unmarshal(line, &tc) == nil {
				f.Add(tc.Token)
			}
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, err := v.Verify(raw, testNow)
		if (c == nil) != (err != nil) {
			t.Fatalf("Verify(%q) = %v, %v, want one of the two", raw, c, err)
		}
		if err == nil && !signed[raw] {
			t.Fatalf("Verify(%q) accepted what was not signed here", raw)
		}
		if err != nil && (!CodeOf(err).Known() || !utf8.ValidString(err.Error())) {
			t.Fatalf("Verify(%q) = %q, want a known code and readable text", raw, err)
		}
		_, _ = Inspect(raw)
	})
}

// FuzzClaims signs whatever header and payload come, with the right key. What passes must
// pass a second, naive reading too.
func FuzzClaims(f *testing.F) {
	v := mustVerifier(f, testConfig(f))
	f.Add(goodHeader, goodClaims)
	f.Add(`{"alg":"RS256","kid":"one"}`, `{"iss":"https://clerk.example.com","sub":"u","azp":"https://app.example.com","exp":1767225660.5}`)
	f.Add(`{"alg":"RS256","kid":"one","crit":[]}`, goodClaims)
	f.Add(`{"alg":"RS256","kid":"one"}`, `{"exp":1e400}`)
	f.Add(`{"alg":"RS256","kid":"one"}`, `{"exp":1,"exp":2}`)
	f.Fuzz(func(t *testing.T, header, claims string) {
		c, err := v.Verify(sign(t, "RS256", rsaOne(), header, claims), testNow)
		if err != nil {
			return
		}
		var h map[string]any
		if err := json.Unmarshal([]byte(header), &h); err != nil || h["alg"] != "RS256" || h["kid"] != "one" || h["crit"] != nil {
			t.Fatalf("Verify accepted the header %q", header)
		}
		if typ, ok := h["typ"]; ok && typ != "JWT" {
			t.Fatalf("Verify accepted the type %v", typ)
		}
		var p map[string]any
		if err := json.Unmarshal([]byte(claims), &p); err != nil || !utf8.ValidString(claims) {
			t.Fatalf("Verify accepted the claims %q: %v", claims, err)
		}
		exp, ok := p["exp"].(float64)
		if !ok || exp <= float64(testNow.Add(-5*time.Second).Unix()) || c.Expires > int64(exp) {
			t.Fatalf("Verify accepted the expiry %v as %d", p["exp"], c.Expires)
		}
		if p["iss"] != testIssuer || p["azp"] != testParty || p["sub"] != c.Subject || c.Subject == "" {
			t.Fatalf("Verify accepted the claims %q as %+v", claims, c)
		}
	})
}

// FuzzParseJWKS feeds key sets. Nothing may panic, and a set that is made is usable.
func FuzzParseJWKS(f *testing.F) {
	f.Add(jwksOf(named(rsaOne().Public(), "one"), named(ecOne().Public(), "ec"), named(edOne().Public(), "ed")))
	f.Add(jwksOf(named(ec384().Public(), "one"), named(ec521().Public(), "one")))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA","kid":"x"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := ParseJWKS(data)
		if (set == nil) != (err != nil) || set != nil && (set.Len() == 0 || set.Digest == "") {
			t.Fatalf("ParseJWKS(%q) = %+v, %v, want a usable set or an error", data, set, err)
		}
		if set == nil {
			return
		}
		for kid, k := range set.byKID {
			if kid == "" || kid != k.kid || len(k.checks) == 0 {
				t.Fatalf("ParseJWKS(%q) made the key %+v under %q", data, k, kid)
			}
			for _, check := range k.checks {
				if check([]byte("signed"), []byte("signature")) == nil {
					t.Fatalf("ParseJWKS(%q) made a key that accepts anything", data)
				}
			}
		}
	})
}

// FuzzParsePEM feeds PEM files.
func FuzzParsePEM(f *testing.F) {
	f.Add(pemOf(rsaOne().Public()))
	f.Add(append(pemOf(ecOne().Public()), pemOf(edOne().Public())...))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := ParsePEM(data)
		if (set == nil) != (err != nil) || set != nil && (set.Len() == 0 || len(set.byKID) != 0) {
			t.Fatalf("ParsePEM(%q) = %+v, %v, want a usable set or an error", data, set, err)
		}
	})
}
