package policy_test

import (
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"postern/sidecar/authzen"
	"postern/sidecar/bundle"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// kept is a case that went through JSON.
func kept(t *testing.T, p *policy.Policy, c policy.Case) *policy.Case {
	t.Helper()
	text, err := p.Keep(&c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), secretToken) {
		t.Fatalf("the token is in the case: %s", text)
	}
	back, err := policy.ReadCase(text)
	if err != nil {
		t.Fatalf("ReadCase(%s) = %v", text, err)
	}
	if lacks := p.Lacks(back, nil); lacks != "" {
		t.Fatalf("Lacks(%s) = %q", text, lacks)
	}
	return back
}

// TestProperty_case: what is decided again from the JSON of a case is what was decided, with
// all reasons, for sessions of both profiles and for none.
func TestProperty_case(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 31, 24, func(w *world) {
		p := w.denying(t)
		for _, in := range w.inputs {
			for range 6 {
				q := w.question(in, 2).parsed(t, w.rng)
				if oneIn(w.rng, 2) {
					q, _ = asked(t, w.rng, pick(w.rng, w.names(in)))
				}
				want, failed := p.Check(t.Context(), in, &q)
				c := kept(t, p, policy.Case{Input: in, Check: &q})
				got, err := p.Check(t.Context(), c.Input, c.Check)
				if (err == nil) != (failed == nil) || !equalDecisions(got.Decision, want.Decision) || !same(got.Enrollment, want.Enrollment) {
					t.Fatalf("Check = %+v, %v, want %+v\nquestion %s\nmodel %s", got.Decision, err, want.Decision, q.Normal(), w.text)
				}
				seen["checks"]++
				seen.add(want.Allow, "allowed checks")
				seen.add(in.Subject != nil && in.Subject.Session.Profile == "plain", "plain")

				_, e := asked(t, w.rng, pick(w.rng, w.names(in)))
				who := in
				if oneIn(w.rng, 4) {
					who = policy.Input{Now: in.Now, Trusted: true}
					e.Subject = authzen.Entity{Type: "user", ID: "user_1", Properties: []byte(`{"a":1}`)}
				}
				want, failed = p.Evaluate(t.Context(), who, e)
				c = kept(t, p, policy.Case{Input: who, Evaluation: e})
				got, err = p.Evaluate(t.Context(), c.Input, c.Evaluation)
				if (err == nil) != (failed == nil) || !equalDecisions(got.Decision, want.Decision) {
					t.Fatalf("Evaluate = %+v, %v, want %+v\nmodel %s", got.Decision, err, want.Decision, w.text)
				}
				seen.add(want.Allow, "allowed evaluations")
			}
		}
	})
	seen.atLeast(t, "checks", 60, "allowed checks", "allowed evaluations", "plain")
}

// compiledFrom is the policy of some files.
func compiledFrom(t *testing.T, files ...string) *policy.Policy {
	t.Helper()
	all := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		all[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	b, err := bundle.FromFS(all)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(t.Context(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 4}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const routesOfCases = `{"routes": [{"match": "GET /invoices/{id}", "require": {"permission": "org:invoices:read"}}, {"match": "/open/", "public": true},
	{"match": "POST /pay", "signed_in": true}, {"match": "/o/{org}/", "organization": "{org}", "require": {"role": "org:member"}}]}`

// readers are rules that read more and more of a request.
var readersOfCases = []string{
	``,
	`deny contains "header" if input.request.headers["x-tier"] == "free"`,
	`deny contains "query" if input.request.query.debug`,
	`deny contains "body" if input.request.body.amount > 10`,
	`deny contains "envoy" if startswith(input.attributes.request.http.path, "/invoices/9")`,
	`deny contains "parsed" if input.parsed_body.amount > 10`,
	`deny contains "parsed query" if input.parsed_query.debug`,
}

// TestProperty_caseOfRoutes: requests of every door, under bundles that read more or less of
// them, are decided again as they were.
func TestProperty_caseOfRoutes(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 32, 12, func(w *world) {
		rules := "package postern.extend\n\n" + pick(w.rng, readersOfCases)
		if rules == "package postern.extend\n\n" {
			rules += `deny contains "never" if input.route.params.never`
		}
		p := compiledFrom(t, "model/data.json", routesOfCases, "extend.rego", rules)
		for _, in := range w.inputs {
			for range 12 {
				r := proxiedCase(t, w)
				want, err := p.Route(t.Context(), in, *r)
				if err != nil {
					t.Fatalf("%s: %v", rules, err)
				}
				c := kept(t, p, policy.Case{Input: in, Request: r})
				got, err := p.Route(t.Context(), c.Input, *c.Request)
				if err != nil || !equalDecisions(got.Decision, want.Decision) || !reflect.DeepEqual(got.Governs.Route, want.Governs.Route) {
					t.Fatalf("Route = %+v, %v, want %+v\n%s", got.Decision, err, want.Decision, rules)
				}
				seen["asked"]++
				seen.add(want.Allow, "allows")
				for _, reason := range want.Reasons {
					seen.add(reason.Code == decision.PolicyDenied, "denied by the bundle")
				}
			}
		}
	})
	seen.atLeast(t, "asked", 50, "allows", "denied by the bundle")
}

// proxiedCase is a request as one of the doors reads it.
func proxiedCase(t *testing.T, w *world) *request.Proxied {
	t.Helper()
	target := pick(w.rng, []string{"/invoices/1", "/invoices/9?debug=1&debug=2", "/open/a%20b", "/pay", "/o/org_a/x", "/nowhere?x=%zz"})
	method := pick(w.rng, []string{"GET", "GET", "POST"})
	headers := []string{"X-Tier", pick(w.rng, []string{"free", "pro", "\xff"}), "Authorization", "Bearer " + secretToken, "Cookie", "__session=" + secretToken}
	body := pick(w.rng, []string{"", `{"amount":5}`, `{"amount":50}`, "no json"})
	if body != "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	return proxiedAt(t, pick(w.rng, []decision.Door{decision.DoorExtAuthzGRPC, decision.DoorExtAuthzHTTP, decision.DoorForwardAuth}), method, target, body, headers...)
}
