package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// searching is a search about a resource that has properties.
func searching(kind authzen.Kind, subject, action, properties string) *authzen.Search {
	return &authzen.Search{Kind: kind, Evaluation: *evaluation(subject, action, properties)}
}

// found is what a search comes to, with a line for each result, or the code of its denial.
func found(t testing.TB, p *policy.Policy, in policy.Input, s *authzen.Search) string {
	t.Helper()
	results, err := p.Search(t.Context(), in, s)
	if err != nil {
		return code(policy.Refusal(err))
	}
	lines := []string{}
	for _, r := range results {
		lines = append(lines, strings.Trim(fmt.Sprintf("%s %s %s", r.Type, r.ID, r.Name), " "))
	}
	return strings.Join(lines, ", ")
}

// TestSearch_library: the library lists the actions of sessions, and nothing else.
func TestSearch_library(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", `
roles: {"org:admin": {permissions: ["org:sys_memberships:manage", "invoices:read"]}, "org:member": {}}
organizations: {org_acme: {deletion: true}}
revoked: {users: {user_2: {}}}
`, "extend.rego", `package postern.extend

deny contains "large" if {
	input.check.any[_].permission == "org:reports:export"
	input.resource.amount > 100
}

deny contains "not user_1" if input.user_id == "user_2"
`))
	for _, kind := range []authzen.Kind{authzen.Subjects, authzen.Resources, authzen.Actions, "", "subjects"} {
		if got, want := p.Searches(kind), kind == authzen.Actions; got != want {
			t.Errorf("Searches(%q) = %v, want %v", kind, got, want)
		}
	}
	signedIn := policy.Input{Subject: subject(t, admin), Now: now}
	f := func(in policy.Input, s *authzen.Search, want string) {
		t.Helper()
		for range 2 {
			if got := found(t, p, in, s); got != want {
				t.Errorf("Search(%+v) finds %s, want %s", s, got, want)
			}
		}
	}
	f(signedIn, searching(authzen.Actions, "session", "", ""), "org:reports:export, org:reports:read, org:sys_memberships:manage")
	f(signedIn, searching(authzen.Actions, "session", "", `{"owned": 0, "amount": 101}`), "org:reports:read, org:sys_memberships:manage, organization.create")
	f(signedIn, searching(authzen.Actions, "session", "", `{"owned": 1e999999}`), "request_malformed")
	f(policy.Input{Subject: subject(t, strings.Replace(admin, "user_1", "user_2", 1)), Now: now}, searching(authzen.Actions, "session", "", `{"owned": 0}`), "")
	f(policy.Input{Now: now}, searching(authzen.Actions, "session", "", ""), "")
	f(policy.Input{Now: now, Trusted: true}, searching(authzen.Actions, "user", "", `{"owned": 0}`), "")
	f(signedIn, searching(authzen.Subjects, "user", "read", ""), "policy_error")
}

const searches = `{"metadata":{"postern":{"entrypoints":{"search":{"subject":"acme/subjects","resource":"acme/resources","action":"acme/actions"}}}}}`

// TestSearch_own: other entrypoints see AuthZEN's document less what is looked for, and list
// what they like.
func TestSearch_own(t *testing.T) {
	signedIn := policy.Input{Subject: subject(t, admin), Now: now}
	trusted := policy.Input{Trusted: true, Now: now}
	f := func(in policy.Input, s *authzen.Search, rego, want string) {
		t.Helper()
		rules := "subjects := []\n\nresources := []\n\nactions := []\n"
		p := compiled(t, load(t, ".manifest", searches, "a.rego", "package acme\n\n"+strings.Replace(rules, string(s.Kind)+"s := []", rego, 1)))
		if !p.Searches(s.Kind) {
			t.Fatalf("there is no search for %ss", s.Kind)
		}
		for range 2 {
			if got := found(t, p, in, s); got != want {
				t.Errorf("%s finds %s, want %s", rego, got, want)
			}
		}
	}
	users := searching(authzen.Subjects, "user", "read", `{"owner": "alice", "id": "hidden"}`)
	f(trusted, users, `subjects contains {"type": "user", "id": id} if some id in ["b", "a", "b"]`, "user a, user b")
	f(trusted, users, `subjects := [{"type": "user", "id": id} | some id in ["b", "a", "b"]]`, "user b, user a")
	f(trusted, users, `subjects contains {"type": input.subject.type, "id": sprintf("%v", [object.keys(input)])}`,
		`user {"action", "credential", "now", "resource", "session", "subject"}`)
	f(trusted, users, `subjects contains {"type": "user", "id": sprintf("%v", [[input.subject, input.session, input.credential]])}`, `user [{"type": "user"}, null, null]`)
	f(trusted, users, `subjects contains {"type": "user", "id": json.marshal(input.resource)}`, `user {"id":"r1","properties":{"id":"hidden","owner":"alice"},"type":"report"}`)
	// Nobody needs to be vouched for where somebody is looked for, and a session is not told.
	f(signedIn, users, `subjects contains {"type": "user", "id": sprintf("%v", [[input.subject, input.session, input.credential]])}`, `user [{"type": "user"}, null, null]`)
	sessions := searching(authzen.Subjects, "session", "read", "")
	f(trusted, sessions, `subjects contains {"type": "session", "id": sprintf("%v", [[input.subject, input.session, input.credential]])}`, `session [{"type": "session"}, null, null]`)

	reports := searching(authzen.Resources, "user", "read", `{"owner": "alice", "id": "hidden"}`)
	f(trusted, reports, `resources contains {"type": "report", "id": json.marshal([input.subject, input.resource])}`,
		`report [{"id":"alice","type":"user"},{"properties":{"id":"hidden","owner":"alice"},"type":"report"}]`)
	f(signedIn, searching(authzen.Resources, "session", "org:reports:read", `{"owner": "alice", "id": "hidden"}`),
		`resources contains {"type": "report", "id": json.marshal([input.subject, input.resource, input.session.user_id])}`,
		`report [{"type":"session"},{"owner":"alice","properties":{"id":"hidden","owner":"alice"},"type":"report"},"user_1"]`)

	actions := searching(authzen.Actions, "user", "hidden", "")
	f(trusted, actions, `actions contains {"name": json.marshal(object.remove(input, ["now", "session", "credential"]))}`, `{"resource":{"id":"r1","type":"report"},"subject":{"id":"alice","type":"user"}}`)
	f(signedIn, searching(authzen.Actions, "session", "hidden", ""), `actions := [{"name": input.user_id}, {"name": ""}]`, "user_1, ")

	for _, rego := range []string{
		`subjects := "a"`, `subjects := {"results": []}`, `subjects := true`, `subjects := ["a"]`, `subjects := [{"id": "a"}]`, `subjects := [{"type": "user"}]`,
		`subjects := [{"type": "group", "id": "a"}]`, `subjects := [{"type": "user", "id": 1}]`, `subjects := [{"type": "user", "id": "a", "more": 1}]`,
		`subjects := [{"type": "user", "id": "a"}, {"name": "a"}]`, `subjects := [{"type": "user", "id": base64.decode("/w==")}]`, `subjects := [{"type": "user", "id": null}]`,
		`subjects contains {"type": "user", "id": "a"} if to_number(input.resource.id) == 1`,
	} {
		f(trusted, users, rego, "policy_error")
	}
	f(trusted, users, `subjects := [] if input.context.missing`, "policy_undefined")
	f(trusted, searching(authzen.Subjects, "", "read", ""), `subjects := [{"id": "a"}]`, "policy_error")
	f(trusted, searching(authzen.Subjects, "", "read", ""), `subjects := [{"id": "a", "type": ""}]`, "a")
	f(trusted, actions, `actions := [{"name": "a", "type": "b"}]`, "policy_error")
	f(trusted, actions, `actions := [{"type": "user", "id": "a"}]`, "policy_error")
}

// TestSearch_sifted: of what there is to be asked about, a search lists what the bundle's own
// evaluations allow, whatever the library's would say, and nothing that they deny.
func TestSearch_sifted(t *testing.T) {
	p := compiled(t, load(t, ".manifest", `{"metadata":{"postern":{"entrypoints":{"evaluate":"acme/answer"}}}}`, "a.rego", `package acme

answer if {
	not endswith(input.action.name, ":export")
	not startswith(input.action.name, "membership.")
	not input.action.name in {"domain.enroll", "organization.create", "organization.switch"}
}
`))
	s := searching(authzen.Actions, "session", "", `{"owned": 0}`)
	if got, want := found(t, p, policy.Input{Subject: subject(t, admin), Now: now}, s), "org:reports:read, organization.delete, role.assign"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	p = compiled(t, load(t, ".manifest", `{"metadata":{"postern":{"entrypoints":{"evaluate":"acme/answer"}}}}`, "a.rego", "package acme\n\nanswer := 1\n"))
	if got, want := found(t, p, policy.Input{Subject: subject(t, admin), Now: now}, s), "policy_error"; got != want {
		t.Errorf("found %s, want %s", got, want)
	}
}

// TestSearch_bound: a search that takes too long, and one that cannot begin, are told apart
// from what a policy says.
func TestSearch_bound(t *testing.T) {
	b := load(t, ".manifest", searches, "a.rego", `package acme

subjects := [] if {
	some i in numbers.range(1, 30000)
	some j in numbers.range(1, 30000)
	i * j == -input.resource.properties.n
}

resources := []

actions := []
`)
	bound := &policy.Bound{Deadline: 20 * time.Millisecond}
	p, err := policy.New(t.Context(), b, bound, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	slow := searching(authzen.Subjects, "user", "read", `{"n": 1}`)
	if got := found(t, p, policy.Input{Trusted: true, Now: now}, slow); got != string(decision.Overloaded) {
		t.Errorf("with no room for evaluations that are given up: %s", got)
	}
	bound = &policy.Bound{Deadline: 20 * time.Millisecond, Abandoned: 4}
	if p, err = policy.New(t.Context(), b, bound, policy.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := found(t, p, policy.Input{Trusted: true, Now: now}, slow); got != string(decision.PolicyTimeout) {
		t.Errorf("beyond the deadline: %s", got)
	}
}
