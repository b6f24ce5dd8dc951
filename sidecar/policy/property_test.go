package policy_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/session"
)

// briefly says that there is little time: a sixth of the rounds, in which what is rare need
// not happen.
func briefly() bool { return raced || testing.Short() }

func rounds(n int) int {
	if briefly() {
		return n / 6
	}
	return n
}

// A tally counts what happened, so that a generator cannot grow weak unseen.
type tally map[string]int

// atLeast fails unless each name happened in one of per cases of the whole, and once.
func (c tally) atLeast(t *testing.T, whole string, per int, names ...string) {
	t.Helper()
	if briefly() && per > 10 {
		return
	}
	for _, name := range names {
		if c[name] == 0 || c[name]*per < c[whole] && !briefly() {
			t.Errorf("%s: %d of %d, want one in %d: the generator is too weak: %v", name, c[name], c[whole], per, c)
		}
	}
}

// A world is a model, compiled, and some sessions in it.
type world struct {
	seed    uint64
	rng     *rand.Rand
	model   *randomModel
	text    string
	policy  *policy.Policy
	bearers []bearer
	inputs  []policy.Input
}

// eachWorld runs f in n worlds of their own seeds. Only what loads is a model.
func eachWorld(t *testing.T, seed uint64, n int, f func(w *world)) {
	t.Helper()
	var refused []string
	for i := range rounds(n) {
		w := &world{seed: seed<<32 + uint64(i)}
		w.rng = rand.New(rand.NewPCG(w.seed, 2))
		w.model = modelOf(w.seed)
		w.text = w.model.text(nil)
		var err error
		if w.policy, err = loaded(t, w.text); err != nil {
			refused = append(refused, w.text+": "+err.Error())
			continue
		}
		for range 6 {
			b := randomBearer(w.rng)
			w.bearers = append(w.bearers, b)
			w.inputs = append(w.inputs, b.input(t, nil))
		}
		if oneIn(w.rng, 3) {
			w.bearers = append(w.bearers, bearer{})
			w.inputs = append(w.inputs, policy.Input{Now: now, Credential: pick(w.rng, []decision.Code{"", "token_expired", "session_pending"})})
		}
		f(w)
	}
	if len(refused)*20 > rounds(n) {
		t.Errorf("%d of %d models were refused, such as %s", len(refused), rounds(n), refused[0])
	}
}

// question is about what the session has by its token or its role, or about anything else.
// Permissions are what most rules have a say in: every third question is for one of its own.
func (w *world) question(in policy.Input, depth int) question {
	h := holdingsOf(in)
	if in.Subject != nil && in.Subject.Session.Org != nil {
		s := in.Subject.Session
		h["permission"] = slices.Concat(h["permission"], w.model.granted(spelling(s, s.Org.Role)))
	}
	if permissions := h["permission"]; len(permissions) > 0 && oneIn(w.rng, 3) {
		return atom{"permission", pick(w.rng, permissions)}.question()
	}
	return h.question(w.rng, depth, oneIn(w.rng, 8))
}

// loaded is the policy of a model by itself. Its error says why it is no model; all that
// are compile.
func loaded(t *testing.T, model string) (*policy.Policy, error) {
	t.Helper()
	b, err := bundle.FromFS(fstest.MapFS{"model/data.json": {Data: []byte(model)}})
	if err != nil {
		return nil, err
	}
	// What is looked for here is no matter of time.
	p, err := policy.New(t.Context(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 4}, policy.Options{Memo: common()})
	if err != nil {
		t.Fatalf("%s: %v", model, err)
	}
	return p, nil
}

// common is one memo for the policies of all worlds: each is a reload for the one before.
var common = sync.OnceValue(func() *policy.Memo {
	m, err := policy.NewMemo(16 << 20)
	if err != nil {
		panic(err)
	}
	return m
})

// reloaded is the policy of a model that differs little from one that loads.
func reloaded(t *testing.T, model string) *policy.Policy {
	t.Helper()
	p, err := loaded(t, model)
	if err != nil {
		t.Fatalf("%s: %v", model, err)
	}
	return p
}

// decides asks p; a question that cannot be decided fails the test.
func decides(t *testing.T, p *policy.Policy, in policy.Input, q question) decision.Decision {
	t.Helper()
	d, err := decide(t, p, in, q.parsed(t, nil))
	if err != nil {
		t.Fatalf("Check(%s) = %+v, %v", written(nil, q.document()), d, err)
	}
	return d
}

// TestProperty_hasReference holds the reference of the next test to what Clerk's own code
// answered.
func TestProperty_hasReference(t *testing.T) {
	file, err := os.Open("../../testdata/clerk/has.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	allowed := tally{}
	for lines.Scan() {
		var c struct {
			ID, Tag       string
			Claims, Check map[string]any
			Opts          struct{ TreatPendingAsSignedOut *bool }
			Want          bool
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		got := clerkHas(c.Claims, c.Check)
		if c.Claims["sts"] == "pending" && (c.Opts.TreatPendingAsSignedOut == nil || *c.Opts.TreatPendingAsSignedOut) {
			got = false
		}
		if got != c.Want {
			t.Errorf("%s (%s): clerkHas(%v, %v) = %v, want %v", c.ID, c.Tag, c.Claims, c.Check, got, c.Want)
		}
		allowed["cases"]++
		if got {
			allowed["allows"]++
		}
	}
	allowed.atLeast(t, "cases", 3, "allows")
}

// TestProperty_hasWithoutModel: with no model a check equals Clerk's has().
func TestProperty_hasWithoutModel(t *testing.T) {
	t.Parallel()
	p := compiled(t, load(t, empty...))
	rng := rand.New(rand.NewPCG(1, 0))
	seen := tally{}
	for range rounds(1_500) {
		b := bearer{clerkClaims(rng, oneIn(rng, 2)), session.Clerk()}
		if oneIn(rng, 40) {
			delete(b.claims, "sub")
		}
		in, claims := b.input(t, rng), again(t, b.claims)
		for range 4 {
			q := holdingsOf(in).question(rng, 2, oneIn(rng, 3))
			want := clerkMeets(claims, again(t, q.document()))
			if got := decides(t, p, in, q); got.Allow != want {
				t.Fatalf("Check(%s) = %+v, want %v\nclaims %s", written(nil, q.document()), got, want, written(nil, b.claims))
			}
			seen["questions"]++
			seen.add(want, "allows")
			seen.add(want && q.join != "", "allowed nests")
			for _, a := range q.atoms() {
				seen.add(want && q.join == "", "allowed "+a.member)
			}
			seen.add(in.Subject == nil, "no sessions")
		}
	}
	seen.atLeast(t, "questions", 6, "allows")
	seen.atLeast(t, "questions", 100, "allowed nests", "allowed role", "allowed permission", "allowed feature", "allowed plan", "allowed reverification", "no sessions")
}

// again is a document as a reader of JSON sees it.
func again(t *testing.T, document map[string]any) map[string]any {
	t.Helper()
	var read map[string]any
	if err := json.Unmarshal([]byte(written(nil, document)), &read); err != nil {
		t.Fatal(err)
	}
	return read
}

func (c tally) add(happened bool, name string) {
	if happened {
		c[name]++
	}
}

// equalDecisions compares all that a caller sees.
func equalDecisions(a, b decision.Decision) bool {
	return a.Allow == b.Allow && a.Status == b.Status && slices.Equal(a.Reasons, b.Reasons)
}
