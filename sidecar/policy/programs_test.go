package policy_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/bundle"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

var programs = flag.Int("programs", 200, "how many random programs TestPrograms decides with")

const (
	programsAtOnce  = 10 // in one bundle, so that the library is compiled once for all
	casesOfPrograms = 40
)

const programData = `
tables: {a: {a: 1, b: "a", c: true}, b: {a: [1], c: {b: null}}, c: "a"}
model: {routes: [{match: "/o/{a}/{b}", signed_in: true}, {match: "/x", public: true}]}
`

// TestPrograms: a decision that is remembered is the one that would be made. Random
// programs decide about inputs that differ a little from each other, with the memo and
// without, and without what the evaluator does to be quick. -programs says how many.
func TestPrograms(t *testing.T) {
	t.Parallel()
	seen := tally{}
	n := *programs
	if briefly() {
		n /= 6
	}
	for round := 0; seen["programs"] < n; round++ {
		rng := rand.New(rand.NewPCG(uint64(round), 12))
		decideByPrograms(t, rng, []string{"check", "route", "evaluate", "check", "route"}[round%5], seen)
		if t.Failed() {
			t.Logf("round %d of %v", round, seen)
			break
		}
	}
	t.Logf("%d programs: %v", seen["programs"], seen)
	if seen["refused"] > seen["programs"] {
		t.Errorf("%d programs do not compile beside %d that do", seen["refused"], seen["programs"])
	}
	if seen["errors"]*5 > seen["cases"] {
		t.Errorf("%d of %d cases are errors", seen["errors"], seen["cases"])
	}
	seen.atLeast(t, "cases", 5, "hits")
	seen.atLeast(t, "cases", 3, "taken over")
	seen.atLeast(t, "cases", 500, "otherwise after a reload")
	seen.atLeast(t, "programs", 5, "allow and deny", "tell")
	seen.atLeast(t, "programs", 8, "proxied", "extended")
	seen.atLeast(t, "programs", 20, "evaluated")
	seen.atLeast(t, "cases", 50, "undefined")
	reportWeakenings(t, seen)
	for _, f := range literalForms {
		seen.atLeast(t, "programs", 100, "with "+f.construct)
	}
	for _, f := range ruleForms {
		seen.atLeast(t, "programs", 100, "with "+f.construct)
	}
}

// decideByPrograms makes a bundle of programs for one entrypoint and asks each of them.
func decideByPrograms(t *testing.T, rng *rand.Rand, asked string, seen tally) {
	t.Helper()
	roots := programRoots[asked]
	tree := fstest.MapFS{"data.yaml": {Data: []byte(programData)}}
	if oneIn(rng, 2) {
		if text := denials(rng, roots); compiles(text) == nil {
			tree["extend.rego"] = &fstest.MapFile{Data: []byte(text)}
		}
	}
	made := map[string]*program{}
	var paths []string
	for i := 0; len(paths) < programsAtOnce; i++ {
		p := randomProgram(rng, fmt.Sprintf("acme%d", i), roots)
		text, library := p.text.String(), p.library()
		if err := compiles(text, library); err != nil {
			seen["refused"]++
			continue
		}
		tree[p.name+".rego"], tree[p.name+"_lib.rego"] = &fstest.MapFile{Data: []byte(text)}, &fstest.MapFile{Data: []byte(library)}
		made[p.name+"/answer"] = p
		paths = append(paths, p.name+"/answer")
		p.text.Reset()
		p.text.WriteString(text)
	}
	b, err := bundle.FromFS(tree)
	if err != nil {
		t.Fatal(err)
	}
	counts := memo(t, 4<<20)
	all, err := policy.Several(context.Background(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 4},
		policy.Options{Memo: counts}, asked, paths...)
	if err != nil {
		t.Fatal(err)
	}
	// The same programs over data that differs a little, as after a reload.
	tree["data.yaml"] = &fstest.MapFile{Data: []byte(changedData(rng))}
	if b, err = bundle.FromFS(tree); err != nil {
		t.Fatal(err)
	}
	next, err := policy.Several(context.Background(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 4}, policy.Options{Memo: counts}, asked, paths...)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range all {
		seen["programs"]++
		seen.add(asked == "route", "proxied")
		seen.add(asked == "evaluate", "evaluated")
		seen.add(tree["extend.rego"] != nil, "extended")
		for construct := range made[paths[i]].uses {
			seen["with "+construct]++
		}
		seen.add(made[paths[i]].uses["told"], "tell")
		d := differential{policy: p, forgetful: p.Forgetful(), next: next[i], asked: asked, seen: seen, memo: counts}
		d.run(t, rng)
		if t.Failed() {
			extend := ""
			if f := tree["extend.rego"]; f != nil {
				extend = string(f.Data)
			}
			t.Fatalf("%s\n%s", made[paths[i]].text.String(), extend)
		}
	}
	stats := counts.Stats()
	seen["hits"] += int(stats.Hits)
}

// compiles says what is wrong with modules, before they are put beside others.
func compiles(texts ...string) error {
	caps, err := policy.Capabilities(nil)
	if err != nil {
		return err
	}
	modules := map[string]*ast.Module{}
	for i, text := range texts {
		m, err := ast.ParseModule(fmt.Sprint(i), text)
		if err != nil {
			return err
		}
		modules[fmt.Sprint(i)] = m
	}
	c := ast.NewCompiler().WithCapabilities(caps)
	if c.Compile(modules); c.Failed() {
		return c.Errors
	}
	return nil
}

// A differential asks one program in three ways.
type differential struct {
	policy, forgetful *policy.Policy
	next              *policy.Policy // after a reload
	asked             string         // check, route or evaluate
	seen              tally
	memo              *policy.Memo
}

func (d *differential) run(t *testing.T, rng *rand.Rand) {
	t.Helper()
	cases := randomCases(rng, casesOfPrograms, documentsOf(d.asked))
	cases = append(cases, cases[:len(cases)/4]...)
	weak := d.weakenings(t)
	rng.Shuffle(len(cases), func(i, j int) { cases[i], cases[j] = cases[j], cases[i] })
	var allows, denies bool
	for _, c := range cases {
		remembered, err := d.ask(t, d.policy, c)
		made, madeErr := d.ask(t, d.forgetful, c)
		plain, plainErr := d.plain(t, c)
		d.seen["cases"]++
		if err != nil || madeErr != nil {
			if (err == nil) != (madeErr == nil) {
				t.Errorf("remembered %+v, %v; made %+v, %v", remembered, err, made, madeErr)
			}
			d.seen["errors"]++
			continue
		}
		d.reload(t, c, made)
		if !equalDecisions(remembered, made) {
			t.Errorf("remembered %+v, made anew %+v\n%s", remembered, made, written(nil, c.tree))
		}
		if plainErr != nil {
			d.seen["errors"]++
			continue
		}
		if !equalDecisions(made, plain) {
			t.Errorf("made %+v, plainly %+v\n%s", made, plain, written(nil, c.tree))
		}
		document := d.document(t, c)
		for i := range weak {
			weak[i].compare(t, document, made, d.seen)
		}
		allows, denies = allows || made.Allow, denies || !made.Allow
		d.seen.add(slices.ContainsFunc(made.Reasons, func(r decision.Reason) bool { return r.Code == decision.PolicyUndefined }), "undefined")
	}
	d.seen.add(allows && denies, "allow and deny")
}

// reload asks the policy of the changed data, which may take over what the one before came
// to.
func (d *differential) reload(t *testing.T, c programCase, before decision.Decision) {
	t.Helper()
	hits := d.memo.Stats().Hits
	remembered, err := d.ask(t, d.next, c)
	d.seen.add(d.memo.Stats().Hits > hits, "taken over")
	made, madeErr := d.ask(t, d.next.Forgetful(), c)
	if err != nil || madeErr != nil {
		return
	}
	if !equalDecisions(remembered, made) {
		t.Errorf("after a reload remembered %+v, made anew %+v, before it %+v\n%s", remembered, made, before, written(nil, c.tree))
	}
	d.seen.add(!equalDecisions(before, made), "otherwise after a reload")
}

// changedData is [programData] with some of its values changed.
func changedData(rng *rand.Rand) string {
	changes := [][2]string{
		{"a: 1", "a: 2"}, {"a: 1", `a: "1"`}, {"a: 1, ", ""}, {`b: "a"`, `b: "b"`}, {"c: true", "c: false"}, {"a: [1]", "a: [1, 2]"},
		{"a: [1]", "a: {}"}, {"{b: null}", "{b: 1}"}, {"{b: null}", "null"}, {`c: "a"`, "c: {a: 1}"}, {`, c: "a"}`, "}"}, {"tables: {", "tables: {x: 1, "},
	}
	text := programData
	for _, change := range changes {
		if oneIn(rng, 2) {
			text = strings.Replace(text, change[0], change[1], 1)
		}
	}
	return text
}

// ask decides through a policy. An undefined result is none that went wrong.
func (d *differential) ask(t *testing.T, p *policy.Policy, c programCase) (decision.Decision, error) {
	t.Helper()
	var answer *decision.Answer
	var err error
	switch d.asked {
	case "route":
		routed, cause := p.Route(t.Context(), c.input(t), c.proxied(t))
		answer, err = routed.Answer, cause
	case "evaluate":
		answer, err = p.Evaluated(t.Context(), c.input(t), c.evaluation())
	default:
		answer, err = p.Check(t.Context(), c.input(t), c.question(t))
	}
	if policy.IsUndefined(err) {
		err = nil
	}
	return answer.Decision, err
}

func (d *differential) plain(t *testing.T, c programCase) (decision.Decision, error) {
	t.Helper()
	switch d.asked {
	case "route":
		return d.policy.PlainRoute(t.Context(), c.input(t), c.proxied(t))
	case "evaluate":
		return d.policy.PlainEvaluate(t.Context(), c.input(t), c.evaluation())
	}
	return d.policy.PlainCheck(t.Context(), c.input(t), c.question(t))
}
