package token

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"postern/sidecar/decision"
)

// b64 is how a JWK writes a number.
func b64(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }

// TestParseJWKS_oddKey puts each odd key beside a good one: the good one must serve, the
// odd one must not, and the note must say why.
func TestParseJWKS_oddKey(t *testing.T) {
	good := named(rsaOne().Public(), "good")
	rsaWith := func(more map[string]any) map[string]any {
		return jwkOf(rsaTwo().Public(), mergeMaps(map[string]any{"kid": "odd"}, more))
	}
	ecWith := func(more map[string]any) map[string]any {
		return jwkOf(ecOne().Public(), mergeMaps(map[string]any{"kid": "odd"}, more))
	}
	edWith := func(more map[string]any) map[string]any {
		return jwkOf(edOne().Public(), mergeMaps(map[string]any{"kid": "odd"}, more))
	}
	n := rsaTwo().N
	for _, tc := range []struct {
		name string
		odd  map[string]any
		why  string
	}{
		{"unknown kty", rsaWith(map[string]any{"kty": "AKP"}), "kty"},
		{"no kty", rsaWith(map[string]any{"kty": nil}), "kty"},
		{"kty not a string", rsaWith(map[string]any{"kty": 1}), "kty is not a string"},
		{"kty in lower case", rsaWith(map[string]any{"kty": "rsa"}), "kty"},
		{"shared secret", map[string]any{"kty": "oct", "kid": "odd", "alg": "HS256", "k": "AAAA"}, "shared secret"},
		{"use enc", rsaWith(map[string]any{"use": "enc"}), "use"},
		{"use empty", rsaWith(map[string]any{"use": ""}), "use"},
		{"use null", rsaWith(map[string]any{"use": json.RawMessage("null")}), "use is not a string"},
		{"key_ops encrypt", rsaWith(map[string]any{"key_ops": []string{"encrypt"}}), "no verify"},
		{"key_ops sign", rsaWith(map[string]any{"key_ops": []string{"sign"}}), "no verify"},
		{"key_ops empty", rsaWith(map[string]any{"key_ops": []string{}}), "no verify"},
		{"key_ops a string", rsaWith(map[string]any{"key_ops": "verify"}), "not an array"},
		{"key_ops mixed", rsaWith(map[string]any{"key_ops": []any{"verify", 1}}), "not a string"},
		{"key_ops twice", rsaWith(map[string]any{"key_ops": []string{"verify", "verify"}}), "twice"},
		{"alg none", rsaWith(map[string]any{"alg": "none"}), "alg"},
		{"alg HS256", rsaWith(map[string]any{"alg": "HS256"}), "alg"},
		{"alg for encryption", rsaWith(map[string]any{"alg": "RSA-OAEP"}), "alg"},
		{"alg of another type", rsaWith(map[string]any{"alg": "ES256"}), "does not go with"},
		{"alg of another curve", ecWith(map[string]any{"alg": "ES384"}), "does not go with"},
		{"alg not a string", rsaWith(map[string]any{"alg": []string{"RS256"}}), "alg is not a string"},
		{"kid a number", rsaWith(map[string]any{"kid": 1}), "kid is not a string"},
		{"kid missing", rsaWith(map[string]any{"kid": nil}), "no kid"},
		{"kid empty", rsaWith(map[string]any{"kid": ""}), "no kid"},
		{"n missing", rsaWith(map[string]any{"n": nil}), "n is missing or not a string"},
		{"n padded", rsaWith(map[string]any{"n": b64(n) + "=="}), "n: not unpadded base64url"},
		{"n in the standard alphabet", rsaWith(map[string]any{"n": strings.Map(stdAlphabet, b64(n)) + "+/++"}), "n: not unpadded base64url"},
		{"n with a line break", rsaWith(map[string]any{"n": "\n" + b64(n)}), "n: a line break"},
		{"n a number", rsaWith(map[string]any{"n": 7}), "n is missing or not a string"},
		{"n even", rsaWith(map[string]any{"n": b64(new(big.Int).Add(n, big.NewInt(1)))}), "even RSA modulus"},
		{"n short", rsaWith(map[string]any{"n": b64(new(big.Int).Rsh(n, 1))}), "2047 bits"},
		{"n of 1,024 bits", rsaWith(map[string]any{"n": b64(new(big.Int).Rsh(n, 1024))}), "1024 bits"},
		{"n zero", rsaWith(map[string]any{"n": "AA"}), "0 bits"},
		{"n huge", rsaWith(map[string]any{"n": strings.Repeat("_", 20000)}), "n has"},
		{"n of 8,193 bits", rsaWith(map[string]any{"n": b64(new(big.Int).SetBit(n, maxRSABits, 1))}), "8193 bits"},
		{"e one", rsaWith(map[string]any{"e": "AQ"}), "exponent 1"},
		{"e three", rsaWith(map[string]any{"e": "Aw"}), "exponent 3"},
		{"e even", rsaWith(map[string]any{"e": b64(big.NewInt(1<<20 + 2))}), "exponent"},
		{"e of 32 bits", rsaWith(map[string]any{"e": b64(big.NewInt(1<<32 - 1))}), "exponent"},
		{"e of 40 bits", rsaWith(map[string]any{"e": b64(big.NewInt(1<<39 + 1))}), "e has 5 bytes"},
		{"e zero", rsaWith(map[string]any{"e": "AA"}), "exponent 0"},
		{"point off the curve", ecWith(map[string]any{"y": b64(new(big.Int).SetBit(ecOne().X, 255, 1))}), "not on its curve"},
		{"point at the origin", ecWith(map[string]any{"x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}), "not on its curve"},
		{"coordinates above the field", ecWith(map[string]any{"x": strings.Repeat("_", 42) + "8", "y": strings.Repeat("_", 42) + "8"}), "not on its curve"},
		{"short coordinate", ecWith(map[string]any{"x": "AQ"}), "x has 1 bytes"},
		{"long coordinate", ecWith(map[string]any{"x": "AAAA" + strings.Repeat("A", 43)}), "x has 35 bytes"},
		{"wrong curve", ecWith(map[string]any{"crv": "P-384"}), "bytes, want 48"},
		{"secp256k1", ecWith(map[string]any{"crv": "secp256k1"}), "crv"},
		{"no curve", ecWith(map[string]any{"crv": nil}), "crv"},
		{"P-224", ecWith(map[string]any{"crv": "P-224"}), "crv"},
		{"EC called RSA", ecWith(map[string]any{"kty": "RSA"}), "n is missing"},
		{"X25519", edWith(map[string]any{"crv": "X25519"}), "crv"},
		{"Ed448", edWith(map[string]any{"crv": "Ed448"}), "crv"},
		{"short Ed25519", edWith(map[string]any{"x": "AAAA"}), "x has 3 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, err := ParseJWKS(jwksOf(tc.odd, good))
			if err != nil {
				t.Fatalf("ParseJWKS = %v, want the good key", err)
			}
			if set.Len() != 1 || set.byKID["good"] == nil {
				t.Fatalf("ParseJWKS has %d keys, want the good one alone", set.Len())
			}
			if len(set.Notes) != 1 || set.Notes[0].Position != 1 || !set.Notes[0].Skipped || !strings.Contains(set.Notes[0].Reason, tc.why) {
				t.Fatalf("Notes = %+v, want key 1 skipped because of %q", set.Notes, tc.why)
			}
			if _, err := ParseJWKS(jwksOf(tc.odd)); err == nil || !strings.Contains(err.Error(), tc.why) {
				t.Fatalf("ParseJWKS of it alone = %v, want an error about %q", err, tc.why)
			}
		})
	}
}

func mergeMaps(a, b map[string]any) map[string]any {
	maps.Copy(a, b)
	return a
}

// TestParseJWKS_brokenKey has elements that are no JWK, written by hand.
func TestParseJWKS_brokenKey(t *testing.T) {
	good, err := json.Marshal(named(rsaOne().Public(), "good"))
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range []string{
		`null`, `1`, `"x"`, `[]`, `[{}]`, `{}`, `{"kty":"RSA","kty":"RSA"}`, `{"a":{"b":1,"b":2}}`, "{\"kid\":\"\xff\"}", `{"kid":"\ud800"}`,
		strings.Replace(string(good), `"kid"`, `"kid":"other","kid"`, 1), strings.Repeat("[", 100) + strings.Repeat("]", 100),
	} {
		set, err := ParseJWKS([]byte(`{"keys":[` + broken + `,` + string(good) + `]}`))
		if err != nil {
			t.Fatalf("ParseJWKS with %q = %v, want the good key", broken, err)
		}
		if set.Len() != 1 || len(set.Notes) != 1 {
			t.Fatalf("ParseJWKS with %q: %d keys, notes %+v, want one of each", broken, set.Len(), set.Notes)
		}
	}
}

func TestParseJWKS_set(t *testing.T) {
	good, err := json.Marshal(named(rsaOne().Public(), "good"))
	if err != nil {
		t.Fatal(err)
	}
	k := string(good)
	f := func(data, want string) {
		t.Helper()
		_, err := ParseJWKS([]byte(data))
		switch {
		case want == "" && err != nil:
			t.Fatalf("ParseJWKS(%.60q) = %v, want no error", data, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Fatalf("ParseJWKS(%.60q) = %v, want %q", data, err, want)
		}
	}
	f(`{"keys":[`+k+`]}`, "")
	f(" \n{\"keys\" : [ "+k+" ] }\n", "")
	f(`{"issuer":"x","keys":[`+k+`],"more":{"a":[1]}}`, "")
	f(``, "not a JSON object")
	f(` `, "not a JSON object")
	f(`null`, "not a JSON object")
	f(`[`+k+`]`, "not a JSON object")
	f(k, "no member keys")
	f(`{}`, "no member keys")
	f(`{"Keys":[`+k+`]}`, "no member keys")
	f(`{"keys":[]}`, "no keys")
	f(`{"keys":null}`, "not an array")
	f(`{"keys":`+k+`}`, "not an array")
	f(`{"keys":[`+k+`],"keys":[]}`, "repeats")
	f(`{"keys":[`+k+`],"k\u0065ys":[]}`, "repeats")
	f(`{"x":1,"x":2,"keys":[`+k+`]}`, "repeats")
	f(`{"keys":[`+k, "JSON")
	f(`{"keys":[`+k+`]`, "JSON")
	f(`{"keys":[`+k+`,]}`, "JSON")
	f(`{"keys":[`+k+`]}x`, "data after")
	f(`{"keys":[`+k+`]}{}`, "data after")
	f(`{"keys":[`+k[:len(k)-10]+`]}`, "JSON")
	f("\xef\xbb\xbf"+`{"keys":[`+k+`]}`, "not a JSON object")
	f("<!DOCTYPE html><html></html>", "HTML")
	f(string(pemOf(rsaOne().Public())), "a PEM")
	f(strings.Repeat(" ", maxKeySetBytes)+`{"keys":[`+k+`]}`, "more than 1048576 bytes")
	f(`{"keys":[`+strings.Repeat(`{},`, maxKeys)+k+`]}`, "more than 1000 keys")
	f(`{"keys":[`+strings.Repeat(`{},`, maxKeys-1)+k+`]}`, "")
	f(strings.Repeat(`{"keys":`, 20000), "not an array")
	f(`{"x":`+strings.Repeat("[", 100000), "JSON")
}

// TestParseJWKS_duplicateKID keeps neither of two keys that disagree about a kid.
func TestParseJWKS_duplicateKID(t *testing.T) {
	good, one, two := named(ecOne().Public(), "good"), named(rsaOne().Public(), "one"), named(rsaTwo().Public(), "one")
	set := mustJWKS(t, one, one, good)
	if set.Len() != 2 || set.byKID["one"] == nil {
		t.Fatalf("the same key twice: %d keys, want 2", set.Len())
	}
	if len(set.Notes) != 1 || set.Notes[0].Position != 2 || !strings.Contains(set.Notes[0].Reason, "number 1") {
		t.Fatalf("the same key twice: notes %+v", set.Notes)
	}
	for _, keys := range [][]map[string]any{{one, two, good}, {two, good, one}, {one, two, one, good}, {one, good, jwkOf(rsaOne().Public(), map[string]any{"kid": "one", "alg": "RS256"})}} {
		set := mustJWKS(t, keys...)
		if set.Len() != 1 || set.byKID["good"] == nil {
			t.Fatalf("disputed kid: %d keys, want the good one alone", set.Len())
		}
		if len(set.Notes) != len(keys)-1 {
			t.Fatalf("disputed kid: notes %+v, want one for each of the other keys", set.Notes)
		}
	}
	if _, err := ParseJWKS(jwksOf(one, two)); err == nil {
		t.Fatal("a set of nothing but disputed keys = nil, want an error")
	}
}

// TestParseJWKS_private drops the private half, says so, and verifies with the other.
func TestParseJWKS_private(t *testing.T) {
	key := rsaOne()
	private := jwkOf(key.Public(), map[string]any{"kid": "one", "d": b64(key.D), "p": b64(key.Primes[0]), "q": b64(key.Primes[1])})
	set := mustJWKS(t, private)
	if len(set.Notes) != 1 || set.Notes[0].Skipped || !strings.Contains(set.Notes[0].Reason, "private members dropped") {
		t.Fatalf("Notes = %+v, want a remark on the private members", set.Notes)
	}
	if dump := fmt.Sprintf("%+v %+v", set, set.byKID["one"]); strings.Contains(dump, b64(key.D)[:40]) || strings.Contains(dump, key.D.String()[:40]) {
		t.Fatal("the set holds the private exponent")
	}
	config := testConfig(t)
	config.Keys = StaticKeys(set)
	_, err := mustVerifier(t, config).Verify(sign(t, "RS256", key, goodHeader, goodClaims), testNow)
	wantCode(t, "Verify", err, "")
}

// TestParseJWKS_noKID makes a key without a kid unreachable, also by the empty kid.
func TestParseJWKS_noKID(t *testing.T) {
	config := testConfig(t)
	config.Keys = StaticKeys(mustJWKS(t, jwkOf(rsaOne().Public(), nil), named(rsaTwo().Public(), "two")))
	v := mustVerifier(t, config)
	for _, header := range []string{`{"alg":"RS256"}`, `{"alg":"RS256","kid":""}`, goodHeader} {
		_, err := v.Verify(sign(t, "RS256", rsaOne(), header, goodClaims), testNow)
		wantCode(t, header, err, decision.TokenKeyUnknown)
	}
}

func TestKeySet_digest(t *testing.T) {
	a, b := named(rsaOne().Public(), "a"), named(rsaTwo().Public(), "b")
	base := mustJWKS(t, a, b).Digest
	if got := mustJWKS(t, b, map[string]any{"kty": "other"}, a).Digest; got != base {
		t.Errorf("another order and an unusable key change the digest")
	}
	pemSet, err := ParsePEM(pemOf(rsaOne().Public()))
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]*KeySet{
		"one key less":     mustJWKS(t, a),
		"kids swapped":     mustJWKS(t, named(rsaOne().Public(), "b"), named(rsaTwo().Public(), "a")),
		"an alg stated":    mustJWKS(t, jwkOf(rsaOne().Public(), map[string]any{"kid": "a", "alg": "RS256"}), b),
		"another kid":      mustJWKS(t, a, named(rsaTwo().Public(), "c")),
		"a PEM of one key": pemSet,
	} {
		if other.Digest == base {
			t.Errorf("%s does not change the digest", name)
		}
	}
	if pemSet.Digest == mustJWKS(t, a).Digest {
		t.Error("a PEM and a JWKS of one key share a digest")
	}
}

// TestParseJWKS_quietNotes keeps control characters of a kid out of notes.
func TestParseJWKS_quietNotes(t *testing.T) {
	set := mustJWKS(t, jwkOf(rsaOne().Public(), map[string]any{"kid": "a\nlevel=info\x1b" + strings.Repeat("k", 500), "use": "enc"}), named(rsaTwo().Public(), "b"))
	for _, note := range set.Notes {
		if strings.ContainsAny(note.KID+note.Reason, "\n\x1b") || len(note.KID) > 300 {
			t.Fatalf("note %+v holds raw text", note)
		}
	}
}

// TestFactorable makes moduli the way the faulty generator did, and others.
func TestFactorable(t *testing.T) {
	primorial := big.NewInt(2)
	for _, p := range fingerprintPrimes {
		primorial.Mul(primorial, big.NewInt(p))
	}
	weak := func() *big.Int { // k * M + (65537^a mod M), of 1,024 bits and prime
		for {
			k, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(1024-primorial.BitLen())))
			if err != nil {
				t.Fatal(err)
			}
			a, err := rand.Int(rand.Reader, big.NewInt(1<<40))
			if err != nil {
				t.Fatal(err)
			}
			p := new(big.Int).Exp(big.NewInt(65537), a, primorial)
			if p.Add(p, k.Mul(k, primorial)); p.ProbablyPrime(10) {
				return p
			}
		}
	}
	n := new(big.Int).Mul(weak(), weak())
	if !factorable(n) {
		t.Error("factorable(a ROCA modulus) = false, want true")
	}
	for _, k := range []*rsa.PrivateKey{rsaOne(), rsaTwo()} {
		if factorable(k.N) {
			t.Error("factorable(a modulus of crypto/rsa) = true, want false")
		}
	}
}

// TestSmallOrder has every encoding of a point of small order. For each it makes the
// signature that anyone could make, and finds a message that it is good for.
func TestSmallOrder(t *testing.T) {
	for _, point := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		public, err := hex.DecodeString(point)
		if err != nil {
			t.Fatal(err)
		}
		forged := append([]byte{1}, make([]byte, 63)...) // R is the neutral element, S is 0
		broken := false
		for i := 0; i < 200 && !broken; i++ {
			broken = ed25519.Verify(public, fmt.Append(nil, i), forged)
		}
		if !broken {
			t.Errorf("%s: no message is signed by the forgery, so this is no case", point)
		}
		if !smallOrder(public) {
			t.Errorf("smallOrder(%s) = false, want true", point)
		}
		if _, err := ParseJWKS(jwksOf(named(ed25519.PublicKey(public), "one"))); err == nil {
			t.Errorf("ParseJWKS with %s = nil, want an error", point)
		}
	}
	for range 50 {
		if public := newEdKey().Public().(ed25519.PublicKey); smallOrder(public) {
			t.Errorf("smallOrder(%x) = true for a key of crypto/ed25519, want false", public)
		}
	}
}

// TestNewKey_types refuses what is no signature key of ours.
func TestNewKey_types(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	exchange, err := ecOne().PublicKey.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	for _, public := range []any{nil, []byte("secret"), "secret", &p224.PublicKey, exchange, rsaOne(), bytes.NewBuffer(nil)} {
		if _, err := newKey("k", "", public); err == nil {
			t.Errorf("newKey(%T) = nil, want an error", public)
		}
	}
}
