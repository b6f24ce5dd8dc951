package token

import (
	"strings"
	"testing"
	"time"

	"postern/sidecar/decision"
)

func TestInspect(t *testing.T) {
	raw := encode(`{"alg":"none","typ":"x","kid":"k","cat":"c"}`) + "." + encode(goodClaims) + ".AAAA"
	in, err := Inspect(raw)
	if err != nil {
		t.Fatalf("Inspect: %v", err)
	}
	if in.Algorithm != "none" || in.Type != "x" || in.KeyID != "k" || in.Category != "c" || in.Issuer != testIssuer {
		t.Fatalf("Inspect = %+v, want what the header and the payload say", in)
	}
	if string(in.Payload) != goodClaims {
		t.Fatalf("Inspect = %+v, want the payload", in)
	}
	large := encode(goodHeader) + "." + encode(strings.Replace(goodClaims, "{", `{"x":"`+strings.Repeat("x", 20000)+`",`, 1)) + ".AAAA"
	if _, err := Inspect(large); err != nil {
		t.Fatalf("Inspect of a token over the default limit = %v, want no error", err)
	}
}

func TestInspect_errors(t *testing.T) {
	f := func(raw, want string, header bool) {
		t.Helper()
		in, err := Inspect(raw)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("Inspect(%.60q) = %v, want %q", raw, err, want)
		}
		if (in.Header != nil) != header {
			t.Fatalf("Inspect(%.60q) = %+v, want a header: %v", raw, in, header)
		}
	}
	good := encode(goodHeader)
	f("", "1 parts, want 3", false)
	f("a.b.c.d.e", "5 parts, want 3", false)
	f("!."+encode(goodClaims)+".AAAA", "header: not unpadded base64url", false)
	f(good+".AA==.AAAA", "payload: not unpadded base64url", false)
	f(good+"."+encode(goodClaims)+".", "signature: empty", false)
	f(encode(`{"alg":"a","alg":"b"}`)+"."+encode(goodClaims)+".AAAA", "header: a member name repeats", false)
	f(good+"."+encode(`{"sub":"a","sub":"b"}`)+".AAAA", "payload: a member name repeats", true)
	f(good+"."+encode(`[]`)+".AAAA", "payload: not one JSON object", true)
	f(encode(`{"crit":["x"]}`)+"."+encode(goodClaims)+".AAAA", "extension crit", true)
	f(strings.Repeat("a", maxMaxBytes+1), "limit", false)
}

func TestInspection_Objections(t *testing.T) {
	f := func(header, claims string, at int64, want ...decision.Code) {
		t.Helper()
		in, _ := Inspect(encode(header) + "." + encode(claims) + ".AAAA")
		got := in.Objections(nil, 5*time.Second, time.Unix(at, 0))
		if len(got) != len(want) {
			t.Fatalf("Objections of %s.%s = %v, want %v", header, claims, got, want)
		}
		for i := range want {
			if CodeOf(got[i]) != want[i] {
				t.Fatalf("Objections of %s.%s = %v, want %v", header, claims, got, want)
			}
		}
	}
	const good = `{"alg":"RS256","kid":"k"}`
	f(good, `{"sub":"u","nbf":1000,"exp":2000}`, 1500)
	f(good, `{"sub":"u","nbf":1000,"exp":2000}`, 2004)
	f(good, `{"sub":"u","nbf":1000,"exp":2000}`, 2005, decision.TokenExpired)
	f(good, `{"sub":"u","nbf":1000,"exp":2000}`, 995)
	f(good, `{"sub":"u","nbf":1000,"exp":2000}`, 994, decision.TokenNotYetValid)
	f(good, `{"exp":"2000"}`, 1500, decision.TokenClaims, decision.TokenClaims)
	f(`{"alg":"none"}`, `{"sub":"u"}`, 1500, decision.TokenAlgorithm, decision.TokenClaims)
	f(`{"alg":"RS256","cat":"x"}`, `[]`, 1500, decision.TokenType)
	if got := (Inspection{}).Objections(nil, 0, time.Unix(0, 0)); len(got) != 0 {
		t.Fatalf("Objections of nothing = %v", got)
	}
}
