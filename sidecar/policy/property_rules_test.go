package policy_test

import (
	"testing"
)

// TestProperty_rules: with a model nothing is allowed that the token alone does not bring,
// but for what the model's roles add; and exactly that is lost which a section takes.
func TestProperty_rules(t *testing.T) {
	t.Parallel()
	bare := compiled(t, load(t, empty...))
	seen := tally{}
	eachWorld(t, 2, 60, func(w *world) {
		for i, in := range w.inputs {
			for range 10 {
				q := w.question(in, 1)
				judge := &oracle{world: w, in: in, token: remembered(func(q question) bool { return decides(t, bare, in, q).Allow })}
				most, want := q.holds(judge.most), q.holds(judge.grants)
				got := decides(t, w.policy, in, q)
				if got.Allow && !most || got.Allow != want && !judge.unsure {
					t.Fatalf("Check(%s) = %+v, want %v, and at most %v\nclaims %s\nmodel %s",
						written(nil, q.document()), got, want, most, written(nil, w.bearers[i].claims), w.text)
				}
				seen["asked"]++
				seen.add(got.Allow, "allows")
				seen.add(got.Allow && judge.added, "allows by the model")
				seen.add(most && !got.Allow, "narrowed")
				seen.add(!judge.unsure, "sure")
				for _, why := range judge.why {
					seen.add(most && !got.Allow, why)
				}
			}
		}
	})
	seen.atLeast(t, "asked", 2, "sure")
	seen.atLeast(t, "asked", 20, "allows", "narrowed")
	seen.atLeast(t, "asked", 500, "allows by the model", "suspended", "plan", "source", "role set of the plan", "role set of the default", "feature of the catalogue")
}

// remembered answers for an atom, and asks only once for each.
func remembered(allows func(question) bool) func(atom) bool {
	answers := map[string]bool{}
	return func(a atom) bool {
		q := a.question()
		text := written(nil, q.document())
		if _, known := answers[text]; !known {
			answers[text] = allows(q)
		}
		return answers[text]
	}
}

// TestProperty_monotone: what adds to a section that is there, or takes one that narrows
// away, turns no allow into a denial; taken the other way round, to remove lets nothing
// more through.
func TestProperty_monotone(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 3, 48, func(w *world) {
		wider := modelOf(w.seed)
		edit := ""
		for try := 0; edit == "" && try < 20; try++ {
			edit = widen(w.rng, wider)
		}
		if edit == "" {
			return
		}
		after := reloaded(t, wider.text(nil))
		seen["edits"]++
		flips := 0
		for i, in := range w.inputs {
			for range 10 {
				q := w.question(in, 1)
				was, is := decides(t, w.policy, in, q), decides(t, after, in, q)
				if was.Allow && !is.Allow {
					t.Fatalf("%s: Check(%s) = %+v, and was allowed\nclaims %s\nmodel %s",
						edit, written(nil, q.document()), is, written(nil, w.bearers[i].claims), w.text)
				}
				seen.add(was.Allow, "allows")
				flips += btoi(!was.Allow && is.Allow)
			}
		}
		seen.add(flips > 0, "edits that let more through")
	})
	seen.atLeast(t, "edits", 12, "edits that let more through", "allows")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestProperty_order: neither the order of members, nor that of lists in the model, in the
// token's permissions and features, and in any and all, has a say. The order of a token's
// plans has: the first may name the role set.
func TestProperty_order(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 4, 24, func(w *world) {
		other := reloaded(t, w.model.text(w.rng))
		for i, in := range w.inputs {
			if in.Subject != nil {
				in = w.bearers[i].input(t, w.rng)
			}
			for range 10 {
				q := w.question(in, 2)
				want := decides(t, w.policy, w.inputs[i], q)
				got, err := decide(t, other, in, q.parsed(t, w.rng))
				if err != nil || !equalDecisions(got, want) {
					t.Fatalf("Check(%s) = %+v, %v, want %+v as before\nclaims %s\nmodel %s",
						written(nil, q.document()), got, err, want, written(nil, w.bearers[i].claims), w.text)
				}
				seen["asked"]++
				seen.add(want.Allow, "allows")
				seen.add(len(want.Reasons) > 1, "denials for several reasons")
			}
		}
	})
	seen.atLeast(t, "asked", 10, "allows", "denials for several reasons")
}

// TestProperty_anyAll: any is or, and all is and.
func TestProperty_anyAll(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 5, 18, func(w *world) {
		for i, in := range w.inputs {
			for range 10 {
				a, b := w.question(in, 1), w.question(in, 1) // small enough to be put into one
				left, right := decides(t, w.policy, in, a), decides(t, w.policy, in, b)
				or := decides(t, w.policy, in, question{join: "any", parts: []question{a, b}})
				and := decides(t, w.policy, in, question{join: "all", parts: []question{a, b}})
				if or.Allow != (left.Allow || right.Allow) || and.Allow != (left.Allow && right.Allow) {
					t.Fatalf("a: %v, b: %v, any of them: %v, all of them: %v\na %s\nb %s\nclaims %s\nmodel %s", left.Allow, right.Allow, or.Allow, and.Allow,
						written(nil, a.document()), written(nil, b.document()), written(nil, w.bearers[i].claims), w.text)
				}
				seen["asked"]++
				seen.add(and.Allow, "both")
				seen.add(left.Allow != right.Allow, "one")
			}
		}
	})
	seen.atLeast(t, "asked", 40, "both", "one")
}
