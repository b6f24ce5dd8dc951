package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

const goodCase = `{"now":"2026-01-01T00:00:00Z","session":{"user_id":"user_1","issuer":"i","profile":"clerk"},"check":{"any":[{"role":"org:admin"}]}}`

// hostileCases are no cases. None of them may be decided as if what is wrong were not there.
var hostileCases = map[string]string{
	"unknown member":            `{"now":"2026-01-01T00:00:00Z","trusted_":true,"check":{"role":"a"}}`,
	"unknown member of session": `{"now":"2026-01-01T00:00:00Z","session":{"user_id":"u","issuer":"i","profile":"clerk","admin":true},"check":{"role":"a"}}`,
	"member twice":              `{"now":"2026-01-01T00:00:00Z","now":"2026-01-02T00:00:00Z","check":{"role":"a"}}`,
	"no question":               `{"now":"2026-01-01T00:00:00Z"}`,
	"two questions":             `{"now":"2026-01-01T00:00:00Z","check":{"role":"a"},"data":{"path":["a"]}}`,
	"session and code":          `{"now":"2026-01-01T00:00:00Z","credential":"token_expired","session":{"user_id":"u","issuer":"i","profile":"clerk"},"check":{"role":"a"}}`,
	"session and trust":         `{"now":"2026-01-01T00:00:00Z","trusted":true,"session":{"user_id":"u","issuer":"i","profile":"clerk"},"check":{"role":"a"}}`,
	"trust in a check":          `{"now":"2026-01-01T00:00:00Z","trusted":true,"check":{"role":"a"}}`,
	"unknown code":              `{"now":"2026-01-01T00:00:00Z","credential":"fine","check":{"role":"a"}}`,
	"no user":                   `{"now":"2026-01-01T00:00:00Z","session":{"user_id":"","issuer":"i","profile":"clerk"},"check":{"role":"a"}}`,
	"no profile":                `{"now":"2026-01-01T00:00:00Z","session":{"user_id":"u","issuer":"i","profile":"root"},"check":{"role":"a"}}`,
	"no organization":           `{"now":"2026-01-01T00:00:00Z","session":{"user_id":"u","issuer":"i","profile":"clerk","org":{"id":"","role":"org:admin"}},"check":{"role":"a"}}`,
	"long number":               `{"now":"2026-01-01T00:00:00Z","session":{"user_id":"u","issuer":"i","profile":"clerk","claims":{"n":` + strings.Repeat("9", 400) + `}},"check":{"role":"a"}}`,
	"unknown key":               `{"now":"2026-01-01T00:00:00Z","check":{"roles":"a"}}`,
	"dots":                      `{"now":"2026-01-01T00:00:00Z","request":{"door":"forward_auth","method":"GET","path":"/a/../b"}}`,
	"two paths":                 `{"now":"2026-01-01T00:00:00Z","request":{"door":"forward_auth","method":"GET","path":"/a","parts":{"query":true},"target":"/b?x"}}`,
	"no method":                 `{"now":"2026-01-01T00:00:00Z","request":{"door":"forward_auth","method":"get","path":"/a"}}`,
	"host":                      `{"now":"2026-01-01T00:00:00Z","request":{"door":"forward_auth","method":"GET","host":"A.example","path":"/a"}}`,
	"another path for Envoy":    `{"now":"2026-01-01T00:00:00Z","request":{"door":"ext_authz_grpc","method":"GET","path":"/a","envoy":{"request":{"http":{"method":"GET","path":"/b"}}}}}`,
	"deep":                      `{"now":"2026-01-01T00:00:00Z","check":` + strings.Repeat(`{"any":[`, 200) + strings.Repeat(`]}`, 200) + `}`,
	"bad UTF-8":                 "{\"now\":\"2026-01-01T00:00:00Z\",\"check\":{\"role\":\"\xff\"}}",
	"cut":                       goodCase[:len(goodCase)-1],
	"more":                      goodCase + "{}",
	"null":                      `null`,
	"large":                     `{"now":"2026-01-01T00:00:00Z","check":{"role":"` + strings.Repeat("a", policy.MaxCase) + `"}}`,
}

func TestReadCase_hostile(t *testing.T) {
	if _, err := policy.ReadCase(jsontext.Value(goodCase)); err != nil {
		t.Fatal(err)
	}
	for name, text := range hostileCases {
		if c, err := policy.ReadCase(jsontext.Value(text)); err == nil {
			t.Errorf("%s: ReadCase(%.200s) = %+v, want an error", name, text, c)
		}
	}
}

// FuzzReadCase: whatever is read can be decided by every question's door, without a panic, and
// kept again.
func FuzzReadCase(f *testing.F) {
	f.Add([]byte(goodCase))
	for _, text := range hostileCases {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"now":"2026-01-01T00:00:00Z","trusted":true,"evaluation":{"subject":{"type":"user","id":"u"},"action":{"name":"read"},"resource":{"type":"r","id":"1"}}}`))
	f.Add([]byte(`{"now":"2026-01-01T00:00:00Z","data":{"path":["acme"],"input":{"a":[1]},"session":true}}`))
	f.Add([]byte(`{"now":"2026-01-01T00:00:00Z","request":{"door":"ext_authz_grpc","method":"GET","path":"/b","parts":{"envoy":true},"envoy":{"request":{"http":{"method":"GET","path":"/b"}}}}}`))
	b := load(f, "model/data.json", routesOfCases)
	p, err := policy.New(f.Context(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 4}, policy.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := policy.ReadCase(text)
		if err != nil {
			return
		}
		allow := false
		switch {
		case c.Check != nil:
			answer, _ := p.Check(t.Context(), c.Input, c.Check)
			allow = answer.Allow
		case c.Request != nil:
			_, _ = p.Route(t.Context(), c.Input, *c.Request)
		case c.Evaluation != nil:
			answer, _ := p.Evaluate(t.Context(), c.Input, c.Evaluation)
			allow = answer.Allow && !c.Input.Trusted
		case c.Data != nil:
			_, _ = p.Data(t.Context(), c.Input, c.Data)
		}
		if allow && c.Input.Subject == nil {
			t.Errorf("nobody was allowed something: %s", text)
		}
		if _, err := p.Keep(c); err != nil && len(text) < policy.MaxCase/8 {
			t.Errorf("Keep(%s) = %v", text, err)
		}
	})
}

// TestKeep_credentials: clients of OPA send whole requests; what may be a credential is left
// out, and the case then says so.
func TestKeep_credentials(t *testing.T) {
	p := compiledFrom(t, "acme.rego", "package acme\n\nallow if input.a")
	input, err := policy.NewValue(jsontext.Value(`{"a":true,"attributes":{"request":{"http":{"headers":{"authorization":"Bearer abc","x-api-key":"abc","Cookie":"abc"}}}},"list":[{"access_token":"abc"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err := p.Keep(&policy.Case{Input: policy.Input{Now: now, Credential: decision.TokenMissing}, Data: &policy.DataQuestion{Path: []string{"acme", "allow"}, Input: input}})
	if err != nil || strings.Contains(string(text), "abc") {
		t.Fatalf("Keep = %s, %v", text, err)
	}
	c, err := policy.ReadCase(text)
	if err != nil {
		t.Fatal(err)
	}
	if lacks := p.Lacks(c, nil); lacks != "credentials" {
		t.Errorf("Lacks = %q, want that credentials are missing", lacks)
	}
	// The question itself is as it was.
	if found, err := p.Data(t.Context(), policy.Input{Now: now}, &policy.DataQuestion{Path: []string{"acme", "allow"}, Input: input}); err != nil || !found.Allow {
		t.Errorf("Data = %+v, %v", found, err)
	}
}

// TestLacks: a policy that reads what was not kept does not decide.
func TestLacks(t *testing.T) {
	plain := compiledFrom(t, "model/data.json", routesOfCases)
	reading := func(rule string) *policy.Policy {
		return compiledFrom(t, "model/data.json", routesOfCases, "extend.rego", "package postern.extend\n\ndeny contains \"no\" if "+rule)
	}
	headers, bearer, query := reading(`input.request.headers["x-tier"]`), reading(`input.request.headers.authorization`), reading(`input.request.query.a`)
	claims := reading(`input.session.claims.email == "a"`)
	r := proxiedAt(t, decision.DoorForwardAuth, "GET", "/invoices/1?a=1", "", "X-Tier", "free", "Authorization", "Bearer "+secretToken)
	f := func(by, p *policy.Policy, want string, erased ...string) {
		t.Helper()
		text, err := by.Keep(&policy.Case{Input: policy.Input{Now: now, Credential: decision.TokenMissing}, Request: r})
		if err != nil {
			t.Fatal(err)
		}
		c, err := policy.ReadCase(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Lacks(c, erased); got != want {
			t.Errorf("Lacks(%s, %q) = %q, want %q", text, erased, got, want)
		}
	}
	f(plain, plain, "")
	f(plain, headers, "parts of the request")
	f(headers, headers, "")
	f(headers, plain, "")
	f(headers, bearer, "credentials")
	f(bearer, bearer, "credentials")
	f(headers, query, "parts of the request")
	f(query, query, "")
	f(plain, plain, "", "/session/claims/email")
	f(plain, claims, "masked", "/session/claims/email")
	f(plain, claims, "masked", "/session/claims")
	f(plain, claims, "", "/session/claims/name", "/session/metadata")
	f(plain, plain, "", "/session/user_id", "/session/session_id", "/session/actor/sub")
	f(plain, compiledFrom(t, "model/data.json", `{"revoked": {"users": {"user_9": {}}}}`), "masked", "/session/user_id")
	f(plain, compiledFrom(t, "model/data.json", `{"revoked": {"sessions": {"sess_9": {}}}}`), "masked", "/session/actor/sid")
	f(plain, compiledFrom(t, "model/data.json", `{"revoked": {"sessions": {"sess_9": {}}}}`), "", "/session/user_id")
	f(plain, compiledFrom(t, "model/data.json", `{"revoked": {"organizations": {"org_9": {"issued_before": 9}}}}`), "masked", "/session/issued_at")
	f(plain, reading(`input.session.user_id == "a"`), "masked", "/session/user_id")
	replaced := reading(`not input.route with input.session.claims.a as 1`)
	f(plain, replaced, "masked", "/session/claims")
	f(plain, replaced, "", "/session/claims/a")
	f(headers, headers, "masked", "/request/headers/0/1")
	f(headers, reading(`input.request.headers["x-other"]`), "", "/request/headers/0/1")
	f(headers, plain, "", "/request/headers/0/1")
	f(headers, headers, "masked", "/request/headers/0")
	f(headers, headers, "masked", "/request/headers/9/1")
	f(plain, plain, "masked", "/session/profile")
	f(plain, plain, "masked", "/now")
	f(plain, plain, "masked", "x")
	f(plain, plain, "masked", "/session")
	f(plain, plain, "masked", "")
	f(plain, plain, "masked", "/session/org/id")
	f(plain, plain, "masked", "/request/path")
}

// TestLacks_evaluations: a resource's properties are members of the resource to rules that are
// written for checks, and what no rule can be handed is not passed over.
func TestLacks_evaluations(t *testing.T) {
	const properties = `{"now":"2026-01-01T00:00:00Z","session":{"user_id":"u","issuer":"i","profile":"clerk"},"evaluation":{"subject":{"type":"session"},"action":{"name":"a"},"resource":{"type":"r","id":"1","properties":{"amount":1,"note":"x"}}}}`
	f := func(rule, text, want string, masked ...string) {
		t.Helper()
		p := compiledFrom(t, "extend.rego", "package postern.extend\n\ndeny contains \"no\" if "+rule)
		c, err := policy.ReadMasked(jsontext.Value(text), masked)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Lacks(c, masked); got != want {
			t.Errorf("%s: Lacks(%s, %q) = %q, want %q", rule, text, masked, got, want)
		}
	}
	f(`input.resource.amount > 1`, properties, "masked", "/evaluation/resource/properties/amount")
	f(`input.resource.properties.amount > 1`, properties, "masked", "/evaluation/resource/properties/amount")
	f(`input.resource.amount > 1`, properties, "masked", "/evaluation/resource/properties")
	f(`input.resource.amount > 1`, properties, "", "/evaluation/resource/properties/note", "/evaluation/subject/properties", "/evaluation/context")
	f(`input.resource.amount > 1`, properties, "", "/evaluation/resource/id")
	f(`input.resource.amount > 1`, properties, "masked", "/evaluation/resource/type")
	f(`input.resource.amount > 1`, properties, "masked", "/evaluation/action/name")
	f(`input.subject.id == "u"`, properties, "masked", "/evaluation/subject/id")
	f(`input.context.ip`, strings.Replace(properties, `{"amount":1,"note":"x"}`, `"***"`, 1), "masked", "/evaluation/resource/properties")
	f(`input.context.ip`, strings.Replace(properties, `"x"`, `1e99999999`, 1), "masked", "/evaluation/resource/properties/note")
	const check = `{"now":"2026-01-01T00:00:00Z","session":{"issuer":"i","profile":"clerk"},"check":{"any":[{"role":"a"}],"context":{"n":1}}}`
	f(`input.resource.amount`, check, "", "/session/user_id", "/check/context/n")
	if _, err := policy.ReadMasked(jsontext.Value(check), []string{"/session/session_id"}); err == nil {
		t.Error("a session without a user is read, though no mask was there")
	}
}
