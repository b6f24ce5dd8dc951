package proxies

import (
	"slices"
	"testing"
)

// edits is a policy of the kind that OPA's plugin for Envoy decides by.
const edits = `package envoy.authz

default allow := {"allowed": false}

allow := {
	"allowed": true,
	"headers": {"x-one": "1", "x-many": ["a", "b"], "x-client": "policy"},
	"response_headers_to_add": {"x-answer": "yes", "set-cookie": ["a=1", "b=2"]},
	"request_headers_to_remove": ["x-gone"],
	"query_parameters_to_set": {"q": "policy"},
	"query_parameters_to_remove": ["secret"],
	"dynamic_metadata": {"decision_id": "forged"},
} if startswith(input.attributes.request.http.path, "/public/")

allow := {
	"allowed": false,
	"http_status": 402,
	"headers": {"x-why": "unpaid", "set-cookie": ["a=1", "b=2"]},
	"body": "pay",
} if startswith(input.attributes.request.http.path, "/paid")
`

// TestEnvoy_edits: Envoy carries out what a policy asks for besides yes or no.
func TestEnvoy_edits(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "authz.rego", edits)
	s := play(t, envoy("envoy-grpc"), setting{bundle: dir, more: "entrypoints: {route: envoy/authz/allow}"})
	a := s.expect(200, "GET", "/public/x?secret=1&q=client&r=2", "X-Client", "client", "X-Gone", "1", "X-Many", "client", "X-Postern-User", "forged")
	for name, want := range map[string]string{"X-One": "1", "X-Client": "policy", "X-Gone": "-", "X-Many": "a,b", "X-Postern-User": "-"} {
		if got := a.header(name); got != want {
			t.Errorf("the upstream is sent %s: %q, want %q", name, got, want)
		}
	}
	if want := "/public/x?q=policy&r=2"; a.URI != want {
		t.Errorf("the upstream is sent %s, want %s", a.URI, want)
	}
	if got, cookies := a.Header.Get("X-Answer"), a.Header.Values("Set-Cookie"); got != "yes" || !slices.Equal(cookies, []string{"a=1", "b=2"}) {
		t.Errorf("the client is sent X-Answer %q, Set-Cookie %q", got, cookies)
	}
	a = s.expect(402, "GET", "/paid")
	if got, cookies := a.Header.Get("X-Why"), a.Header.Values("Set-Cookie"); got != "unpaid" || !slices.Equal(cookies, []string{"a=1", "b=2"}) || a.Body != "pay" {
		t.Errorf("denied with X-Why %q, Set-Cookie %q, %q", got, cookies, a.Body)
	}
	s.expect(403, "GET", "/else")
}
