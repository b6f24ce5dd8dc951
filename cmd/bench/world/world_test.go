package world_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"postern/cmd/bench/world"
	"postern/sidecar/bundle"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

// compiled is Postern's policy with the world's model.
func compiled(t *testing.T, marked bool) *policy.Policy {
	t.Helper()
	files := fstest.MapFS{}
	for name, v := range map[string]any{".manifest": world.Manifest("1"), "model/data.json": world.Model(world.Organizations, marked)} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: text}
	}
	b, err := bundle.FromFS(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Warnings) > 0 {
		t.Errorf("the model is doubtful: %q", b.Warnings)
	}
	p, err := policy.New(t.Context(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 1}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// subject is a session of the class, as the server makes it.
func subject(t *testing.T, c world.Class, now time.Time) *policy.Subject {
	t.Helper()
	payload, err := json.Marshal(c.Claims(1, now))
	if err != nil {
		t.Fatal(err)
	}
	s, err := session.FromClaims(&token.Claims{Subject: "user_1", Issuer: world.Issuer, IssuedAt: now.Unix(), Payload: payload}, session.Clerk())
	if err != nil {
		t.Fatal(err)
	}
	sub, err := policy.NewSubject(s)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

// TestOracle: Postern's policy and the oracle, which share no code, agree on every question
// of every class. The age of factors matters only where it is asked for.
func TestOracle(t *testing.T) {
	now := time.Now()
	revisions := map[bool]*policy.Policy{false: compiled(t, false), true: compiled(t, true)}
	asked, allowed, different := 0, 0, 0
	seen := map[string]bool{}
	for _, c := range world.Classes() {
		for _, minutes := range []int{0, 7} {
			c := c.Older(minutes)
			sub := subject(t, c, now)
			group := strings.Join([]string{sub.Session.Org.ID, sub.Session.Org.Role}, " ")
			for _, q := range world.Questions() {
				if seen[group] && !strings.Contains(q, "reverification") {
					continue
				}
				question, err := request.ParseCheck([]byte(q))
				if err != nil {
					t.Fatal(err)
				}
				answers := map[bool]bool{}
				for marked, p := range revisions {
					if marked && !strings.Contains(q, world.Marked) {
						continue
					}
					want, err := c.Allows(q, marked)
					if err != nil {
						t.Fatal(err)
					}
					d, err := p.Check(t.Context(), policy.Input{Subject: sub, Now: now}, &question)
					if err != nil || d.Allow != want {
						t.Errorf("%s, marked %t: %s: %+v, %v, the oracle says %t", group, marked, q, d, err, want)
					}
					asked++
					answers[marked] = want
				}
				if answers[false] {
					allowed++
				}
				if strings.Contains(q, world.Marked) && answers[false] != answers[true] {
					different++
				}
			}
			seen[group] = true
		}
	}
	if asked < 5000 || allowed < 500 || different == 0 {
		t.Errorf("%d questions, %d allowed, %d that tell the revisions apart", asked, allowed, different)
	}
}

// TestQuestions: there are fifty, no two alike, and every one is allowed to somebody and
// denied to somebody.
func TestQuestions(t *testing.T) {
	seen := map[string]bool{}
	for _, q := range world.Questions() {
		seen[q] = true
		both := map[bool]bool{}
		for _, c := range world.Classes() {
			allow, err := c.Allows(q, true)
			if err != nil {
				t.Fatal(err)
			}
			both[allow] = true
		}
		if len(both) != 2 {
			t.Errorf("%s is answered alike for everybody", q)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d questions, want 50", len(seen))
	}
}

// TestClaims: sessions of one class differ, and nothing that an answer depends on does.
func TestClaims(t *testing.T) {
	now := time.Now()
	one, other := world.Warm().Claims(1, now), world.Warm().Claims(2, now)
	for _, name := range []string{"sub", "sid"} {
		if one[name] == other[name] {
			t.Errorf("two sessions have one %s", name)
		}
	}
	if got := world.Warm().Older(3).Claims(1, now)["fva"]; got != [2]int{4, -1} {
		t.Errorf("three minutes later fva is %v, want [4 -1]", got)
	}
}
