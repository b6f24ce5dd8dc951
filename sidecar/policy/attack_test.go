package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"postern/sidecar/policy"
)

// TestBuiltins_impure: whatever OPA says is not a function of its operands is refused, or
// is one of those that a configuration must name and that end remembering.
func TestBuiltins_impure(t *testing.T) {
	for _, names := range [][]string{nil, policy.OnRequest()} {
		caps, err := policy.Capabilities(names)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range caps.Builtins {
			if b.Nondeterministic && !slices.Contains(names, b.Name) {
				t.Errorf("%s may be called, and OPA says that its result differs", b.Name)
			}
		}
	}
}

// TestGlob_order: what a pattern matches does not depend on which other patterns were asked
// for before. OPA by itself takes each of a pair for the other.
func TestGlob_order(t *testing.T) {
	const rule = `answer := glob.match(input.context.pattern, input.context.delimiters, input.context.text)`
	p := own(t, rule)
	f := func(pattern, delimiters, text string, want bool) {
		t.Helper()
		q := ask(t, fmt.Sprintf(`{"role":"a","context":{"pattern":%q,"delimiters":%s,"text":%q}}`, pattern, delimiters, text))
		d, err := decide(t, p, policy.Input{Now: now}, q)
		if d.Allow != want || err != nil {
			t.Errorf("glob.match(%q, %s, %q): %+v, %v; want %v", pattern, delimiters, text, d, err, want)
		}
	}
	f("order*-", "null", "order-1", false)
	f("order*", `["-"]`, "order1", true)
	f("order*", `["-"]`, "order-1", false)
	f("other*", `["-"]`, "other1-", false)
	f("other*-", "null", "other1-", true)
	f("third*", `["-","/"]`, "third/1", false)
	f("third*-", `["/"]`, "third1-", true)
}

// TestSubject_unchanged: rules that replace parts of a session, or build on it, leave it as
// it was for all who share it. Run with -race, they do so at once.
func TestSubject_unchanged(t *testing.T) {
	p := compiled(t, load(t, "acme.rego", `package acme

answer := {"allow": false, "reasons": [json.marshal([changed, removed, input.session.metadata])]}

changed := x if {
	x := input.session with input.session.metadata.tier as 7 with input.session.org as {} with input.session.claims.sub as input.context.a
}

removed := json.patch(input.session, [{"op": "replace", "path": "/metadata", "value": {}}, {"op": "remove", "path": "/org"}])

denied contains x if {
	some x in object.union(input.session, {"org": null, "metadata": {"more": {"a": input.context.a}}})
}

deeper := json.remove(object.filter(input.session, ["org", "claims"]), ["claims/sub"])
`, "extend.rego", "package postern.extend\n\nimport data.acme\n\ndeny contains json.marshal([acme.denied, acme.deeper]) if acme.denied",
		".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/answer"}}}}`))
	sub := subject(t, memberClaims())
	before, err := sub.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for round := range 50 {
				q := ask(t, fmt.Sprintf(`{"role":"a","context":{"a":"%d"}}`, i*100+round))
				answer, err := p.Check(t.Context(), policy.Input{Now: now, Subject: sub}, &q)
				if err != nil || !strings.Contains(answer.Reasons[0].Message, fmt.Sprintf(`"sub":"%d"`, i*100+round)) ||
					!strings.HasSuffix(answer.Reasons[0].Message, `{"tier":1}]`) {
					t.Errorf("%d: %+v, %v", round, answer.Decision, err)
				}
			}
		})
	}
	all.Wait()
	after, err := sub.JSON()
	a, _ := json.Marshal(before)
	b, _ := json.Marshal(after)
	if err != nil || string(a) != string(b) {
		t.Errorf("the session was\n%s, and is\n%s, %v", a, b, err)
	}
}

// TestMemo_lookalikes: sessions and questions that are made to look like another's key get
// their own answers.
func TestMemo_lookalikes(t *testing.T) {
	r := rememberingOf(t, policy.Options{}, ownCheck(`answer := {"allow": false, "reasons": [json.marshal(told)]}

told.role := input.session.org.role

told.permissions := input.session.org.permissions

told.metadata := input.session.metadata.a.b

told.claim := input.session.claims["https://acme.example/tier"]

told.context := input.context.a

told.resource := input.resource`)...)
	forgetful := r.Forgetful()
	seen := map[string]string{}
	for _, question := range []string{
		`{"role":"a"}`, `{"action":"a"}`, `{"role":"a","resource":{}}`, `{"role":"a","context":{}}`, `{"role":"a","context":{"a":{}}}`,
		`{"role":"a","context":{"a":{"resource":{}}}}`, `{"role":"a","resource":{"context":{"a":{}}}}`, `{"role":"a","context":{"a":"p"}}`,
		`{"role":"a","context":{"a":"m"},"resource":{}}`, `{"role":"a","context":{"a":"vs\u0001mpo\u0000"}}`, `{"role":"a","context":{"a":"v"},"resource":{"a":"v"}}`,
	} {
		for _, metadata := range []string{`{"tier":1}`, `{"a":{"b":null}}`, `{"a":{"b":"s"}}`, `{"a":{"b":["s"]}}`, `{"a":"b"}`, `{"a.b":1}`, `{"a":{"b":{"b":1}}}`, `{"a":{"b":1}}`, `{"a":{"b":1.0}}`} {
			for _, claim := range []string{"", `"https://acme.example/tier":"gold",`, `"https://acme.example":{"tier":"gold"},`} {
				claims := memberClaims(`{"tier":1}`, metadata, `{"sub"`, "{"+claim+`"sub"`)
				d, _ := r.check(claims, question)
				again, hit := r.check(claims, question)
				if !hit || !equalDecisions(d, again) {
					t.Errorf("%s of %s: %+v, then %+v, a hit: %v", question, claims, d, again, hit)
				}
				q := ask(t, question)
				fresh, err := forgetful.Check(t.Context(), policy.Input{Now: now, Subject: subject(t, claims)}, &q)
				if err != nil || !equalDecisions(d, fresh.Decision) {
					t.Errorf("%s of %s: %+v, and made anew %+v, %v", question, claims, d, fresh.Decision, err)
				}
				seen[d.Reasons[0].Message] = claims
			}
		}
	}
	if len(seen) < 100 {
		t.Errorf("%d different answers: the questions are too much alike", len(seen))
	}
}
