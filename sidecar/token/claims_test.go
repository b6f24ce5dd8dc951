package token

import (
	"strings"
	"testing"
	"time"

	"postern/sidecar/decision"
)

// claimsCase verifies good claims with one member replaced. An empty value leaves it out.
func claimsCase(t *testing.T, v *Verifier, member, value string) error {
	t.Helper()
	claims := map[string]string{
		"iss": `"` + testIssuer + `"`, "sub": `"user_1"`, "azp": `"` + testParty + `"`,
		"exp": "1767225660", "nbf": "1767225590", "iat": "1767225600",
	}
	claims[member] = value
	var members []string
	for name, v := range claims {
		if v != "" {
			members = append(members, `"`+name+`":`+v)
		}
	}
	_, err := v.Verify(sign(t, "RS256", rsaOne(), goodHeader, "{"+strings.Join(members, ",")+"}"), testNow)
	return err
}

func TestVerify_claims(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	f := func(member, value string, want decision.Code) {
		t.Helper()
		wantCode(t, member+" "+value, claimsCase(t, v, member, value), want)
	}
	for _, value := range []string{``, `""`, `null`, `5`, `true`, `["user_1"]`, `{"a":1}`} {
		f("sub", value, decision.TokenClaims)
	}
	f("sub", `"\u0075ser_1"`, "")

	for _, value := range []string{``, `""`, `null`, `1`, `["https://clerk.example.com"]`, `"https://clerk.example.com/"`, `"HTTPS://clerk.example.com"`, `"https://CLERK.example.com"`, `" https://clerk.example.com"`, `"http://clerk.example.com"`, `"https://clerk.example.com\u0000"`, `"https://clerk.example.com.evil.example"`, `"https://clerk.example.com@evil.example"`} {
		f("iss", value, decision.TokenIssuer)
	}

	for _, value := range []string{``, `null`, `""`, `1`, `["https://app.example.com"]`, `"https://app.example.com/"`, `"HTTPS://APP.EXAMPLE.COM"`, `"https://app.example.com:443"`, `"https://app.example.com.evil.example"`, `"null"`, `"*"`} {
		f("azp", value, decision.TokenAuthorizedParty)
	}

	notDates := []string{
		`null`, `""`, `"1767225660"`, `true`, `false`, `[]`, `[1767225660]`, `{}`, `-1`, `-1767225660`, `-0`, `0`, `0.0`, `0.5`,
		`1e400`, `1e10`, `1E9`, `1.7672256e9`, `1767225660e0`, `100000000000000000000`, `9223372036854775807`, `18446744073709551615`,
		`253402300800`, `1767225660000`, `1` + strings.Repeat("0", 400), `-1e400`,
	}
	for _, value := range notDates {
		f("exp", value, decision.TokenClaims)
		f("nbf", value, decision.TokenClaims)
		f("iat", value, decision.TokenClaims)
	}
	f("exp", ``, decision.TokenClaims)
	f("exp", `NaN`, decision.TokenMalformed)
	f("exp", `Infinity`, decision.TokenMalformed)
	f("exp", `01767225660`, decision.TokenMalformed)
	f("exp", `+1767225660`, decision.TokenMalformed)
	f("nbf", ``, "")
	f("iat", ``, "")
	f("exp", `253402300799`, "")
	f("exp", `1767225660.0`, "")
	f("exp", `1767225660.25`, "")
	f("exp", `1`, decision.TokenExpired)
	// A fraction never lengthens a life: exp rounds down, nbf and iat round up.
	f("exp", `1767225595.999999999999`, decision.TokenExpired)
	f("nbf", `1767225605.0`, "")
	f("nbf", `1767225605.000000000001`, decision.TokenNotYetValid)
	f("iat", `1767225605.5`, decision.TokenNotYetValid)
	f("nbf", `253402300799`, decision.TokenNotYetValid)
	f("iat", `1767225606`, decision.TokenNotYetValid)
	f("iat", `1`, "")
}

// TestVerify_issuedAtFraction keeps IssuedAt at or before the true moment, so that a
// revocation of everything issued before a second covers that second's fractions.
func TestVerify_issuedAtFraction(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	claims := strings.Replace(goodClaims, `"iat":1767225600`, `"iat":1767225599.75`, 1)
	c, err := v.Verify(sign(t, "RS256", rsaOne(), goodHeader, claims), testNow)
	if err != nil {
		t.Fatal(err)
	}
	if c.IssuedAt != testTime-1 {
		t.Fatalf("IssuedAt = %d, want %d", c.IssuedAt, testTime-1)
	}
}

func TestVerify_anyParty(t *testing.T) {
	config := testConfig(t)
	config.AuthorizedParties, config.AnyParty = nil, true
	v := mustVerifier(t, config)
	f := func(value string, want decision.Code) {
		t.Helper()
		wantCode(t, "azp "+value, claimsCase(t, v, "azp", value), want)
	}
	f(``, "")
	f(`"https://elsewhere.example"`, "")
	f(`""`, "")
	f(`null`, decision.TokenAuthorizedParty)
	f(`1`, decision.TokenAuthorizedParty)
	f(`["https://app.example.com"]`, decision.TokenAuthorizedParty)
}

func TestVerify_audience(t *testing.T) {
	config := testConfig(t)
	unset := mustVerifier(t, config)
	config.Audience = []string{"api", "web"}
	v := mustVerifier(t, config)
	for value, want := range map[string]decision.Code{
		`"api"`: "", `"web"`: "", `["api"]`: "", `["x","web"]`: "", `["api","api"]`: "",
		``: decision.TokenAudience, `null`: decision.TokenAudience, `""`: decision.TokenAudience, `"API"`: decision.TokenAudience,
		`"api "`: decision.TokenAudience, `[]`: decision.TokenAudience, `[""]`: decision.TokenAudience, `["x"]`: decision.TokenAudience,
		`["api",1]`: decision.TokenAudience, `[1,"api"]`: decision.TokenAudience, `["api",null]`: decision.TokenAudience, `[["api"]]`: decision.TokenAudience,
		`{"api":1}`: decision.TokenAudience, `1`: decision.TokenAudience, `true`: decision.TokenAudience, `"api,web"`: decision.TokenAudience,
	} {
		wantCode(t, "aud "+value, claimsCase(t, v, "aud", value), want)
		wantCode(t, "aud "+value+" with none configured", claimsCase(t, unset, "aud", value), "")
	}
}

// TestVerify_payload signs payloads that are not one strict object.
func TestVerify_payload(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	with := func(members string) string { return strings.Replace(goodClaims, "{", "{"+members+",", 1) }
	for _, payload := range []string{
		``, `null`, `true`, `1`, `"x"`, `[]`, `[` + goodClaims + `]`, `{`, goodClaims + "x", goodClaims + goodClaims, goodClaims + " ", " " + goodClaims, goodClaims + "\n",
		"\xef\xbb\xbf" + goodClaims, goodClaims[:len(goodClaims)-1], goodClaims + "\x00", "\x00", goodClaims + "null", goodClaims + "}", "foo",
		with(`"sub":"user_2"`), with(`"\u0073ub":"user_2"`), with(`"exp":9999999999`), with(`"iss":"x"`), with(`"o":{"id":"a","id":"b"}`),
		with(`"o":{"x":[{"y":{"id":"a","\u0069d":"b"}}]}`), with("\"x\":\"\xff\xfe\""), with("\"x\":\"\xed\xa0\x80\""), with(`"x":"\udc00\ud800"`),
		with(`"x":'y'`), with(`"x":01`), with(`"x":1.`), with(`"x":tru`), with(`x:1`), with(`"x":"` + "\t" + `"`), with(`"x":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)),
	} {
		refused(t, v, sign(t, "RS256", rsaOne(), goodHeader, payload), decision.TokenMalformed)
	}
	for _, payload := range []string{
		with(`"":1`), with(`"x":"\ud83d\ude00"`), with(`"x":"é😀"`), with(`"o":{"id":"a"},"p":{"id":"b"}`), with(`"Sub":"user_2"`), with(`"__proto__":{}`),
		with(`"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63)), with(`"x":"[[[[{{{{\"[["`), with(" \r\n\t" + `"x" : 1 `), with(`"x":1e400`),
	} {
		c, err := v.Verify(sign(t, "RS256", rsaOne(), goodHeader, payload), testNow)
		wantCode(t, "Verify "+payload, err, "")
		if c.Subject != "user_1" || string(c.Payload) != payload {
			t.Fatalf("Verify(%s) = %+v, want user_1 and the payload as it was signed", payload, c)
		}
	}
}

// TestVerify_expiredForever walks a token through its life.
func TestVerify_expiredForever(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	raw := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	for _, after := range []time.Duration{66 * time.Second, time.Hour, 1000 * time.Hour, 200 * 365 * 24 * time.Hour} {
		_, err := v.Verify(raw, testNow.Add(after))
		wantCode(t, "Verify after "+after.String(), err, decision.TokenExpired)
	}
	_, err := v.Verify(raw, time.Unix(1<<60, 0))
	wantCode(t, "Verify at the end of time", err, decision.TokenExpired)
}
