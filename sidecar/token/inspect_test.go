package token

import (
	"strings"
	"testing"
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
	if string(in.Payload) != goodClaims || in.Size != len(raw) || in.SignatureSize != 3 {
		t.Fatalf("Inspect = %+v, want the payload, %d bytes and a signature of 3", in, len(raw))
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
		if (in.Header != nil) != header || in.Size != len(raw) {
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
