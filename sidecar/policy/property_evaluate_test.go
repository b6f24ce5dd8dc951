package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"postern/sidecar/authzen"
	"postern/sidecar/bundle"
	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// organizationActions are those of the table in DESIGN section 4.
var organizationActions = []string{
	"organization.create", "organization.delete", "organization.switch", "membership.invite", "membership.add", "membership.update_role",
	"membership.remove", "membership.leave", "domain.enroll", "role.assign",
}

// denialsOfChecks are rules as bundles have them for POST /v1/check.
var denialsOfChecks = []string{
	`input.resource.owned > 1`,
	`input.resource.amount`,
	`input.resource.role == "org:admin"`,
	`input.resource.properties.amount == 1`,
	`input.resource.type == "b"`,
	`not input.resource.a`,
	`some term in input.check.any; endswith(term.permission, "read")`,
	`input.check.any[0].permission == "org:reports:read"`,
	`not input.check`,
	`not input.action`,
	`input.action == "organization.create"`,
	`input.action in {"membership.leave", "role.assign"}`,
	`not input.action == "membership.leave"`,
	`input.session.org.role == "org:member"`,
	`input.context.a`,
	`not input.session.org`,
	`is_string(input.action)`,
}

// denying is a policy of the world's model and some of the rules above.
func (w *world) denying(t *testing.T) *policy.Policy {
	t.Helper()
	text := "package postern.extend\n\ndeny contains \"never\" if input.context.never\n\n"
	for i := range w.rng.IntN(3) {
		text += fmt.Sprintf("deny contains %q if { %s }\n\n", fmt.Sprint(i), pick(w.rng, denialsOfChecks))
	}
	b, err := bundle.FromFS(fstest.MapFS{"model/data.json": {Data: []byte(w.text)}, "extend.rego": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(t.Context(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 4}, policy.Options{Memo: common()})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	w.text += "\n" + text
	return p
}

// facts are what is said of a resource, such as actions need.
func facts(rng *rand.Rand) map[string]any {
	said := map[string]any{}
	for name, values := range map[string][]string{
		"owned": {"0", "1", "5"}, "member": {"true", "false"}, "organization": {"null", `"org_a"`}, "role": {`"org:admin"`, `"org:member"`}, "members": {"1", "5"},
		"pending": {"0"}, "email": {`"b@a.example"`}, "domain": {`"a.example"`}, "user_id": {`"user_1"`, `"user_2"`}, "from": {`"org:admin"`}, "to": {`"org:member"`},
		"holders": {"1", "2"}, "organizations": {"1", "2"}, "amount": {"1", "true"}, "a": {"1", "{}"},
	} {
		if !oneIn(rng, 4) {
			said[name] = raw(pick(rng, values))
		}
	}
	return said
}

// asked is one question as a check and as an evaluation of the session.
func asked(t *testing.T, rng *rand.Rand, name string) (request.Question, *authzen.Evaluation) {
	t.Helper()
	e := &authzen.Evaluation{
		Subject:  authzen.Entity{Type: authzen.SessionType, ID: secretToken},
		Action:   authzen.Action{Name: name},
		Resource: authzen.Entity{Type: pick(rng, []string{"a", "b"}), ID: "1"},
	}
	said := facts(rng)
	resource := map[string]any{"type": e.Resource.Type, "id": e.Resource.ID, "properties": said}
	for name, value := range said {
		resource[name] = value
	}
	e.Resource.Properties = []byte(written(rng, said))
	document := map[string]any{"resource": resource}
	if oneIn(rng, 2) {
		e.Context = []byte(`{"a":1}`)
		document["context"] = raw(e.Context)
	}
	if slices.Contains(organizationActions, name) {
		document["action"] = name
	} else {
		document["permission"] = name
	}
	return ask(t, written(rng, document)), e
}

// names are those that the session may be asked about: what its token, the model and the
// table know, and others.
func (w *world) names(in policy.Input) []string {
	return universe(holdingsOf(in)["permission"], w.model.grantable(), ownPermissions, systemPermissions, organizationActions,
		[]string{"invoices:read", "reports:read", "read", "org:", "", "organization.fly", "org:org:reports:read", "ORG:reports:read", "organization.create "})
}

// TestProperty_evaluate: an evaluation of a session is a check of it, for a permission or
// for an organization action, with all reasons.
func TestProperty_evaluate(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 21, 18, func(w *world) {
		p := w.denying(t)
		for i, in := range w.inputs {
			for range 12 {
				name := pick(w.rng, w.names(in))
				q, e := asked(t, w.rng, name)
				want, err := p.Check(t.Context(), in, &q)
				if err != nil {
					t.Fatal(err)
				}
				got, err := p.Evaluate(t.Context(), in, e)
				if err != nil || !equalDecisions(got.Decision, want.Decision) || !same(got.Enrollment, want.Enrollment) {
					t.Fatalf("Evaluate(%s) = %+v, %v, want %+v\nresource %s\nclaims %s\nmodel %s",
						name, got.Decision, err, want.Decision, e.Resource.Properties, written(nil, w.bearers[i].claims), w.text)
				}
				seen["asked"]++
				seen.add(want.Allow, "allows")
				seen.add(want.Allow && slices.Contains(organizationActions, name), "allowed actions")
				seen.add(strings.Contains(fmt.Sprint(want.Reasons), "policy_denied"), "denied by the bundle")
			}
		}
	})
	seen.atLeast(t, "asked", 30, "allows", "denied by the bundle")
	seen.atLeast(t, "asked", 200, "allowed actions")
}

// same compares as JSON.
func same(a, b any) bool {
	one, err := json.Marshal(a)
	two, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(one) == string(two)
}

// TestProperty_searchAction: a search lists every action that an evaluation allows, by the
// name that is compared, and no other.
func TestProperty_searchAction(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 22, 12, func(w *world) {
		p := w.denying(t)
		for i, in := range w.inputs {
			for range 2 {
				_, e := asked(t, w.rng, "")
				results, err := p.Search(t.Context(), in, &authzen.Search{Kind: authzen.Actions, Evaluation: *e})
				if err != nil {
					t.Fatal(err)
				}
				listed := []string{}
				for _, r := range results {
					listed = append(listed, r.Name)
				}
				if !slices.IsSorted(listed) || len(slices.Compact(slices.Clone(listed))) != len(listed) {
					t.Fatalf("%q is not sorted, or repeats itself", listed)
				}
				for _, name := range universe(w.names(in), listed) {
					e.Action.Name = name
					answer, err := p.Evaluate(t.Context(), in, e)
					if err != nil {
						t.Fatal(err)
					}
					canonical := slices.Contains(organizationActions, name) || in.Subject == nil || spelling(in.Subject.Session, name) == name
					if answer.Allow && canonical != slices.Contains(listed, name) || !answer.Allow && slices.Contains(listed, name) {
						t.Fatalf("%q is allowed: %v, and %q are listed\nresource %s\nclaims %s\nmodel %s",
							name, answer.Allow, listed, e.Resource.Properties, written(nil, w.bearers[i].claims), w.text)
					}
					seen.add(answer.Allow && !canonical, "other spellings")
				}
				seen["searches"]++
				seen.add(len(listed) > 0, "found")
				seen.add(slices.ContainsFunc(listed, func(name string) bool { return slices.Contains(organizationActions, name) }), "actions")
			}
		}
	})
	seen.atLeast(t, "searches", 30, "found", "actions", "other spellings")
}

// TestEvaluate_tokenNowhere: what an evaluation calls the id of a session is its token. No
// rule, reason, result, cause, key or explanation has it.
func TestEvaluate_tokenNowhere(t *testing.T) {
	for _, rego := range []string{
		`answer := {"allow": false, "reasons": [json.marshal(input)], "context": {"said": input}}`,
		`answer := {"allow": input.subject, "reasons": input}`,
		`answer if to_number(json.marshal(input)) == 1`,
		`answer := input`,
		`answer if input.missing`,
	} {
		p := compiled(t, load(t, ".manifest", `{"metadata":{"postern":{"entrypoints":{"evaluate":"acme/answer","search":{"action":"acme/answer","resource":"acme/answer"}}}}}`,
			"a.rego", "package acme\n"+rego))
		for _, in := range []policy.Input{
			{Subject: subject(t, admin), Now: now},
			{Subject: subject(t, admin), Now: now, Trusted: true},
			{Now: now, Credential: "token_signature"},
			{Now: now, Trusted: true},
		} {
			e := evaluation(authzen.SessionType, "org:reports:read", `{"a": 1}`)
			e.Subject.ID = secretToken
			answer, cause := p.Evaluate(t.Context(), in, e)
			keyed, err := p.KeyEvaluate(in, e)
			if err != nil {
				t.Fatal(err)
			}
			results, searched := p.Search(t.Context(), in, &authzen.Search{Kind: authzen.Resources, Evaluation: *e})
			actions, searchedActions := p.Search(t.Context(), in, &authzen.Search{Kind: authzen.Actions, Evaluation: *e})
			told := fmt.Sprintf("%+v %v %v %q %v %v %v %v %v %+v", answer.Decision, answer.Context, cause, keyed.Key, keyed.Document, results, searched, actions, searchedActions, p.Footprints())
			if strings.Contains(told, "secret") {
				t.Errorf("%s tells the token: %s", rego, told)
			}
			if !strings.Contains(told, "org:reports:read") {
				t.Errorf("%s tells nothing: %s", rego, told)
			}
		}
	}
}
