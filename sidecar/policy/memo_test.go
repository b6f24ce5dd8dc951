package policy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// A remembering is a policy, and what its memo did.
type remembering struct {
	*policy.Policy
	t      testing.TB
	counts *policy.Memo
}

func rememberingOf(t testing.TB, o policy.Options, files ...string) *remembering {
	t.Helper()
	if o.Memo == nil {
		o.Memo = memo(t, 16<<20)
	}
	p, err := policy.New(t.Context(), load(t, files...), &policy.Bound{Deadline: time.Minute, Abandoned: 4}, o)
	if err != nil {
		t.Fatal(err)
	}
	return &remembering{p, t, o.Memo}
}

// hits is how many of the questions that ask asks were answered from the memo.
func (r *remembering) hits(ask func()) int {
	before := r.counts.Stats().Hits
	ask()
	return int(r.counts.Stats().Hits - before)
}

// check asks for claims, or for nobody where there are none, and reports whether the answer
// was remembered.
func (r *remembering) check(claims, question string) (d decision.Decision, hit bool) {
	r.t.Helper()
	in := policy.Input{Now: now, Credential: decision.TokenExpired}
	if claims != "" {
		in = policy.Input{Now: now, Subject: subject(r.t, claims)}
	}
	return r.checkAs(in, question)
}

func (r *remembering) checkAs(in policy.Input, question string) (d decision.Decision, hit bool) {
	r.t.Helper()
	q := ask(r.t, question)
	n := r.hits(func() {
		answer, _ := r.Check(r.t.Context(), in, &q)
		d = answer.Decision
	})
	return d, n == 1
}

// ownCheck is a bundle whose own rule answers checks.
func ownCheck(rules string) []string {
	return []string{"acme.rego", "package acme\n\n" + rules + "\n", ".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/answer"}}}}`}
}

// memberClaims is a session with what is asked about; edit replaces texts in it, in turn.
func memberClaims(edit ...string) string {
	return strings.NewReplacer(edit...).Replace(`{"sub":"user_1","sid":"sess_1","iat":1767225000,"exp":1767226000,"v":2,"fva":[3,-1],"metadata":{"tier":1},` +
		`"o":{"id":"org_acme","slg":"acme","rol":"member","per":"read","fpm":"1"},"fea":"o:reports","pla":"o:pro"}`)
}

// TestMemo_shared: sessions that differ in what no rule of the library reads share an entry,
// and those that differ in what one reads do not.
func TestMemo_shared(t *testing.T) {
	r := rememberingOf(t, policy.Options{}, empty...)
	const question = `{"permission":"org:reports:read"}`
	if d, hit := r.check(memberClaims(), question); !d.Allow || hit {
		t.Fatalf("the first of all: %+v, a hit: %v", d, hit)
	}
	f := func(want bool, edit ...string) {
		t.Helper()
		if _, hit := r.check(memberClaims(edit...), question); hit != want {
			t.Errorf("with %q, a hit: %v, want %v", edit, hit, want)
		}
	}
	f(true)
	f(true, "user_1", "user_2")
	f(true, "sess_1", "sess_2")
	f(true, "1767225000", "1767225500", "1767226000", "1767229999")
	f(true, "[3,-1]", "[4,2]")
	f(true, `{"tier":1}`, `{"tier":2}`)
	f(true, `"acme"`, `"other"`)
	f(false, `"member"`, `"admin"`)
	f(false, `"read"`, `"write"`)
	f(false, `"o:reports"`, `"o:reports,o:more"`)
	f(false, `"o:pro"`, `"o:free"`)
	f(false, "org_acme", "org_other")
	f(true, `"member"`, `"admin"`) // its own entry by now
	f(true)
}

// TestMemo_factorAge: the age of the factors counts where a question asks for it.
func TestMemo_factorAge(t *testing.T) {
	r := rememberingOf(t, policy.Options{}, empty...)
	const strict = `{"reverification":{"level":"first_factor","afterMinutes":5}}`
	f := func(age string, allow, hit bool) {
		t.Helper()
		if d, was := r.check(memberClaims("[3,-1]", age), strict); d.Allow != allow || was != hit {
			t.Errorf("at %s: %+v, a hit: %v; want %v, %v", age, d, was, allow, hit)
		}
	}
	f("[3,-1]", true, false)
	f("[3,-1]", true, true)
	f("[4,-1]", true, false)
	f("[9,-1]", false, false)
	f("[9,-1]", false, true)
	f("null", false, false)
	f("[3,-1]", true, true)
}

// TestMemo_fresh: what reads the clock, or the input as a whole, is decided anew.
func TestMemo_fresh(t *testing.T) {
	late := now.Add(time.Hour)
	for _, rule := range []string{
		fmt.Sprintf("answer if input.now < %d", late.Unix()),
		fmt.Sprintf("answer if time.now_ns() < %d", late.UnixNano()),
		fmt.Sprintf("answer if json.unmarshal(json.marshal(input)).now < %d", late.Unix()),
		fmt.Sprintf("answer if { some name; input[name] < %d; is_number(input[name]) }", late.Unix()),
		fmt.Sprintf("answer if f(\"now\") < %d\n\nf(name) := input[name]", late.Unix()),
		fmt.Sprintf("answer if sub[input.context.name]\n\nsub.early if input.now < %d", late.Unix()),
	} {
		r := rememberingOf(t, policy.Options{Builtins: policy.OnRequest()}, ownCheck("default answer := false\n\n"+rule)...)
		in := policy.Input{Now: now, Subject: subject(t, memberClaims())}
		for range 2 {
			d, hit := r.checkAs(in, `{"role":"a","context":{"name":"early"}}`)
			in.Now = late
			after, hitLater := r.checkAs(in, `{"role":"a","context":{"name":"early"}}`)
			in.Now = now
			if !d.Allow || after.Allow || hit || hitLater {
				t.Errorf("%s: %v, an hour later %v; hits: %v, %v", rule, d.Allow, after.Allow, hit, hitLater)
			}
		}
	}
}

// TestMemo_credential: nobody does not get the answer of a session, nor that of another
// reason for which there is none.
func TestMemo_credential(t *testing.T) {
	r := rememberingOf(t, policy.Options{}, "model/data.yaml", `revoked: {sessions: {sess_revoked: {}}}`)
	const question = `{"role":"org:member"}`
	if d, _ := r.check(memberClaims(), question); !d.Allow {
		t.Fatalf("a member: %+v", d)
	}
	for range 2 {
		d, hit := r.check(memberClaims("sess_1", "sess_revoked"), question)
		if code(d) != "session_revoked" || !hit && r.counts.Stats().Hits > 0 {
			t.Errorf("a revoked session: %+v, a hit: %v", d, hit)
		}
	}
	for _, reason := range decision.Codes() {
		for round := range 2 {
			d, hit := r.checkAs(policy.Input{Now: now, Credential: reason}, question)
			if code(d) != string(reason) || hit != (round > 0 || reason == decision.SessionRevoked) {
				t.Errorf("nobody, by %s: %+v, a hit: %v", reason, d, hit)
			}
		}
	}
}

// TestMemo_reload: nothing of one policy answers for the next, which has other rules, though
// the memo and the sessions outlive it and the input is the same.
func TestMemo_reload(t *testing.T) {
	sub := subject(t, memberClaims())
	in := policy.Input{Now: now, Subject: sub}
	o := policy.Options{Memo: memo(t, 16<<20)}
	var old *remembering
	for i, rule := range []string{
		`answer if input.session.org.role == "org:member"`, `answer if input.session.org.id == "org_other"`,
		`answer if input.session.org.role != "org:member"`, `answer if input.session.user_id`, `answer if input.session.metadata.tier == 2`,
	} {
		r := rememberingOf(t, o, ownCheck("default answer := false\n\n"+rule)...)
		allow := i == 0 || i == 3
		for round := range 2 {
			d, hit := r.checkAs(in, `{"role":"a"}`)
			if d.Allow != allow || hit != (round > 0) {
				t.Errorf("%s: %+v, a hit: %v", rule, d, hit)
			}
			if old != nil { // a request that is under way ends on the policy that it began with
				if d, hit := old.checkAs(in, `{"role":"a"}`); d.Allow != (i-1 == 0 || i-1 == 3) || !hit {
					t.Errorf("the policy before %s: %+v, a hit: %v", rule, d, hit)
				}
			}
		}
		old = r
	}
}

// TestMemo_reloadReads: what one policy has read of a session is no key of the next, which
// reads more: sessions that were alike to the first are told apart.
func TestMemo_reloadReads(t *testing.T) {
	gold, plain := subject(t, memberClaims()), subject(t, memberClaims(`{"tier":1}`, `{"tier":2}`))
	f := func(r *remembering, sub *policy.Subject, allow, hit bool) {
		t.Helper()
		if d, was := r.checkAs(policy.Input{Now: now, Subject: sub}, `{"role":"a"}`); d.Allow != allow || was != hit {
			t.Errorf("%+v, a hit: %v; want %v, %v", d, was, allow, hit)
		}
	}
	o := policy.Options{Memo: memo(t, 16<<20)}
	less := rememberingOf(t, o, ownCheck(`answer := input.session.org.role == "org:member"`)...)
	more := rememberingOf(t, o, ownCheck(`answer := input.session.metadata.tier == 1`)...)
	f(less, gold, true, false)
	f(less, plain, true, true)
	for _, hit := range []bool{false, true} {
		f(more, gold, true, hit)
		f(more, plain, false, hit)
		f(less, plain, true, true)
		f(less, gold, true, true)
	}
}

// TestMemo_policiesAtOnce: a session that two policies are asked about at once gets from
// each what is its own, whatever is remembered with the session.
func TestMemo_policiesAtOnce(t *testing.T) {
	o := policy.Options{Memo: memo(t, 16<<20)}
	a := rememberingOf(t, o, "model/data.yaml", `plans: {pro: {features: [reports]}}`)
	b := rememberingOf(t, o, "model/data.yaml", `plans: {pro: {features: []}}`)
	const question = `{"permission":"org:reports:read"}`
	in := policy.Input{Now: now, Subject: subject(t, memberClaims())}
	q := ask(t, question)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for round := range rounds(600) {
				p, allow := a, true
				if (i+round)%2 == 0 {
					p, allow = b, false
				}
				if answer, err := p.Check(t.Context(), in, &q); answer.Allow != allow || err != nil {
					t.Errorf("Check = %+v, %v, want %v", answer.Decision, err, allow)
					return
				}
				e, _, err := p.Effective(t.Context(), in)
				if got := len(e.Features) == 1; got != allow || err != nil {
					t.Errorf("Effective = %+v, %v, want %v", e, err, allow)
					return
				}
			}
		})
	}
	all.Wait()
	if o.Memo.Stats().Hits == 0 {
		t.Error("no hits")
	}
}

// TestMemo_entrypoints: check and route do not see each other's entries, though one rule is
// both and reads the same; nor does what a session amounts to.
func TestMemo_entrypoints(t *testing.T) {
	r := rememberingOf(t, policy.Options{}, "acme.rego", "package acme\n\nanswer if not input.check",
		".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/answer","route":"acme/answer"}}}}`)
	in := policy.Input{Now: now, Subject: subject(t, memberClaims())}
	routed := func() decision.Decision {
		t.Helper()
		routed, _ := r.Route(t.Context(), in, proxied(t, "GET", "/"))
		return routed.Decision
	}
	if n := r.hits(func() {
		if d := routed(); !d.Allow {
			t.Errorf("route: %+v", d)
		}
		q := ask(t, `{"action":"a"}`)
		if answer, err := r.Check(t.Context(), in, &q); !answer.Allow || err != nil {
			t.Errorf("check: %+v, %v", answer.Decision, err)
		}
		if e, d, err := r.Effective(t.Context(), in); !d.Allow || err != nil || *e.Role != "org:member" {
			t.Errorf("effective: %+v, %+v, %v", e, d, err)
		}
	}); n != 0 {
		t.Errorf("%d hits among different entrypoints", n)
	}
	if n := r.hits(func() { routed() }); n != 1 {
		t.Errorf("%d hits for one route twice", n)
	}
	// Another session of the same standing.
	in.Subject = subject(t, memberClaims("user_1", "user_2"))
	if n := r.hits(func() {
		if e, _, err := r.Effective(t.Context(), in); err != nil || *e.Role != "org:member" {
			t.Errorf("effective: %+v, %v", e, err)
		}
	}); n != 1 {
		t.Errorf("%d hits for what two sessions amount to", n)
	}
}
