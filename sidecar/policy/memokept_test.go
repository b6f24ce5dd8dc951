package policy_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// TestMemo_kept: what an evaluation came to is kept, also where that is nothing, and what
// went wrong is not.
func TestMemo_kept(t *testing.T) {
	f := func(rules, want string, kept bool) {
		t.Helper()
		r := rememberingOf(t, policy.Options{}, ownCheck(rules)...)
		for round := range 3 {
			d, hit := r.check(memberClaims(), `{"role":"a","context":{"a":1}}`)
			if code(d) != want || hit != (kept && round > 0) {
				t.Errorf("%s: %+v, a hit: %v; want %s", rules, d, hit, want)
			}
		}
		if n := r.counts.Stats().Bytes; !kept && n > 0 {
			t.Errorf("%s: %d bytes are remembered", rules, n)
		}
	}
	f("answer := true", "allow", true)
	f("answer := false", "policy_denied", true)
	f("answer if input.context.b", "policy_undefined", true)
	f("answer := 1 / (input.context.a - 1)", "policy_error", false)
	f("answer := true if input.context.a\n\nanswer := false if input.context.a", "policy_error", false)
	f(`answer := "yes"`, "policy_error", false)
	f(`answer := {"allow": false, "reasons": [{"code": "made_up"}]}`, "policy_error", false)
}

// TestMemo_timeout: an evaluation that ran out of time, or was refused for others that run,
// says nothing about the next.
func TestMemo_timeout(t *testing.T) {
	files := ownCheck("default answer := false\n\nanswer if { x := numbers.range(1, 400); count([1 | some a in x; some b in x; some c in x; a + b + c == input.context.a]) > 0 }")
	counts := memo(t, 1<<20)
	limit := &policy.Bound{Deadline: 20 * time.Millisecond, Abandoned: 4}
	p, err := policy.New(t.Context(), load(t, files...), limit, policy.Options{Memo: counts})
	if err != nil {
		t.Fatal(err)
	}
	in := policy.Input{Now: now, Subject: subject(t, memberClaims())}
	q := ask(t, `{"role":"a","context":{"a":-1}}`)
	for range 2 {
		if answer, err := p.Check(t.Context(), in, &q); code(answer.Decision) != "policy_timeout" || err == nil {
			t.Errorf("a rule without end: %+v, %v", answer.Decision, err)
		}
	}
	none, cancel := context.WithCancel(t.Context())
	cancel()
	if answer, err := p.Check(none, in, &q); answer.Allow || err == nil {
		t.Errorf("for a caller that has gone: %+v, %v", answer.Decision, err)
	}
	full, err := policy.New(t.Context(), load(t, ownCheck("answer := true")...), &policy.Bound{Deadline: time.Second}, policy.Options{Memo: counts})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if answer, err := full.Check(t.Context(), in, &q); code(answer.Decision) != "overloaded" || err == nil {
			t.Errorf("where nothing may run: %+v, %v", answer.Decision, err)
		}
	}
	if s := counts.Stats(); s.Hits > 0 || s.Bytes > 0 {
		t.Errorf("%+v, want nothing remembered", s)
	}
}

// TestMemo_oversized: what is not asked twice has no place in the memo.
func TestMemo_oversized(t *testing.T) {
	r := rememberingOf(t, policy.Options{}, ownCheck("answer if input.context.a == input.session.metadata.a")...)
	long := strings.Repeat("a", 20<<10)
	f := func(claims, question string, kept bool) {
		t.Helper()
		for round := range 2 {
			if d, hit := r.check(claims, question); !d.Allow || hit != (kept && round == 1) {
				t.Errorf("%.40s %.40s: %+v, a hit: %v", claims, question, d, hit)
			}
		}
	}
	f(memberClaims(`"tier":1`, `"a":"x"`), `{"role":"a","context":{"a":"x"}}`, true)
	f(memberClaims(`"tier":1`, `"a":"`+long+`"`), `{"role":"a","context":{"a":"`+long+`"}}`, false)
	half := long[:9<<10]
	f(memberClaims(`"tier":1`, `"a":"`+half+`"`), `{"role":"a","context":{"a":"`+half+`"}}`, false)
	f(memberClaims(`"tier":1`, `"a":"y"`), `{"role":"a","context":{"a":"y"}}`, true)
}

// TestMemo_bounded: however many different questions there are, the room is what was given.
func TestMemo_bounded(t *testing.T) {
	t.Parallel()
	const room = 1 << 20
	r := rememberingOf(t, policy.Options{Memo: memo(t, room)}, ownCheck("answer := input.context.a == 1")...)
	in := policy.Input{Now: now}
	n := 100_000
	if briefly() {
		n = 10_000
	}
	most := uint64(0)
	for i := range n {
		q := request.Question{Context: fmt.Appendf(nil, `{"a":%d}`, i)}
		answer, err := r.Check(t.Context(), in, &q)
		if err != nil || answer.Allow != (i == 1) {
			t.Fatalf("%d: %+v, %v", i, answer.Decision, err)
		}
		most = max(most, r.counts.Stats().Bytes)
	}
	if most < room/2 || most > room*11/10 {
		t.Errorf("at most %d bytes were remembered, of %d", most, room)
	}
	if n := r.counts.Stats(); n.Hits > 0 || n.Evictions == 0 {
		t.Errorf("%+v", n)
	}
}
