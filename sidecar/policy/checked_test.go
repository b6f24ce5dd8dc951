package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"postern/sidecar/authzen"
	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// ownChecks decides checks by a rule of the bundle, which grants and denies otherwise than
// the library.
const ownChecks = `package acme

default decision := {"allow": false, "reasons": ["no"]}

decision := true if {
	some term in input.check.any
	term.permission in {"org:invoices:own", "org:catalogue:entry", "plain"}
	object.get(input.resource, "owner", "") == object.get(input.session, "user_id", "")
}

decision := true if {
	input.action == "organization.create"
	input.user_id == "user_1"
	input.resource.owned == 3
}

decision := true if {
	some term in input.check.any
	term.permission == "org:public:read"
}
`

// TestEvaluate_ownCheck: where an own rule decides checks, an evaluation of a session says what
// the check would, and not what the library would: the bundle's rule may grant less.
func TestEvaluate_ownCheck(t *testing.T) {
	p := compiled(t, load(t, ".manifest", `{"roots": ["acme", "model", "postern/extend"], "metadata": {"postern": {"entrypoints": {"check": "acme/decision"}}}}`,
		"acme.rego", ownChecks, "model/data.yaml", `permissions: {"org:catalogue:entry": {name: An entry}}`,
		"extend.rego", `package postern.extend

deny contains "large" if input.resource.amount > 100

deny contains "asked" if {
	some term in input.check.any
	term.permission == "org:invoices:own"
	input.context.night
}
`))
	signedIn := policy.Input{Subject: subject(t, admin), Now: now}
	nobody := policy.Input{Credential: "token_expired", Now: now}
	user := signedIn.Subject.Session.UserID
	allowed := 0
	for _, name := range []string{
		"org:invoices:own", "org:catalogue:entry", "plain", "org:reports:read", "reports:read", "org:public:read", "", "\u00e9",
		"organization.create", "organization.delete", "membership.invite", "Organization.create",
	} {
		for _, properties := range []string{"", `{}`, fmt.Sprintf(`{"owner": %q}`, user), fmt.Sprintf(`{"owner": %q, "amount": 100.5}`, user), `{"owned": 3}`, `{"owned": 4}`} {
			for _, context := range []string{"", `{"night": true}`} {
				e := evaluation("session", name, properties)
				body := `"resource": {"type": "report", "id": "r1"` + inner(properties) + `}`
				if context != "" {
					e.Context = []byte(context)
					body += `, "context": ` + context
				}
				asks := "permission"
				if slices.Contains([]string{"organization.create", "organization.delete", "membership.invite"}, name) {
					asks = "action"
				}
				q, err := request.ParseCheck(fmt.Appendf(nil, `{%q: %q, %s}`, asks, name, body))
				if err != nil {
					t.Fatal(err)
				}
				want, wantErr := p.Check(t.Context(), signedIn, &q)
				got, gotErr := p.Evaluate(t.Context(), signedIn, e)
				if code(got.Decision) != code(want.Decision) || (gotErr == nil) != (wantErr == nil) {
					t.Errorf("%s %s %s: %s, %v; the check says %s, %v", name, properties, context, code(got.Decision), gotErr, code(want.Decision), wantErr)
				}
				if got.Allow {
					allowed++
				}
				// Who is nobody may do nothing, even what the rule grants to all.
				if got, _ := p.Evaluate(t.Context(), nobody, e); got.Allow || code(got.Decision) == "allow" {
					t.Errorf("%s %s: nobody may", name, properties)
				}
			}
		}
	}
	if allowed < 8 {
		t.Errorf("%d evaluations allowed, too few to tell", allowed)
	}
	// Whom the client vouches for is no session, and no question for a check.
	if got, _ := p.Evaluate(t.Context(), policy.Input{Trusted: true, Now: now}, evaluation("user", "org:public:read", "")); got.Allow {
		t.Error("the check decided about somebody else")
	}
}

// inner is what is in an object of JSON, behind a comma, if it is anything.
func inner(object string) string {
	if len(object) <= 2 {
		return ""
	}
	return ", " + object[1:len(object)-1]
}

// TestSearch_ownCheck: a search for actions finds what the own rule allows of what is known,
// also what the library would deny, and nothing that the rule denies.
func TestSearch_ownCheck(t *testing.T) {
	p := compiled(t, load(t, ".manifest", `{"roots": ["acme", "model"], "metadata": {"postern": {"entrypoints": {"check": "acme/decision"}}}}`,
		"acme.rego", ownChecks, "model/data.yaml", `permissions: {"org:catalogue:entry": {name: An entry}}`))
	signedIn := policy.Input{Subject: subject(t, admin), Now: now}
	f := func(in policy.Input, properties string, want ...string) {
		t.Helper()
		found, err := p.Search(t.Context(), in, &authzen.Search{Kind: authzen.Actions, Evaluation: *evaluation("session", "", properties)})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range found {
			names = append(names, r.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("found %q with %s, want %q", names, properties, want)
		}
	}
	f(signedIn, "")
	f(signedIn, fmt.Sprintf(`{"owner": %q}`, signedIn.Subject.Session.UserID), "org:catalogue:entry")
	f(signedIn, `{"owned": 3}`, "organization.create")
	f(policy.Input{Credential: "token_expired", Now: now}, `{"owned": 3}`)
}
