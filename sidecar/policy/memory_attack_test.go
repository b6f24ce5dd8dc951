package policy_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// TestMemory_factNames: what is noted of a read holds on to the name that was looked up, and
// not to the request that the name stood in.
func TestMemory_factNames(t *testing.T) {
	const room = 1 << 20
	r := rememberingOf(t, policy.Options{Memo: memo(t, room)}, "acl/data.json", `{"acl":{"a":true}}`,
		"model/data.yaml", `routes: [{match: "/", public: true}]`,
		"extend.rego", `package postern.extend

deny contains "listed" if data.acl[input.request.headers["x-key"]].on
`)
	padding := strings.Repeat("p", 12<<10)
	ask := func(i int) {
		p := proxied(t, "GET", "/x").WithField("X-Key", fmt.Sprintf("key-%d", i)).WithField("X-Padding", padding+fmt.Sprint(i))
		if routed, err := r.Route(t.Context(), policy.Input{Now: now}, p); err != nil || !routed.Allow {
			t.Fatalf("%+v, %v", routed.Decision, err)
		}
	}
	ask(-1)
	before := live()
	const n = 3000
	for i := range n {
		ask(i)
	}
	grown := live() - before
	t.Logf("%d bytes for each of %d names, %d bytes in the memo", grown/n, n, r.counts.Stats().Bytes)
	if grown > 4<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(r)
}

// TestMemory_answers: an answer that quotes a part of a path does not hold on to all of it.
func TestMemory_answers(t *testing.T) {
	const room = 4 << 20
	r := rememberingOf(t, policy.Options{Memo: memo(t, room)}, "model/data.yaml", "routes: [{match: \"/o/{org}/\", organization: \"{org}\"}]\n")
	in := policy.Input{Now: now, Subject: subject(t, memberClaims())}
	padding := strings.Repeat("p", 7<<10)
	ask := func(i int) {
		routed, err := r.Route(t.Context(), in, proxied(t, "GET", fmt.Sprintf("/o/org_%d/%s", i, padding)))
		if err != nil || code(routed.Decision) != "organization_required" {
			t.Fatalf("%+v, %v", routed.Decision, err)
		}
	}
	ask(-1)
	before := live()
	const n = 3000
	for i := range n {
		ask(i)
	}
	grown := live() - before
	t.Logf("%d bytes for each of %d answers, %d bytes in the memo", grown/n, n, r.counts.Stats().Bytes)
	if grown > 3*room {
		t.Errorf("the heap grew by %d bytes, and the memo says %d", grown, r.counts.Stats().Bytes)
	}
	runtime.KeepAlive(r)
}

// TestCost_manyFacts: what reads much of the data does not make its caller wait long behind
// its evaluation.
func TestCost_manyFacts(t *testing.T) {
	if briefly() {
		t.Skip("it is about time")
	}
	const many = 200_000
	var index strings.Builder
	for i := range many {
		fmt.Fprintf(&index, `%s"id%d": {"on": true}`, map[bool]string{true: ","}[i > 0], i)
	}
	r := rememberingOf(t, policy.Options{Memo: memo(t, 64<<20)}, append(ownCheck(`answer if count([1 | some i in numbers.range(0, `+fmt.Sprint(many-1)+`); data.table[sprintf("id%d", [i])].on]) == `+fmt.Sprint(many)),
		"table/data.json", `{`+index.String()+`}`)...)
	forgetful := r.Forgetful()
	q := request.Question{Context: []byte(`{"a":1}`)}
	took := func(p *policy.Policy) time.Duration {
		began := time.Now()
		answer, err := p.Check(t.Context(), policy.Input{Now: now}, &q)
		if err != nil || !answer.Allow {
			t.Fatalf("%+v, %v", answer.Decision, err)
		}
		return time.Since(began)
	}
	alone := took(forgetful)
	noted := took(r.Policy)
	t.Logf("evaluated in %v, and with what it read kept in %v; again %v; memo %d", alone, noted, took(r.Policy), r.counts.Stats().Bytes)
	if noted > 4*alone+time.Second {
		t.Errorf("evaluated in %v, and with what it read in %v", alone, noted)
	}
}
