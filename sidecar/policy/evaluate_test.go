package policy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// evaluation is about a resource that has properties.
func evaluation(subject, action, properties string) *authzen.Evaluation {
	e := &authzen.Evaluation{
		Subject:  authzen.Entity{Type: subject, ID: "alice"},
		Action:   authzen.Action{Name: action},
		Resource: authzen.Entity{Type: "report", ID: "r1"},
	}
	if properties != "" {
		e.Resource.Properties = []byte(properties)
	}
	return e
}

// codeOf is the one code of an answer, or allow.
func codeOf(t testing.TB, answer *decision.Answer, err error) string {
	t.Helper()
	if err != nil && !policy.IsUndefined(err) {
		t.Log(err)
	}
	return code(answer.Decision)
}

func TestEvaluate(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", "revoked: {users: {user_2: {}}}", "extend.rego", `package postern.extend

deny contains "large" if input.resource.amount > 100

deny contains "kind" if input.resource.type == "secret"
`))
	signedIn := policy.Input{Subject: subject(t, admin), Now: now}
	f := func(in policy.Input, e *authzen.Evaluation, want string) {
		t.Helper()
		answer, err := p.Evaluate(t.Context(), in, e)
		if got := codeOf(t, answer, err); got != want {
			t.Errorf("Evaluate(%+v) = %s, %v; want %s", e, got, err, want)
		}
	}
	f(signedIn, evaluation("session", "org:reports:read", ""), "allow")
	f(signedIn, evaluation("session", "reports:read", `{"amount": 100}`), "allow")
	f(signedIn, evaluation("session", "org:reports:read", `{"amount": 101}`), "policy_denied")
	f(signedIn, evaluation("session", "org:reports:fly", ""), "permission_not_granted")
	f(signedIn, evaluation("session", "organization.create", `{"owned": 0}`), "allow")
	f(signedIn, evaluation("session", "organization.create", ""), "action_incomplete")
	f(signedIn, evaluation("session", "organization.create", `{"owned": 1e999999}`), "request_malformed")
	f(policy.Input{Now: now}, evaluation("session", "org:reports:read", ""), "token_missing")
	f(policy.Input{Now: now, Credential: "token_expired"}, evaluation("session", "org:reports:read", ""), "token_expired")
	revoked := policy.Input{Subject: subject(t, `{"sub":"user_2","v":2}`), Now: now}
	f(revoked, evaluation("session", "org:reports:read", ""), "session_revoked")

	// Whom somebody vouches for, the library does not know. A session is never vouched for.
	trusted := policy.Input{Trusted: true, Now: now}
	f(trusted, evaluation("user", "org:reports:read", ""), "policy_denied")
	f(trusted, evaluation("session", "org:reports:read", ""), "token_missing")
	signedIn.Trusted = true
	f(signedIn, evaluation("user", "org:reports:read", ""), "policy_denied")
}

// TestEvaluate_own: another entrypoint sees AuthZEN's document, and decides about anybody.
func TestEvaluate_own(t *testing.T) {
	const manifest = `{"metadata":{"postern":{"entrypoints":{"evaluate":"acme/answer"}}}}`
	signedIn := policy.Input{Subject: subject(t, admin), Now: now}
	trusted := policy.Input{Trusted: true, Now: now}
	asked := evaluation("user", "read", `{"owner": "alice", "type": "t", "id": "i", "properties": 1}`)
	asked.Subject.Properties, asked.Action.Properties, asked.Context = []byte(`{"a": 1}`), []byte(`{"soft": true}`), []byte(`{"ip": "::1"}`)
	f := func(in policy.Input, e *authzen.Evaluation, rego, want string) {
		t.Helper()
		p := compiled(t, load(t, ".manifest", manifest, "a.rego", "package acme\n"+rego))
		for range 2 { // made, and remembered
			answer, err := p.Evaluate(t.Context(), in, e)
			if got := codeOf(t, answer, err); got != want {
				t.Errorf("%s of %+v: %s, %v; want %s", rego, e, got, err, want)
			}
		}
	}
	f(trusted, asked, `answer := input.subject == {"type": "user", "id": "alice", "properties": {"a": 1}}`, "allow")
	f(trusted, asked, `answer := input.action == {"name": "read", "properties": {"soft": true}}`, "allow")
	f(trusted, asked, `answer := input.resource == {"type": "report", "id": "r1", "properties": {"owner": "alice", "type": "t", "id": "i", "properties": 1}}`, "allow")
	f(trusted, asked, `answer := input.context == {"ip": "::1"}`, "allow")
	f(trusted, asked, `answer := [input.session, input.credential] == [null, null]`, "allow")
	f(trusted, asked, `answer if { not input.user_id; not input.check; not input.factor_age; not input.request; not input.route }`, "allow")
	f(trusted, asked, `answer if input.session.issuer`, "policy_undefined")
	f(trusted, evaluation("user", "read", ""), `answer := object.keys(input) == {"subject", "action", "resource", "session", "credential", "now"}`, "allow")

	// A session stands in input.session. Of what the evaluation calls its id, nothing does.
	asked = evaluation("session", "read", `{"owner": "alice", "type": "t", "id": "i", "properties": 1}`)
	f(signedIn, asked, `answer := input.subject == {"type": "session"}`, "allow")
	f(signedIn, asked, `answer := [input.session.user_id, input.user_id, input.credential] == ["user_1", "user_1", null]`, "allow")
	f(signedIn, asked, `answer := input.resource == {"type": "report", "id": "r1", "owner": "alice", "properties": {"owner": "alice", "type": "t", "id": "i", "properties": 1}}`, "allow")
	f(signedIn, evaluation("session", "org:reports:read", ""), `answer if not input.user_id`, "allow")
	f(policy.Input{Now: now, Credential: "token_expired"}, asked, `answer := {"allow": false, "reasons": ["seen"]} if { input.session == null; input.credential == {"code": "token_expired"}; not input.user_id }`, "policy_denied")
	f(signedIn, asked, `answer := data.postern.evaluate.decision`, "permission_not_granted")

	f(trusted, asked, `answer := {"allow": false, "reasons": ["no"]}`, "policy_denied")
	f(trusted, asked, `answer := "yes"`, "policy_error")
	f(trusted, asked, `answer := {"allow": true}`, "policy_error")
	f(trusted, asked, `answer := {"allow": true, "reasons": [], "more": 1}`, "policy_error")
	f(trusted, asked, `answer if to_number(input.resource.id) == 1`, "policy_error")
	f(trusted, asked, `answer := {"allow": true, "reasons": [], "context": [1]}`, "policy_error")
	f(trusted, asked, `answer := {"allow": true, "reasons": [], "context": null}`, "policy_error")
	f(trusted, asked, `answer := {"allow": true, "reasons": ["no"], "context": {}}`, "policy_error")
	f(trusted, asked, `answer := {"allow": true, "reasons": [], "context": {"a": [base64.decode("/w==")]}}`, "policy_error")
	f(trusted, asked, `answer := {"allow": true, "reasons": [], "context": {base64.decode("/w=="): 1}}`, "policy_error")
	f(trusted, asked, `answer := {"context": {}}`, "policy_error")
}

// TestEvaluate_noSession: an entrypoint that does not look at who asks allows a session that is
// none nothing, also where it has answered the same about another; and it finds it nothing.
func TestEvaluate_noSession(t *testing.T) {
	p := compiled(t, load(t, ".manifest", `{"metadata":{"postern":{"entrypoints":{"evaluate":"acme/answer","search":{"resource":"acme/all","action":"acme/names","subject":"acme/all"}}}}}`,
		"model/data.yaml", "revoked: {users: {user_2: {}}}",
		"a.rego", `package acme

answer := {"allow": true, "reasons": [], "context": {"a": 1}} if input.action.name == "read"

all := [{"type": "report", "id": "r1"}]

names := [{"name": "read"}]
`))
	for range 2 {
		for want, in := range map[string]policy.Input{
			"allow":           {Subject: subject(t, admin), Now: now},
			"session_revoked": {Subject: subject(t, `{"sub":"user_2","v":2}`), Now: now},
			"token_expired":   {Credential: "token_expired", Now: now},
			"not_ready":       {Credential: "not_ready", Now: now},
			"token_missing":   {Trusted: true, Now: now},
		} {
			answer, err := p.Evaluate(t.Context(), in, evaluation("session", "read", ""))
			if got := codeOf(t, answer, err); got != want || (answer.Context != nil) != answer.Allow {
				t.Errorf("%s, %v, context %v; want %s", got, err, answer.Context, want)
			}
			for kind, always := range map[authzen.Kind]bool{authzen.Resources: false, authzen.Actions: false, authzen.Subjects: true} {
				s := &authzen.Search{Kind: kind, Evaluation: *evaluation("session", "read", "")}
				if kind == authzen.Subjects {
					s.Subject.Type = "report"
				}
				found, err := p.Search(t.Context(), in, s)
				if err != nil || len(found) > 0 != (always || want == "allow") {
					t.Errorf("%s: a search for %ss finds %v, %v", want, kind, found, err)
				}
			}
		}
	}
}

// TestEvaluate_late: for a caller who waits no longer nothing is read, be it wrong or known.
func TestEvaluate_late(t *testing.T) {
	p := compiled(t, load(t, ".manifest", `{"metadata":{"postern":{"entrypoints":{"evaluate":"acme/answer"}}}}`, "a.rego", "package acme\n\nanswer := input.resource.properties != 1"))
	for properties, want := range map[string]string{"{}": "allow", `{"owned": 1e999999}`: "request_malformed"} {
		in := policy.Input{Trusted: true, Now: now, Until: time.Now().Add(time.Hour)}
		early, err := p.Evaluate(t.Context(), in, evaluation("user", "read", properties))
		in.Until = time.Now()
		late, cause := p.Evaluate(t.Context(), in, evaluation("user", "read", properties))
		if got := codeOf(t, early, err); got != want {
			t.Errorf("%s: %s in time, want %s", properties, got, want)
		}
		if got := codeOf(t, late, cause); got != "policy_timeout" {
			t.Errorf("%s: %s, want policy_timeout", properties, got)
		}
	}
}

// TestEvaluate_context: what a policy tells besides is told with an allow and with a denial,
// and not with one of postern.extend.
func TestEvaluate_context(t *testing.T) {
	files := []string{".manifest", `{"metadata":{"postern":{"entrypoints":{"evaluate":"acme/answer"}}}}`, "a.rego", `package acme

answer := {"allow": allow, "reasons": [], "context": {"obligations": [{"id": input.action.name, "level": 1.50}]}}

default allow := false

allow if input.action.name != "deny"
`, "extend.rego", `package postern.extend

deny contains "extended" if input.action.name == "extend"
`}
	p := compiled(t, load(t, files...))
	f := func(action, want, context string) {
		t.Helper()
		for range 2 {
			answer, err := p.Evaluate(t.Context(), policy.Input{Trusted: true, Now: now}, evaluation("user", action, ""))
			told, _ := json.Marshal(answer.Context)
			if got := codeOf(t, answer, err); got != want || string(told) != context || answer.Allow && len(answer.Reasons) > 0 {
				t.Errorf("%s: %s with %s, %v; want %s with %s", action, got, told, err, want, context)
			}
		}
	}
	f("read", "allow", `{"obligations":[{"id":"read","level":1.50}]}`)
	f("deny", "policy_denied", `{"obligations":[{"id":"deny","level":1.50}]}`)
	f("extend", "policy_denied", "null")
}

// TestNew_evaluate: what cannot be an entrypoint of evaluations and searches is refused at
// load, a rule of the library in the place of another too.
func TestNew_evaluate(t *testing.T) {
	f := func(entrypoints, want string) {
		t.Helper()
		b := load(t, ".manifest", `{"metadata":{"postern":{"entrypoints":`+entrypoints+`}}}`, "a.rego", "package acme\n\nok := true\n\nf(x) := x")
		_, err := policy.New(t.Context(), b, bound(), policy.Options{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("New with %s = %v, want %q", entrypoints, err, want)
		}
	}
	f(`{"evaluate": "acme/ok", "search": {"subject": "acme/ok", "resource": "acme/ok", "action": "acme/ok"}}`, "")
	f(`{"evaluate": "postern/evaluate/decision", "search": {"action": "postern/search/action"}}`, "")
	f(`{"evaluate": "acme/missing"}`, "no rule data.acme.missing")
	f(`{"evaluate": "acme/f"}`, "is a function")
	f(`{"evaluate": "postern/check/decision"}`, "only postern/evaluate/decision decides here")
	f(`{"search": {"action": "acme/missing"}}`, "no rule data.acme.missing")
	f(`{"search": {"subject": "acme/f"}}`, "is a function")
	f(`{"search": {"action": "postern/permission/candidates"}}`, "only postern/search/action decides here")
	f(`{"search": {"subject": "postern/search/action"}}`, "the library has none for this")
	f(`{"search": {"resource": "postern/search/action"}}`, "the library has none for this")
}
