package token

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"postern/sidecar/decision"
)

func TestVerify(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	raw := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	c, err := v.Verify(raw, testNow)
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	if c.Issuer != testIssuer || c.Subject != "user_1" || c.Size != len(raw) || string(c.Payload) != goodClaims {
		t.Fatalf("Verify = %+v, want the claims of %s", c, goodClaims)
	}
	if c.Expires != testTime+60 || c.NotBefore != testTime-10 || c.IssuedAt != testTime {
		t.Fatalf("Verify: times %d, %d, %d, want %d, %d, %d", c.Expires, c.NotBefore, c.IssuedAt, testTime+60, testTime-10, testTime)
	}
	if !c.Current() {
		t.Fatal("Current = false right after Verify, want true")
	}
}

// TestVerify_owns: claims keep nothing of the token, whose bytes are a request's, and those
// of the next.
func TestVerify_owns(t *testing.T) {
	config := testConfig(t)
	config.Audience = []string{"api"}
	v := mustVerifier(t, config)
	payload := strings.Replace(goodClaims, "{", `{"aud":["api"],"org":{"id":"org_1"},`, 1)
	token := sign(t, "RS256", rsaOne(), goodHeader, payload)
	buffer := []byte(token)
	got, err := v.Verify(unsafe.String(&buffer[0], len(buffer)), testNow)
	if err != nil {
		t.Fatal(err)
	}
	stranger := []byte(sign(t, "RS256", rsaOne(), strings.Replace(goodHeader, `"one"`, `"two"`, 1), payload))
	_, refused := v.Verify(unsafe.String(&stranger[0], len(stranger)), testNow)
	if refused == nil {
		t.Fatal("a token of an unknown key is accepted")
	}
	before := refused.Error()
	for _, memory := range [][]byte{buffer, stranger} {
		for i := range memory {
			memory[i] = 'x'
		}
	}
	want, err := v.Verify(token, testNow)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) || string(got.Payload) != payload {
		t.Errorf("the claims became %+v, want %+v", got, want)
	}
	if refused.Error() != before {
		t.Errorf("the refusal became %q, was %q", refused, before)
	}
}

// TestVerify_codes has one token for every code, and each token has one fault.
func TestVerify_codes(t *testing.T) {
	config := testConfig(t)
	config.Audience = []string{"api"}
	v := mustVerifier(t, config)
	claims := func(from, to string) string {
		out := strings.Replace(goodClaims, "{", `{"aud":"api",`, 1)
		if !strings.Contains(out, from) {
			t.Fatalf("no %q in the claims", from)
		}
		return strings.Replace(out, from, to, 1)
	}
	good := claims("", "")
	rs := func(header, payload string) string { return sign(t, "RS256", rsaOne(), header, payload) }
	other := sign(t, "RS256", rsaTwo(), goodHeader, good)
	for _, tc := range []struct {
		name, raw string
		want      decision.Code
	}{
		{"good", rs(goodHeader, good), ""},
		{"good with an extra header", rs(`{"alg":"RS256","typ":"JWT","kid":"one","oiat":1,"x5t":"q"}`, good), ""},
		{"good, session category", rs(`{"alg":"RS256","kid":"one","cat":"cl_B7d4PD111AAA"}`, good), ""},
		{"malformed", "x", decision.TokenMalformed},
		{"issuer", rs(goodHeader, claims("clerk.example.com", "clerk.example.org")), decision.TokenIssuer},
		{"algorithm", sign(t, "RS384", rsaOne(), `{"alg":"RS384","typ":"JWT","kid":"one"}`, good), decision.TokenAlgorithm},
		{"type", rs(`{"alg":"RS256","typ":"at+jwt","kid":"one"}`, good), decision.TokenType},
		{"category", rs(`{"alg":"RS256","typ":"JWT","kid":"one","cat":"cl_B7d4PD222AAA"}`, good), decision.TokenType},
		{"key unknown", rs(`{"alg":"RS256","typ":"JWT","kid":"two"}`, good), decision.TokenKeyUnknown},
		{"no kid", rs(`{"alg":"RS256","typ":"JWT"}`, good), decision.TokenKeyUnknown},
		{"signature", other, decision.TokenSignature},
		{"claims", rs(goodHeader, claims(`"user_1"`, `""`)), decision.TokenClaims},
		{"expired", rs(goodHeader, claims(`"exp":1767225660`, `"exp":1767225595`)), decision.TokenExpired},
		{"not yet valid", rs(goodHeader, claims(`"nbf":1767225590`, `"nbf":1767225606`)), decision.TokenNotYetValid},
		{"authorized party", rs(goodHeader, claims("app.example.com", "evil.example")), decision.TokenAuthorizedParty},
		{"audience", rs(goodHeader, claims(`"api"`, `"other"`)), decision.TokenAudience},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := v.Verify(tc.raw, testNow)
			wantCode(t, "Verify", err, tc.want)
			if (c == nil) != (tc.want != "") {
				t.Fatalf("Verify = %v with %v, want claims or an error", c, err)
			}
			if err != nil && !CodeOf(err).Known() {
				t.Fatalf("CodeOf = %q, which is not in the closed set", CodeOf(err))
			}
		})
	}
}

// TestVerify_order holds what is reported when several things are wrong: nothing in a
// claim decides anything before the signature, but for the issuer.
func TestVerify_order(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	bad := `{"iss":"https://clerk.example.com","sub":"","exp":1}`
	for _, tc := range []struct {
		name, raw string
		want      decision.Code
	}{
		{"form before issuer", sign(t, "RS256", rsaOne(), `{"alg":"none","crit":[]}`, `{}`), decision.TokenMalformed},
		{"issuer before algorithm", sign(t, "RS256", rsaOne(), `{"alg":"none"}`, `{}`), decision.TokenIssuer},
		{"algorithm before key", sign(t, "RS256", rsaOne(), `{"alg":"none","kid":"x"}`, bad), decision.TokenAlgorithm},
		{"type before key", sign(t, "RS256", rsaOne(), `{"alg":"RS256","typ":"x","kid":"x"}`, bad), decision.TokenType},
		{"key before claims", sign(t, "RS256", rsaOne(), `{"alg":"RS256","kid":"x"}`, bad), decision.TokenKeyUnknown},
		{"signature before claims", sign(t, "RS256", rsaTwo(), goodHeader, bad), decision.TokenSignature},
		{"claims last", sign(t, "RS256", rsaOne(), goodHeader, bad), decision.TokenClaims},
	} {
		_, err := v.Verify(tc.raw, testNow)
		wantCode(t, tc.name, err, tc.want)
	}
}

func TestVerify_clockSkew(t *testing.T) {
	config := testConfig(t)
	v := mustVerifier(t, config)
	config.ClockSkew = 0
	exact := mustVerifier(t, config)
	raw := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	exp, nbf := time.Unix(testTime+60, 0), time.Unix(testTime, 0) // iat is later than nbf here
	f := func(v *Verifier, now time.Time, want decision.Code) {
		t.Helper()
		_, err := v.Verify(raw, now)
		wantCode(t, "Verify at "+now.UTC().String(), err, want)
	}
	f(v, exp.Add(5*time.Second-1), "")
	f(v, exp.Add(5*time.Second), decision.TokenExpired) // equality is expired
	f(exact, exp.Add(-1), "")
	f(exact, exp, decision.TokenExpired)
	f(v, nbf.Add(-5*time.Second), "")
	f(v, nbf.Add(-5*time.Second-1), decision.TokenNotYetValid)
	f(exact, nbf, "")
	f(exact, nbf.Add(-1), decision.TokenNotYetValid)
	f(v, time.Time{}, decision.TokenNotYetValid)
}

func TestCheckTimes(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	c, err := v.Verify(sign(t, "RS256", rsaOne(), goodHeader, goodClaims), testNow)
	if err != nil {
		t.Fatalf("Verify: %v", err)
	}
	wantCode(t, "CheckTimes now", v.CheckTimes(c, testNow), "")
	wantCode(t, "CheckTimes later", v.CheckTimes(c, testNow.Add(time.Hour)), decision.TokenExpired)
	wantCode(t, "CheckTimes earlier", v.CheckTimes(c, testNow.Add(-time.Hour)), decision.TokenNotYetValid)
	again := mustVerifier(t, testConfig(t))
	wantCode(t, "CheckTimes of another verifier", again.CheckTimes(c, testNow), decision.TokenIssuer)
	wantCode(t, "CheckTimes of made-up claims", v.CheckTimes(&Claims{Issuer: testIssuer, Expires: testTime + 60}, testNow), decision.TokenIssuer)
	if (&Claims{}).Current() {
		t.Fatal("Current of made-up claims = true, want false")
	}
}

// TestVerify_issuers has two issuers with one kid and different keys: neither may speak
// for the other.
func TestVerify_issuers(t *testing.T) {
	a, b := testConfig(t), testConfig(t)
	b.Issuer = "https://other.example.com"
	b.Keys = StaticKeys(mustJWKS(t, named(rsaTwo().Public(), "one")))
	v := mustVerifier(t, a, b)
	forB := strings.Replace(goodClaims, a.Issuer, b.Issuer, 1)
	f := func(key any, claims string, want decision.Code) {
		t.Helper()
		_, err := v.Verify(sign(t, "RS256", key, goodHeader, claims), testNow)
		wantCode(t, "Verify", err, want)
	}
	f(rsaOne(), goodClaims, "")
	f(rsaTwo(), forB, "")
	f(rsaOne(), forB, decision.TokenSignature)
	f(rsaTwo(), goodClaims, decision.TokenSignature)
}

func TestVerify_algorithms(t *testing.T) {
	keys := map[string]any{
		"RS256": rsaOne(), "RS384": rsaOne(), "RS512": rsaOne(), "PS256": rsaOne(), "PS384": rsaOne(), "PS512": rsaOne(),
		"ES256": ecOne(), "ES384": ec384(), "ES512": ec521(), "EdDSA": edOne(),
	}
	config := testConfig(t)
	config.Algorithms = algorithms
	config.Keys = StaticKeys(mustJWKS(t,
		named(rsaOne().Public(), "RS256"), named(rsaOne().Public(), "RS384"), named(rsaOne().Public(), "RS512"),
		named(rsaOne().Public(), "PS256"), named(rsaOne().Public(), "PS384"), named(rsaOne().Public(), "PS512"),
		named(ecOne().Public(), "ES256"), named(ec384().Public(), "ES384"), named(ec521().Public(), "ES512"),
		named(edOne().Public(), "EdDSA")))
	v := mustVerifier(t, config)
	for _, alg := range algorithms {
		raw := sign(t, alg, keys[alg], `{"alg":"`+alg+`","kid":"`+alg+`"}`, goodClaims)
		_, err := v.Verify(raw, testNow)
		wantCode(t, alg, err, "")
		// One octet more, one less, and an empty one more part of the signature.
		cut := raw[:strings.LastIndexByte(raw, '.')+1]
		sig, _ := base64url.DecodeString(raw[len(cut):])
		for _, bad := range [][]byte{sig[:len(sig)-1], append(sig[:len(sig):len(sig)], 0), make([]byte, len(sig)), append([]byte{0}, sig...)} {
			_, err := v.Verify(cut+encode(string(bad)), testNow)
			wantCode(t, alg+" with a wrong signature", err, decision.TokenSignature)
		}
		// The same key under a header that names each other algorithm.
		for _, other := range algorithms {
			if other == alg {
				continue
			}
			_, err := v.Verify(sign(t, alg, keys[alg], `{"alg":"`+other+`","kid":"`+alg+`"}`, goodClaims), testNow)
			if code := CodeOf(err); err == nil || code != decision.TokenSignature && code != decision.TokenAlgorithm {
				t.Fatalf("%s signature called %s = %v, want a refusal", alg, other, err)
			}
		}
	}
}

func TestNewVerifier_mistakes(t *testing.T) {
	noKeys := JWKSURL("http://keys.example.com/jwks", Options{})
	_, err := NewVerifier(-1,
		Issuer{},
		Issuer{Issuer: "a", Keys: noKeys, AnyParty: true, AuthorizedParties: []string{""}, Audience: []string{""}, ClockSkew: -1, Algorithms: []string{"HS256", "none", "rs256"}},
		Issuer{Issuer: "a", Keys: StaticKeys(nil), AnyParty: true, ClockSkew: 2 * time.Hour},
	)
	if err == nil {
		t.Fatal("NewVerifier = nil, want every mistake")
	}
	for _, want := range []string{
		"size limit", `issuer 1 (""): no name`, "issuer 1 (\"\"): no keys", "say any", `issuer 2 ("a"): key URL: plain http`,
		"only one of the two", "an empty authorized party", "an empty audience", "clock skew -1ns", `"HS256"`, `"none"`, `"rs256"`,
		`issuer 3 ("a"): no key set`, `issuer 3 ("a"): listed twice`, "clock skew 2h",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("NewVerifier = %v, want it to say %q", err, want)
		}
	}
	skewed := func(skew time.Duration) Issuer {
		return Issuer{Issuer: "a", Keys: StaticKeys(&KeySet{}), AnyParty: true, ClockSkew: skew}
	}
	if _, err := NewVerifier(0, skewed(MaxClockSkew)); err != nil {
		t.Errorf("NewVerifier with a skew of %v = %v, want no error", MaxClockSkew, err)
	}
	if _, err := NewVerifier(0, skewed(MaxClockSkew+1)); err == nil {
		t.Errorf("NewVerifier with a skew of more than %v = nil, want an error", MaxClockSkew)
	}
	if _, err := NewVerifier(0); err != nil {
		t.Fatalf("NewVerifier without issuers = %v, want a verifier that refuses all", err)
	}
}

func TestVerify_noIssuers(t *testing.T) {
	v := mustVerifier(t)
	_, err := v.Verify(sign(t, "RS256", rsaOne(), goodHeader, goodClaims), testNow)
	wantCode(t, "Verify", err, decision.TokenIssuer)
}

func TestCodeOf(t *testing.T) {
	if got := CodeOf(errors.New("x")); got != decision.TokenMalformed {
		t.Fatalf("CodeOf(a foreign error) = %q, want %q", got, decision.TokenMalformed)
	}
}

// TestVerifier_warmAllocates: what a token that was verified before is asked costs no memory.
func TestVerifier_warmAllocates(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	claims, err := v.Verify(sign(t, "RS256", rsaOne(), goodHeader, goodClaims), testNow)
	if err != nil {
		t.Fatal(err)
	}
	allocs := testing.AllocsPerRun(100, func() {
		if !claims.Current() || v.CheckTimes(claims, testNow) != nil {
			t.Fatal("not good any more")
		}
	})
	if allocs != 0 {
		t.Fatalf("it allocates %v times, want 0", allocs)
	}
}
