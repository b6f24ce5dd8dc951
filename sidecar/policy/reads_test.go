package policy_test

import (
	"strings"
	"testing"

	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// posted is a request with a body.
func posted(t testing.TB, mediaType, body string) request.Proxied {
	t.Helper()
	r := proxied(t, "POST", "/x?a=1").WithField("Content-Type", mediaType)
	r.Body = &request.Body{Raw: []byte(body)}
	return r
}

// TestRoute_body: what stands in a body counts by input.request.body, and a body that cannot
// be read denies where a rule may read it.
func TestRoute_body(t *testing.T) {
	f := func(rule string, r request.Proxied, want string) {
		t.Helper()
		p := compiled(t, load(t, "model/data.yaml", `routes: [{match: "/", public: true}]`, "extend.rego", "package postern.extend\n"+rule))
		routed, err := p.Route(t.Context(), policy.Input{Now: now}, r)
		if got := code(routed.Decision); got != want || err != nil {
			t.Errorf("%s of %+v: %s, %v; want %s", rule, r.Body, got, err, want)
		}
	}
	const reads, whole, other = `deny contains "admin" if input.request.body.admin`, `deny contains "admin" if { some v in input.request; v.admin }`, `deny contains "admin" if input.request.path == "/admin"`
	bodiless := proxied(t, "GET", "/x")
	partial := posted(t, "application/json", `{"a`)
	partial.Body.Partial = true
	for _, rule := range []string{reads, whole, `deny contains "admin" if { r := input; r.request.body.admin }`, `deny contains "admin" if object.get(input, ["request", "body", "admin"], false)`} {
		f(rule, bodiless, "allow")
		f(rule, posted(t, "application/json", `{"a":1}`), "allow")
		f(rule, posted(t, "application/json", `{"admin":true}`), "policy_denied")
		f(rule, posted(t, "application/json", `{"a":1,"a":2}`), "request_malformed")
		f(rule, posted(t, "application/json", `{"a":`), "request_malformed")
		f(rule, posted(t, "text/plain", `{"admin":true}`), "request_malformed")
		f(rule, partial, "request_malformed")
	}
	f(reads, posted(t, "application/x-www-form-urlencoded", "admin=1"), "policy_denied")
	f(other, posted(t, "application/json", `{"a":`), "allow")
	f(other, partial, "allow")
	// OPA-Envoy's document has its own word for a body that is not whole.
	const document = `deny contains "admin" if input.parsed_body.admin`
	f(document, posted(t, "application/json", `{"admin":true}`), "policy_denied")
	f(document, posted(t, "application/json", `{"a":`), "request_malformed")
	f(document, posted(t, "text/plain", `{"admin":true}`), "allow")
	f(document, partial, "allow")
	f(`deny contains "cut" if input.truncated_body`, partial, "policy_denied")
	f(`deny contains "cut" if input.truncated_body`, bodiless, "allow")
}

// TestRoute_envoyQuery: the query of OPA-Envoy's document denies like the request's own.
func TestRoute_envoyQuery(t *testing.T) {
	f := func(rule, want string) {
		t.Helper()
		p := deciding(t, "default allow := true\nallow := false if "+rule)
		routed, err := p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", "/?admin=1&x=%zz"))
		if got := code(routed.Decision); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", rule, got, err, want)
		}
	}
	f(`input.parsed_query.admin`, "request_malformed")
	f(`{ some name; input[name].admin }`, "request_malformed")
	f(`input.parsed_path == ["admin"]`, "allow")
	f(`input.attributes.request.http.method == "PUT"`, "allow")
}

// TestRoute_envoyDocument: the document is there at every door, beside the request.
func TestRoute_envoyDocument(t *testing.T) {
	p := deciding(t, `allow := {"allowed": false, "body": json.marshal(object.remove(input, ["now", "credential", "session", "request", "route"]))}`)
	routed, err := p.Route(t.Context(), policy.Input{Now: now}, posted(t, "application/json", `{"n":1.50}`))
	want := `{"attributes":{"request":{"http":{"body":"{\"n\":1.50}","headers":{":method":"POST",":path":"/x?a=1","content-type":"application/json"},"method":"POST","path":"/x?a=1","size":10}}},` +
		`"parsed_body":{"n":1.50},"parsed_path":["x"],"parsed_query":{"a":["1"]},"truncated_body":false,"version":{"encoding":"protojson","ext_authz":"v3"}}`
	if err != nil || routed.Edits.Body != want {
		t.Errorf("the document is\n%s, %v; want\n%s", routed.Edits.Body, err, want)
	}
	p = deciding(t, `allow if input.parsed_path == ["x"]`)
	if routed, err := p.Route(t.Context(), policy.Input{Now: now}, posted(t, "application/json", strings.Repeat("[", 1000))); err != nil || !routed.Allow {
		t.Errorf("a body that nobody reads: %+v, %v", routed, err)
	}
}
