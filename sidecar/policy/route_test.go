package policy_test

import (
	"strings"
	"testing"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/session"
)

// proxied is a request as a proxy describes it.
func proxied(t testing.TB, method, target string) request.Proxied {
	t.Helper()
	parsed, err := request.ParseTarget(target)
	if err != nil {
		t.Fatal(err)
	}
	return request.Proxied{Door: "forward_auth", Method: method, Host: "app.example", Target: parsed}
}

const routes = `
roles: {"org:admin": {}, "org:member": {}}
organizations: {org_gone: {suspended: true}}
revoked: {sessions: {sess_revoked: {}}}
routes:
  - {match: "/health", public: true}
  - {match: "/me", signed_in: true}
  - {match: "GET /invoices/{id}", require: {permission: "org:invoices:read"}}
  - {match: "DELETE /invoices/{id}", require: {role: "org:admin", reverification: strict}}
  - {match: "/o/{org}/", organization: "{org}", require: {role: "org:member"}, deny: {status: 404}}
  - {match: "/s/{slug}/", organization_slug: "{slug}"}
  - {match: "/acme/", organization: org_acme}
  - {match: "/either", require: {any: [{role: "org:admin"}, {permission: "org:invoices:read"}]}}
`

func TestRoute(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", routes))
	member := `{"sub":"u","sid":"s","v":2,"o":{"id":"org_acme","slg":"acme","rol":"member","per":"read","fpm":"1"},"fea":"o:invoices","fva":[1,1]}`
	admin := strings.Replace(member, `"member"`, `"admin"`, 1)
	gone := strings.Replace(member, `org_acme`, `org_gone`, 1)
	personal := `{"sub":"u","sid":"s","v":2}`
	f := func(claims, method, target, want, pattern string) {
		t.Helper()
		in := policy.Input{Now: now, Credential: decision.TokenExpired}
		if claims != "" {
			in = policy.Input{Now: now, Subject: subject(t, claims)}
		}
		routed, err := p.Route(t.Context(), in, proxied(t, method, target))
		if err != nil {
			t.Fatalf("%s %s: %v", method, target, err)
		}
		got, by := "allow", ""
		if !routed.Allow {
			got = string(routed.Reasons[0].Code)
		}
		if routed.Governs.Route != nil {
			by = routed.Governs.Route.Match
		}
		if got != want || by != pattern {
			t.Errorf("%s %s as %s: %s by %q, want %s by %q; %+v", method, target, claims, got, by, want, pattern, routed.Reasons)
		}
	}
	f("", "GET", "/health", "allow", "/health")
	f(member, "GET", "/health?x", "allow", "/health")
	f(`{"sub":"u","sid":"sess_revoked","v":2}`, "GET", "/health", "allow", "/health")
	f("", "GET", "/me", "token_expired", "/me")
	f(personal, "GET", "/me", "allow", "/me")
	f(`{"sub":"u","sid":"sess_revoked","v":2}`, "GET", "/me", "session_revoked", "/me")
	f(member, "GET", "/elsewhere", "route_unlisted", "")
	f("", "GET", "/elsewhere", "route_unlisted", "")
	f(member, "GET", "/invoices/7", "allow", "GET /invoices/{id}")
	f(member, "HEAD", "/invoices/7", "allow", "GET /invoices/{id}")
	f(member, "PUT", "/invoices/7", "route_unlisted", "")
	f(personal, "GET", "/invoices/7", "organization_required", "GET /invoices/{id}")
	f("", "GET", "/invoices/7", "token_expired", "GET /invoices/{id}")
	f(admin, "DELETE", "/invoices/7", "allow", "DELETE /invoices/{id}")
	f(strings.Replace(admin, "[1,1]", "[1,10]", 1), "DELETE", "/invoices/7", "reverification_required", "DELETE /invoices/{id}")
	f(member, "DELETE", "/invoices/7", "role_required", "DELETE /invoices/{id}")
	f(member, "GET", "/o/org_acme/x", "allow", "/o/{org}/")
	f(member, "GET", "/o/org_globex/x", "organization_required", "/o/{org}/")
	f(member, "GET", "/o/org_acme", "route_unlisted", "")
	f(admin, "GET", "/o/org_acme/x", "role_required", "/o/{org}/")
	f(gone, "GET", "/o/org_gone/", "organization_suspended", "/o/{org}/")
	f(member, "GET", "/s/acme/", "allow", "/s/{slug}/")
	f(member, "GET", "/s/org_acme/", "organization_required", "/s/{slug}/")
	f(personal, "GET", "/s/acme/", "organization_required", "/s/{slug}/")
	f(gone, "GET", "/s/acme/", "organization_suspended", "/s/{slug}/")
	f(member, "GET", "/acme/x", "allow", "/acme/")
	f(gone, "GET", "/acme/x", "organization_required", "/acme/")
	f(member, "GET", "/either", "allow", "/either")
	f(personal, "GET", "/either", "organization_required", "/either")
}

// TestRoute_input gives a bundle's own entrypoint the whole request.
func TestRoute_input(t *testing.T) {
	p := compiled(t, load(t,
		".manifest", `{"metadata": {"postern": {"entrypoints": {"route": "acme/allow"}}}}`,
		"model/data.yaml", `routes: [{match: "GET /o/{org}/{rest...}", organization: "{org}"}]`,
		"acme.rego", `package acme
allow := {"allow": false, "reasons": [json.marshal(object.filter(input, ["route", "request"]))]}`))
	r := proxied(t, "GET", "/o/org_1/a/b%20c?q=1&q=2")
	r = r.WithField("X-A", "1")
	r.Scheme = "https"
	d, err := p.Route(t.Context(), policy.Input{Now: now}, r)
	if err != nil || len(d.Reasons) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	want := `{"request":{"door":"forward_auth","headers":{"x-a":"1"},"host":"app.example","method":"GET","path":"/o/org_1/a/b c",` +
		`"query":{"q":["1","2"]},"scheme":"https","segments":["o","org_1","a","b c"]},` +
		`"route":{"organization":"org_1","params":{"org":"org_1","rest":"a/b c"},"pattern":"GET /o/{org}/{rest...}","public":false,"signed_in":false}}`
	if d.Reasons[0].Message != want {
		t.Errorf("input:\n%s\nwant\n%s", d.Reasons[0].Message, want)
	}
	r = proxied(t, "GET", "/elsewhere")
	d, err = p.Route(t.Context(), policy.Input{Now: now}, r)
	if want := `"path":"/elsewhere","query":{},"scheme":null,"segments":["elsewhere"]},"route":null}`; err != nil || !strings.Contains(d.Reasons[0].Message, want) {
		t.Errorf("input: %s, %v; want %s", d.Reasons[0].Message, err, want)
	}
}

// TestRoute_extension: a bundle's denials narrow routes as well, public ones and those that
// its own entrypoint allows.
func TestRoute_extension(t *testing.T) {
	files := []string{
		"model/data.yaml", `routes: [{match: "/", public: true}]`,
		"extend.rego", `package postern.extend
deny contains "closed" if startswith(input.request.path, "/closed")`,
	}
	own := append([]string{
		".manifest", `{"metadata": {"postern": {"entrypoints": {"route": "acme/allow"}}}}`,
		"acme.rego", "package acme\nallow := true",
	}, files...)
	for _, files := range [][]string{files, own} {
		p := compiled(t, load(t, files...))
		for target, want := range map[string]bool{"/open": true, "/closed/a": false} {
			if d, err := p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", target)); err != nil || d.Allow != want {
				t.Errorf("%s: %+v, %v", target, d, err)
			}
		}
	}
}

// TestRoute_noModel: without routes everything is unlisted.
func TestRoute_noModel(t *testing.T) {
	for _, files := range [][]string{empty, {"model/data.yaml", "routes: []"}} {
		p := compiled(t, load(t, files...))
		d, err := p.Route(t.Context(), policy.Input{Now: now, Subject: subject(t, `{"sub":"u"}`)}, proxied(t, "GET", "/"))
		if err != nil || d.Allow || d.Reasons[0].Code != decision.RouteUnlisted {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// TestRoute_host: where routes name hosts, a request that does not say its own is none that
// can be judged.
func TestRoute_host(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", `routes: [{match: "/", public: true}, {match: "admin.example/", require: {role: admin}}]`))
	r := proxied(t, "GET", "/")
	for host, want := range map[string]string{"app.example": "allow", "admin.example": "token_missing", "": "request_malformed"} {
		r.Host = host
		d, err := p.Route(t.Context(), policy.Input{Now: now}, r)
		got := "allow"
		if !d.Allow {
			got = string(d.Reasons[0].Code)
		}
		if err != nil || got != want {
			t.Errorf("host %q: %s, %v; want %s", host, got, err, want)
		}
	}
}

// TestRoute_slugIsNoID: an organization cannot pass for another by a slug that is the
// other's id.
func TestRoute_slugIsNoID(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", `routes: [{match: "/o/{org}/", organization: "{org}"}]`))
	sub, err := policy.NewSubject(&session.Session{
		UserID: "u", Issuer: "i", Profile: session.Profile("plain"),
		Org: &session.Org{ID: "org_evil", Slug: "org_acme", Role: "member"},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.Route(t.Context(), policy.Input{Now: now, Subject: sub}, proxied(t, "GET", "/o/org_acme/"))
	if err != nil || d.Allow {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNew_routes(t *testing.T) {
	b := load(t, "model/data.yaml", "routes:\n  - {match: \"/a/{x}\", public: true}\n  - {match: \"/{y}/b\", public: true}\n")
	_, err := policy.New(t.Context(), b, bound(), policy.Options{})
	if err == nil || !strings.Contains(err.Error(), `model/data.yaml:3:5: match "/{y}/b": it overlaps with "/a/{x}" of model/data.yaml:2:5`) {
		t.Errorf("New = %v", err)
	}
}

// TestRoute_query: a query that cannot be read denies where a rule could read it, since a
// rule that denies by it would find nothing.
func TestRoute_query(t *testing.T) {
	f := func(rule string, refuses bool) {
		t.Helper()
		p := compiled(t, load(t, "model/data.yaml", `routes: [{match: "/", public: true}]`, "extend.rego", "package postern.extend\n"+rule))
		for _, target := range []string{"/?admin=1&x=%zz", "/?admin=1;x=2", "/?x=1;y&admin=1"} {
			d, err := p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", target))
			if err != nil || d.Allow == refuses || refuses && d.Reasons[0].Code != decision.RequestMalformed {
				t.Errorf("%s with %s: %+v, %v", target, rule, d, err)
			}
		}
		if d, err := p.Route(t.Context(), policy.Input{Now: now}, proxied(t, "GET", "/?x=1")); err != nil || !d.Allow {
			t.Errorf("a good query with %s: %+v, %v", rule, d, err)
		}
	}
	f(`deny contains "admin" if input.request.query.admin`, true)
	f(`deny contains "admin" if input.request["query"].admin`, true)
	f(`deny contains "admin" if { some name, value in input.request; name == "query"; value.admin }`, true)
	f(`deny contains "admin" if { r := input.request; r.query.admin }`, true)
	f(`deny contains "admin" if { r := input; r.request.query.admin }`, true)
	f(`deny contains "admin" if object.get(input, ["request", "query", "admin"], false) != false`, true)
	f("p[input.request.query.admin[0]].y := 1\n\n"+`deny contains "admin" if p["1"].y`, true)
	f(`deny contains "admin" if input.request.path == "/admin"`, false)
	f(`deny contains "admin" if input.session.metadata.query`, false)
}
