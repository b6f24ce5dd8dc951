package request

import (
	"fmt"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

func bodySays(b *Body) string {
	if b == nil {
		return "none"
	}
	return fmt.Sprintf("%q partial=%v", b.Raw, b.Partial)
}

// TestBody: a body that may be less than the whole says so.
func TestBody(t *testing.T) {
	f := func(body, overHTTP, overGRPC string, lines ...string) {
		t.Helper()
		r, err := wire("POST", "/ext_authz/a", append(lines, "Host: a")...)
		if err != nil {
			t.Fatal(err)
		}
		r.SetBodyString(body)
		p, err := filled(ReadExtAuthz, r)
		if err != nil || bodySays(p.Body) != overHTTP {
			t.Errorf("HTTP: %q %q: %s, %v; want %s", body, lines, bodySays(p.Body), err, overHTTP)
		}
		for _, c := range []*authv3.CheckRequest{check("POST", "https", "a", "/a", lines...), rawCheck("POST", "https", "a", "/a", lines...)} {
			for _, bytes := range []bool{false, true} {
				c.Attributes.Request.Http.Body, c.Attributes.Request.Http.RawBody = body, nil
				if bytes {
					c.Attributes.Request.Http.Body, c.Attributes.Request.Http.RawBody = "", []byte(body)
				}
				p, err = filled(ReadCheckRequest, c)
				if err != nil || bodySays(p.Body) != overGRPC {
					t.Errorf("gRPC: %q %q: %s, %v; want %s", body, lines, bodySays(p.Body), err, overGRPC)
				}
			}
		}
	}
	whole, part := `"abc" partial=false`, `"abc" partial=true`
	f("", "none", "none")
	f("abc", part, whole) // only over HTTP is the word lost
	f("abc", whole, whole, "X-Envoy-Auth-Partial-Body: false")
	f("abc", part, part, "X-Envoy-Auth-Partial-Body: true")
	f("abc", part, part, "X-Envoy-Auth-Partial-Body: False")
	f("abc", part, part, "X-Envoy-Auth-Partial-Body: no")
	f("abc", part, part, "X-Envoy-Auth-Partial-Body: false", "X-Envoy-Auth-Partial-Body: true")
	f("abc", part, part, "X-Envoy-Auth-Partial-Body: true", "X-Envoy-Auth-Partial-Body: false")
	f("", "none", "none", "X-Envoy-Auth-Partial-Body: false")
	f("", `"" partial=true`, `"" partial=true`, "X-Envoy-Auth-Partial-Body: true")
	g := func(body, want string, lines ...string) {
		t.Helper()
		c := check("POST", "https", "a", "/a", lines...)
		c.Attributes.Request.Http.Body, c.Attributes.Request.Http.Size = body, 1000
		p, err := filled(ReadCheckRequest, c)
		if err != nil || bodySays(p.Body) != want {
			t.Errorf("gRPC: %q %q: %s, %v; want %s", body, lines, bodySays(p.Body), err, want)
		}
	}
	// The length is the client's: over gRPC Envoy's word can be checked against it.
	g("abc", whole, "Content-Length: 3", "X-Envoy-Auth-Partial-Body: false")
	g("abc", whole, "Content-Length: 2")
	g("abc", part, "Content-Length: 4")
	g("abc", part, "Content-Length: 4", "X-Envoy-Auth-Partial-Body: false")
	g("abc", part, "Content-Length: x")
	g("abc", part, "Content-Length: -1")
	g("abc", part, "Content-Length: 99999999999999999999")
	g("abc", part, "Content-Length: 3", "Content-Length: 3")
	g("", "none", "Content-Length: 4") // Envoy was not told to send bodies
	g("", `"" partial=true`, "Content-Length: 4", "X-Envoy-Auth-Partial-Body: false")
}
