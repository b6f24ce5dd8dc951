package requirement

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// world is one assignment of truth to words: a word is true in it or not, by hash.
type world uint64

func (w world) holds(member string, value any) bool {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s %v", w, member, value)
	return h.Sum64()>>7%3 > 0
}

// naive evaluates a requirement as it was written, by the definition alone.
func naive(w world, req map[string]any) bool {
	if list, ok := req["any"].([]any); ok {
		for _, item := range list {
			if naive(w, item.(map[string]any)) {
				return true
			}
		}
		return false
	}
	if list, ok := req["all"].([]any); ok {
		for _, item := range list {
			if !naive(w, item.(map[string]any)) {
				return false
			}
		}
		return len(list) > 0
	}
	for member, value := range req {
		if !w.holds(member, value) {
			return false
		}
	}
	return len(req) > 0
}

// meets evaluates the normal form.
func meets(t testing.TB, w world, r Requirement) bool {
	for i := range r.Any {
		if meetsTerm(t, w, &r.Any[i]) {
			return true
		}
	}
	return false
}

func meetsTerm(t testing.TB, w world, term *Term) bool {
	asked := len(term.All)
	for i := range term.All {
		if len(term.All[i].All) > 0 {
			t.Fatal("a conjunction within a conjunction is not normal")
		}
		if !meetsTerm(t, w, &term.All[i]) {
			return false
		}
	}
	for m, name := range members {
		raw := *term.member(m)
		if raw == nil {
			continue
		}
		asked++
		if len(term.All) > 0 {
			t.Fatalf("a term has members beside all: %s", term.appendJSON(nil))
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatalf("member %s is %s: %v", name, raw, err)
		}
		if !w.holds(name, value) {
			return false
		}
	}
	if asked == 0 {
		t.Fatal("a term asks for nothing")
	}
	return true
}

// random writes a requirement; small alphabets make words meet again.
func random(rng *rand.Rand, depth int) string {
	if depth > 0 && rng.IntN(3) > 0 {
		key := []string{"any", "all"}[rng.IntN(2)]
		items := make([]string, rng.IntN(4))
		for i := range items {
			items[i] = random(rng, depth-1)
		}
		return fmt.Sprintf(`{%q: [%s]}`, key, strings.Join(items, ", "))
	}
	var asked []string
	for _, m := range members {
		if rng.IntN(3) == 0 {
			value := []string{`"a"`, `"\u0061"`, `"b"`, `null`, `{"x":1, "y":"z"}`, `{"y":"z","x":1}`}[rng.IntN(6)]
			asked = append(asked, fmt.Sprintf(`%q:%s`, m, value))
		}
	}
	return "{" + strings.Join(asked, ",") + "}"
}

// TestParse_sameTruth compares the normal form with the text it came from, over
// random requirements and random worlds.
func TestParse_sameTruth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const rounds = 6_000
	parsed, trues := 0, 0
	for range rounds {
		raw := random(rng, 4)
		r, err := Parse(jsontext.Value(raw))
		if err != nil {
			if !strings.Contains(err.Error(), "terms") {
				t.Fatalf("Parse(%s): %v", raw, err)
			}
			continue
		}
		parsed++
		if agree(t, raw, r) {
			trues++
		}
	}
	if parsed < rounds*3/4 || trues < rounds/10 {
		t.Fatalf("of %d requirements %d were parsed and %d were met once: the generator is too weak", rounds, parsed, trues)
	}
}

// agree fails the test where r and raw differ in any of a few worlds, and reports
// whether they were true in one.
func agree(t testing.TB, raw string, r Requirement) bool {
	t.Helper()
	var text map[string]any
	if err := json.Unmarshal([]byte(raw), &text); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	met := false
	for w := range world(20) {
		got, want := meets(t, w, r), naive(w, text)
		if got != want {
			t.Fatalf("Parse(%s) = %s, which is %v in world %d, want %v", raw, r.AppendJSON(nil), got, w, want)
		}
		met = met || got
	}
	return met
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"permission":"org:invoices:create"}`, `{}`, `{"any":[]}`, `{"role":null}`,
		`{"all":[{"any":[{"role":"a"},{"role":"b"}]},{"any":[{"role":"b"},{"plan":"y"}]}]}`,
		`{"all":[{"reverification":{"level":"first_factor","afterMinutes":5}},{"reverification":"strict"}]}`,
		`{"role":"\u0061","all":1}`, `{"any":[{"any":[{"any":[{}]}]}]}`, "{\"role\":\"\xff\"}", `{"role":1e400}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := Parse(jsontext.Value(raw))
		if err != nil {
			if len(err.Error()) > 300 {
				t.Fatalf("Parse(%q): error of %d bytes", raw, len(err.Error()))
			}
			return
		}
		if len(r.Any) > MaxTerms {
			t.Fatalf("Parse(%q) has %d terms", raw, len(r.Any))
		}
		normal := r.AppendJSON(nil)
		again, err := Parse(normal)
		if err != nil {
			t.Fatalf("Parse(%s), the normal form of %q: %v", normal, raw, err)
		}
		if second := again.AppendJSON(nil); string(second) != string(normal) {
			t.Fatalf("the normal form of %s is %s", normal, second)
		}
		var text map[string]any
		if json.Unmarshal([]byte(raw), &text) == nil {
			agree(t, raw, r)
		}
	})
}
