package token

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"postern/sidecar/decision"
)

// refused verifies raw and wants want, whatever else the verifier would accept.
func refused(t *testing.T, v *Verifier, raw string, want decision.Code) {
	t.Helper()
	c, err := v.Verify(raw, testNow)
	if c != nil {
		t.Fatalf("Verify accepted %q", raw)
	}
	wantCode(t, fmt.Sprintf("Verify(%.60q)", raw), err, want)
}

func TestVerify_form(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	good := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	parts := strings.Split(good, ".")
	h, p, s := parts[0], parts[1], parts[2]
	pad := func(part string) string { return part + strings.Repeat("=", (4-len(part)%4)%4) + "=" }
	f := func(raw string) { t.Helper(); refused(t, v, raw, decision.TokenMalformed) }

	// Not three parts.
	f("")
	f(".")
	f("..")
	f("...")
	f("....")
	f(h)
	f(h + "." + p)
	f(good + ".")
	f("." + good)
	f(good + "." + s)
	f(h + "." + p + ".." + s)
	f(strings.Repeat(h+".", 4) + h) // five parts are a JWE
	// An empty part.
	f("." + p + "." + s)
	f(h + ".." + s)
	f(h + "." + p + ".")
	// Another spelling of the same bytes.
	f(pad(h) + "." + p + "." + s)
	f(h + "." + p + "." + s + "=")
	f(h + "." + p + "." + s + "==")
	f(h + "." + pad(p) + "." + s)
	f(" " + good)
	f(good + " ")
	f(good + "\n")
	f(h + ".\n" + p + "." + s)
	f(h + "." + p[:4] + "\r\n" + p[4:] + "." + s)
	f(h + "." + p + "." + s[:8] + "\n" + s[8:])
	f(h + "." + p + "\t." + s)
	f("Bearer " + good)
	f(good + "\x00")
	f(good + "#")
	f(h + "." + p + "." + strings.Map(stdAlphabet, s) + "+/")
	f(h + "." + p + "." + s + "AAA") // four characters and one
	f("é" + good)
	f("%" + good)
	// JSON serialization.
	f(fmt.Sprintf(`{"protected":%q,"payload":%q,"signature":%q}`, h, p, s))
	f(fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, p, h, s))
}

// stdAlphabet turns the URL alphabet into the standard one.
func stdAlphabet(r rune) rune {
	switch r {
	case '-':
		return '+'
	case '_':
		return '/'
	}
	return r
}

// TestVerify_unusedBits sets bits that the last character of each part does not use. The
// bytes stay the same, so a lenient decoder would take the token under a second name.
func TestVerify_unusedBits(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	v := mustVerifier(t, testConfig(t))
	tried := 0
	for extra := range 3 { // payloads of each length modulo 3
		claims := strings.Replace(goodClaims, "{", `{"x":"`+strings.Repeat("x", extra)+`",`, 1)
		parts := strings.Split(sign(t, "RS256", rsaOne(), goodHeader, claims), ".")
		for i, part := range parts {
			if len(part)%4 == 0 {
				continue
			}
			changed := append([]string{}, parts...)
			last := strings.IndexByte(alphabet, part[len(part)-1])
			changed[i] = part[:len(part)-1] + string(alphabet[last|1])
			if last%2 == 1 {
				t.Fatalf("part %d of a strict encoder has unused bits set", i)
			}
			lenient, err := base64.RawURLEncoding.DecodeString(changed[i])
			if want, _ := base64url.DecodeString(part); err != nil || string(lenient) != string(want) {
				t.Fatalf("part %d: the change is more than another spelling", i)
			}
			refused(t, v, strings.Join(changed, "."), decision.TokenMalformed)
			tried++
		}
	}
	if tried < 4 {
		t.Fatalf("only %d parts had unused bits", tried)
	}
}

// TestVerify_header signs odd headers with the right key.
func TestVerify_header(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	f := func(header string, want decision.Code) {
		t.Helper()
		raw := sign(t, "RS256", rsaOne(), header, goodClaims)
		if want != "" {
			refused(t, v, raw, want)
			return
		}
		_, err := v.Verify(raw, testNow)
		wantCode(t, "Verify with header "+header, err, "")
	}
	with := func(members string) string { return `{"alg":"RS256","typ":"JWT","kid":"one",` + members + `}` }

	// No signature, in every spelling (RFC 8725 section 3.2), and no alg at all.
	for _, alg := range []string{`"none"`, `"None"`, `"NONE"`, `"nOnE"`, `" none"`, `"none\u0000"`, `""`, `null`, `0`, `true`, `["RS256"]`, `{"RS256":1}`, `"rs256"`, `"RS256 "`, `"RS-256"`, `"RSA"`, `"RS1"`, `"dir"`, `"RSA1_5"`, `"ES256K"`, `"HS256"`, `"HS384"`, `"PS256"`, `"ES256"`, `"EdDSA"`} {
		f(`{"alg":`+alg+`,"typ":"JWT","kid":"one"}`, decision.TokenAlgorithm)
	}
	f(`{"typ":"JWT","kid":"one"}`, decision.TokenAlgorithm)
	f(`{"Alg":"RS256","typ":"JWT","kid":"one"}`, decision.TokenAlgorithm)
	f(`{"\u0061lg":"RS256","kid":"one"}`, "") // an escaped name is that name

	// typ and cat.
	for _, typ := range []string{`"jwt"`, `"Jwt"`, `""`, `null`, `1`, `["JWT"]`, `"JWT "`, `"application/jwt"`, `"application/at+jwt"`, `"at+jwt"`, `"JOSE"`, `"JWE"`, `"dpop+jwt"`, `"logout+jwt"`, `"secevent+jwt"`} {
		f(`{"alg":"RS256","kid":"one","typ":`+typ+`}`, decision.TokenType)
	}
	f(`{"alg":"RS256","kid":"one"}`, "")
	for _, cat := range []string{`"cl_B7d4PD222AAA"`, `"cl_B7d4PD333AAA"`, `"cl_I7d4PD111III"`, `"other"`, `""`, `null`, `1`, `["cl_B7d4PD111AAA"]`, `"CL_B7D4PD111AAA"`} {
		f(with(`"cat":`+cat), decision.TokenType)
	}

	// Extensions: nothing is understood, so nothing may be critical.
	for _, ext := range []string{`"crit":["exp"]`, `"crit":[]`, `"crit":null`, `"crit":"b64"`, `"crit":["b64"],"b64":false`, `"b64":false`, `"b64":true`, `"b64":null`, `"crit":["http://example.com/x"],"http://example.com/x":1`} {
		f(with(ext), decision.TokenMalformed)
	}

	// kid is a name in a list, not a path, a query or a number.
	for _, kid := range []string{`"../../../../dev/null"`, `"/etc/passwd"`, `"one' OR '1'='1"`, `"one\u0000"`, `"one "`, `"ONE"`, `"https://evil.example/jwks"`, `"\u000a"`, `""`, `"` + strings.Repeat("k", 4000) + `"`} {
		f(`{"alg":"RS256","typ":"JWT","kid":`+kid+`}`, decision.TokenKeyUnknown)
	}
	for _, kid := range []string{`null`, `1`, `["one"]`, `{"a":"one"}`, `true`} {
		f(`{"alg":"RS256","typ":"JWT","kid":`+kid+`}`, decision.TokenMalformed)
	}
	f(`{"alg":"RS256","typ":"JWT","kid":"\u006fne"}`, "")

	// Not one strict JSON object.
	for _, header := range []string{
		``, ` `, `null`, `[]`, `"x"`, `1`, `{`, `}`, `{}x`, `{}{}`, ` {}`, "{}\n", "\xef\xbb\xbf{}", `{"alg":"RS256"`, `{"alg":"RS256",}`, `{'alg':'RS256'}`,
		`{"alg":"RS256","alg":"RS256","kid":"one"}`, `{"alg":"none","alg":"RS256","kid":"one"}`, `{"alg":"RS256","\u0061lg":"RS256","kid":"one"}`,
		with(`"x":{"a":1,"a":1}`), with(`"x":[[{"a":1,"b":{"c":1,"c":2}}]]`), with(`"x":NaN`), with(`"x":01`), with(`"x":.5`), with(`"x":0x1`),
		with("\"x\":\"\xff\""), with("\"\xff\":1"), with("\"x\":\"\xc0\xae\""), with(`"x":"\ud800"`), with("\"x\":\"\n\""), with("/* c */\"x\":1"),
		with(`"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200)),
	} {
		f(header, decision.TokenMalformed)
	}
}

// TestVerify_foreignKey offers keys in the header (RFC 8725 section 3.10): they are not
// read, so the token is judged by the configured key alone.
func TestVerify_foreignKey(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	jwk, err := json.Marshal(named(rsaTwo().Public(), "one"))
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range []string{
		`"jwk":` + string(jwk), `"jku":"https://evil.example/jwks.json"`, `"x5u":"https://evil.example/cert.pem"`,
		`"x5c":["MIIB"]`, `"x5t":"abc"`, `"x5t#S256":"abc"`,
	} {
		header := `{"alg":"RS256","typ":"JWT","kid":"one",` + member + `}`
		refused(t, v, sign(t, "RS256", rsaTwo(), header, goodClaims), decision.TokenSignature)
		refused(t, v, sign(t, "RS256", rsaTwo(), strings.Replace(header, `"one"`, `"two"`, 1), goodClaims), decision.TokenKeyUnknown)
		_, err := v.Verify(sign(t, "RS256", rsaOne(), header, goodClaims), testNow)
		wantCode(t, "Verify with the right key and "+member[:5], err, "")
	}
}

// TestVerify_confusion signs with what an attacker has: the public key as a secret.
func TestVerify_confusion(t *testing.T) {
	list := testConfig(t)
	list.Algorithms = algorithms
	for _, config := range []Issuer{testConfig(t), list} {
		v := mustVerifier(t, config)
		for _, secret := range [][]byte{pemOf(rsaOne().Public()), rsaOne().N.Bytes(), jwksOf(named(rsaOne().Public(), "one")), {}} {
			for _, alg := range []string{"HS256", "HS384", "RS256", "none"} {
				raw := sign(t, "HS256", secret, `{"alg":"`+alg+`","typ":"JWT","kid":"one"}`, goodClaims)
				_, err := v.Verify(raw, testNow)
				if code := CodeOf(err); err == nil || code != decision.TokenAlgorithm && code != decision.TokenSignature {
					t.Fatalf("HMAC with public material under alg %s = %v, want a refusal", alg, err)
				}
			}
		}
	}
	// A signature for one algorithm under another of the same key, where both are listed.
	v := mustVerifier(t, list)
	refused(t, v, sign(t, "PS256", rsaOne(), goodHeader, goodClaims), decision.TokenSignature)
	refused(t, v, sign(t, "RS256", rsaOne(), `{"alg":"PS256","kid":"one"}`, goodClaims), decision.TokenSignature)
	refused(t, v, sign(t, "RS256", rsaOne(), `{"alg":"RS512","kid":"one"}`, goodClaims), decision.TokenSignature)
	refused(t, v, sign(t, "RS256", rsaOne(), `{"alg":"ES256","kid":"one"}`, goodClaims), decision.TokenAlgorithm)
	// A key that states its algorithm is good for that one only.
	stated := list
	stated.Keys = StaticKeys(mustJWKS(t, jwkOf(rsaOne().Public(), map[string]any{"kid": "one", "alg": "PS256"})))
	v = mustVerifier(t, stated)
	refused(t, v, sign(t, "RS256", rsaOne(), goodHeader, goodClaims), decision.TokenAlgorithm)
	_, err := v.Verify(sign(t, "PS256", rsaOne(), `{"alg":"PS256","kid":"one"}`, goodClaims), testNow)
	wantCode(t, "Verify with the stated algorithm", err, "")
}

// TestVerify_tampered flips one bit in each byte of a good token.
func TestVerify_tampered(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	good := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	for i := range good {
		for _, mask := range []byte{1, 4, 0x20} {
			b := []byte(good)
			b[i] ^= mask
			if c, err := v.Verify(string(b), testNow); err == nil {
				t.Fatalf("Verify accepted a token with byte %d changed: %+v", i, c)
			}
		}
	}
}

// TestVerify_splice puts parts of good tokens together.
func TestVerify_splice(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	a := strings.Split(sign(t, "RS256", rsaOne(), goodHeader, goodClaims), ".")
	b := strings.Split(sign(t, "RS256", rsaOne(), goodHeader, strings.Replace(goodClaims, "user_1", "user_2", 1)), ".")
	refused(t, v, a[0]+"."+a[1]+"."+b[2], decision.TokenSignature)
	refused(t, v, a[0]+"."+b[1]+"."+a[2], decision.TokenSignature)
	// A nested token: its payload is a token, not claims (RFC 7519 section 2).
	refused(t, v, sign(t, "RS256", rsaOne(), `{"alg":"RS256","typ":"JWT","kid":"one","cty":"JWT"}`, strings.Join(a, ".")), decision.TokenMalformed)
}

func TestVerify_size(t *testing.T) {
	config := testConfig(t)
	raw := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	v, err := NewVerifier(len(raw), config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Verify(raw, testNow)
	wantCode(t, "Verify at the limit", err, "")
	v, err = NewVerifier(len(raw)-1, config)
	if err != nil {
		t.Fatal(err)
	}
	refused(t, v, raw, decision.TokenMalformed)
	long := strings.Replace(goodClaims, "{", `{"x":"`+strings.Repeat("x", DefaultMaxBytes)+`",`, 1)
	refused(t, mustVerifier(t, config), sign(t, "RS256", rsaOne(), goodHeader, long), decision.TokenMalformed)
}

// TestVerify_memory sends what cost other libraries memory (CVE-2025-30204).
func TestVerify_memory(t *testing.T) {
	small, err := NewVerifier(0, testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	large, err := NewVerifier(maxMaxBytes, testConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	dots := strings.Repeat(".", 1<<20)
	for name, v := range map[string]*Verifier{"default limit": small, "largest limit": large} {
		refused(t, v, dots, decision.TokenMalformed)
		const runs = 50
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_, _ = v.Verify(dots, testNow)
		}
		runtime.ReadMemStats(&after)
		if per := (after.TotalAlloc - before.TotalAlloc) / runs; per > 4<<10 {
			t.Errorf("%s: 1 MB of dots allocated %d bytes, want at most 4 KiB", name, per)
		}
	}
	deep := strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)
	refused(t, small, encode(goodHeader)+"."+encode(deep)+".AAAA", decision.TokenMalformed)
}

// TestVerify_quietErrors keeps token text out of errors, but for short quoted values.
func TestVerify_quietErrors(t *testing.T) {
	v := mustVerifier(t, testConfig(t))
	evil := "secret\x1b[31m\r\nlevel=info" + strings.Repeat("z", 1000)
	value, err := json.Marshal(evil)
	if err != nil {
		t.Fatal(err)
	}
	f := func(raw string) {
		t.Helper()
		_, err := v.Verify(raw, testNow)
		if err == nil {
			t.Fatalf("Verify accepted %.60q", raw)
		}
		text := err.Error()
		if len(text) > 300 || strings.ContainsAny(text, "\r\n\x1b\x00") || strings.Contains(text, "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz") {
			t.Fatalf("Verify = %q, which holds raw text", text)
		}
		if sig := raw[strings.LastIndexByte(raw, '.')+1:]; len(sig) > 20 && strings.Contains(text, sig[:20]) {
			t.Fatalf("Verify = %q, which holds the signature", text)
		}
	}
	f(evil)
	f(evil + ".." + evil)
	f(sign(t, "RS256", rsaOne(), `{"alg":`+string(value)+`}`, goodClaims))
	f(sign(t, "RS256", rsaOne(), `{"alg":"RS256","typ":`+string(value)+`}`, goodClaims))
	f(sign(t, "RS256", rsaOne(), `{"alg":"RS256","cat":`+string(value)+`}`, goodClaims))
	f(sign(t, "RS256", rsaOne(), `{"alg":"RS256","kid":`+string(value)+`}`, goodClaims))
	f(sign(t, "RS256", rsaOne(), `{`+string(value)+`:1,`+string(value)+`:2}`, goodClaims))
	f(sign(t, "RS256", rsaOne(), goodHeader, `{"iss":`+string(value)+`}`))
	f(sign(t, "RS256", rsaOne(), goodHeader, strings.Replace(goodClaims, `"`+testParty+`"`, string(value), 1)))
	f(sign(t, "RS256", rsaOne(), goodHeader, `{`+string(value)+`:`+string(value)))
	f(sign(t, "RS256", rsaTwo(), goodHeader, goodClaims))
}

// TestVerify_pssSalt signs with salts that are not as long as the hash (RFC 7518 section
// 3.5).
func TestVerify_pssSalt(t *testing.T) {
	config := testConfig(t)
	config.Algorithms = []string{"PS256"}
	v := mustVerifier(t, config)
	input := encode(`{"alg":"PS256","kid":"one"}`) + "." + encode(goodClaims)
	for salt, want := range map[int]decision.Code{
		32: "", 1: decision.TokenSignature, 20: decision.TokenSignature, 64: decision.TokenSignature, rsa.PSSSaltLengthAuto: decision.TokenSignature,
	} {
		sig, err := rsa.SignPSS(rand.Reader, rsaOne(), crypto.SHA256, digest(crypto.SHA256, input), &rsa.PSSOptions{SaltLength: salt})
		if err != nil {
			t.Fatal(err)
		}
		_, err = v.Verify(input+"."+encode(string(sig)), testNow)
		wantCode(t, fmt.Sprintf("Verify with a salt of %d bytes", salt), err, want)
	}
}
