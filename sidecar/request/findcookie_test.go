package request

import (
	"testing"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// TestFindCookie: the Authorization header is not read, be it good or bad.
func TestFindCookie(t *testing.T) {
	f := func(want Credential, headers ...string) {
		t.Helper()
		var h fasthttp.RequestHeader
		for i := 0; i < len(headers); i += 2 {
			h.Add(headers[i], headers[i+1])
		}
		if got := FindCookie(&h, []string{"__session"}); got != want {
			t.Errorf("%q: %+v, want %+v", headers, got, want)
		}
	}
	f(Credential{Code: decision.TokenMissing})
	f(Credential{Code: decision.TokenMissing}, "Authorization", "Bearer a.b.c")
	f(Credential{Token: "d.e.f"}, "Authorization", "Bearer a.b.c", "Cookie", "x=1; __session=d.e.f")
	f(Credential{Token: "d.e.f"}, "Authorization", "Basic x", "Cookie", "__session=d.e.f")
	f(Credential{Code: decision.CredentialsAmbiguous}, "Cookie", "__session=d.e.f; __session=g.h.i")
}
