package policy_test

import (
	"testing"

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
