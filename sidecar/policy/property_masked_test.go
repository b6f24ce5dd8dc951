package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/logmask"
	"postern/sidecar/policy"
)

// readersOfSessions are rules that read more and more of what a mask may take.
var readersOfSessions = []string{
	`deny contains "user" if input.session.user_id == "user_1"`,
	`deny contains "acted" if input.user_id == "user_1"`,
	`deny contains "session" if not input.session.session_id`,
	`deny contains "claim" if input.session.claims.sub == "user_1"`,
	`deny contains "claims" if count(input.session.claims) > 12`,
	`deny contains "metadata" if input.session.metadata.tier == "gold"`,
	`deny contains "actor" if input.session.actor`,
	`deny contains "org" if input.session.org.slug == "acme"`,
	`deny contains "any" if "active" in input.session`,
	`deny contains "all" if input == {}`,
	`deny contains "within" if tier == "gold" with input.session.metadata.tier as "silver"` + "\n\ntier := input.session.metadata.tier if input.session.metadata.other",
	`deny contains "replaced" if input.session.claims.x == 1 with input.session.claims.x as 1`,
	`deny contains "resource" if input.resource.amount > 10`,
	`deny contains "properties" if input.resource.properties.b`,
	`deny contains "context" if input.context.ip == "::1"`,
	`deny contains "subject" if input.subject.id == "user_1"`,
}

// masking takes at random places out of a case, or puts something there, as a bundle's mask
// does. It returns what is left, and the pointers that a record says so by.
func masking(t *testing.T, rng *rand.Rand, text jsontext.Value) (left jsontext.Value, pointers []string) {
	t.Helper()
	var whole map[string]any
	if err := json.Unmarshal([]byte(`{"input":`+string(text)+`}`), &whole); err != nil {
		t.Fatal(err)
	}
	var places []string
	var walk func(at string, value any)
	walk = func(at string, value any) {
		if at != "" && at != "/input" {
			places = append(places, at)
		}
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				walk(at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), member)
			}
		case []any:
			for i, element := range v {
				walk(fmt.Sprint(at, "/", i), element)
			}
		}
	}
	walk("", whole)
	slices.Sort(places)
	// Most of what is masked is about people.
	places = append(places, slices.DeleteFunc(slices.Clone(places), func(p string) bool {
		return !strings.HasPrefix(p, "/input/session/") && !strings.Contains(p, "properties") && !strings.Contains(p, "/resource/") && !strings.Contains(p, "/context") && !strings.Contains(p, "/headers/")
	})...)
	var edits []logmask.Edit
	for range 1 + rng.IntN(2) {
		e := logmask.Edit{Pointer: pick(rng, places)}
		if oneIn(rng, 2) {
			e.Value = jsontext.Value(pick(rng, []string{`"***"`, `""`, `null`, `1`, `{}`, `[]`, `{"tier":"gold","sub":"user_1"}`, `true`, `1e99999999`}))
		}
		edits = append(edits, e)
	}
	line, err := logmask.Apply([]byte(`{"input":`+string(text)+`}`), edits)
	if err != nil {
		return nil, nil
	}
	var record struct {
		Input          json.RawMessage
		Erased, Masked []string
	}
	if err := json.Unmarshal(line, &record); err != nil {
		t.Fatal(err)
	}
	for _, p := range append(record.Erased, record.Masked...) {
		pointers = append(pointers, strings.TrimPrefix(p, "/input"))
	}
	return jsontext.Value(record.Input), pointers
}

// decidedAgain is what a case comes to.
func decidedAgain(t *testing.T, p *policy.Policy, c *policy.Case) (d decision.Decision, failed bool) {
	t.Helper()
	switch {
	case c.Check != nil:
		answer, err := p.Check(t.Context(), c.Input, c.Check)
		return answer.Decision, err != nil
	case c.Request != nil:
		answer, err := p.Route(t.Context(), c.Input, *c.Request)
		return answer.Decision, err != nil
	case c.Evaluation != nil:
		answer, err := p.Evaluate(t.Context(), c.Input, c.Evaluation)
		return answer.Decision, err != nil
	default:
		found, err := p.Data(t.Context(), c.Input, c.Data)
		if err != nil {
			return decision.Decision{Status: 500}, true
		}
		return decision.Decision{Allow: found.Allow, Status: 200, Reasons: []decision.Reason{{Message: string(found.JSON)}}}, false
	}
}

// reading is a policy that reads some of what a mask may take, with its rules.
func (w *world) reading(t *testing.T) (p *policy.Policy, text string) {
	t.Helper()
	rules := "package postern.extend\n\n" + pick(w.rng, readersOfCases) + "\n\n" + pick(w.rng, readersOfSessions) + "\n"
	document := "package acme\n\n" + strings.ReplaceAll(pick(w.rng, readersOfSessions), "deny contains", "allow contains") + "\n"
	own := "{}"
	if oneIn(w.rng, 3) { // so that an own rule decides checks, and evaluations ask it
		own = `{"metadata":{"postern":{"entrypoints":{"check":"own/allow"}}}}`
	}
	files := []string{"extend.rego", rules, "acme.rego", document, ".manifest", own, "own.rego", "package own\n\nallow if input.session.org.role == \"admin\"\n\nallow if input.session.claims.name\n"}
	data := routesOfCases
	if !strings.Contains(w.text, `"routes"`) && oneIn(w.rng, 2) {
		data = w.text
	}
	return compiledFrom(t, append(files, "model/data.json", data)...), rules + document
}

// TestProperty_masked: a case that has been masked is decided as the whole one, or said to
// lack something.
func TestProperty_masked(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 37, 30, func(w *world) {
		p, rules := w.reading(t)
		for _, in := range w.inputs {
			for range 8 {
				c := questionOf(t, w, in)
				text, err := p.Keep(&c)
				if err != nil {
					t.Fatal(err)
				}
				whole, err := policy.ReadCase(text)
				if err != nil {
					t.Fatal(err)
				}
				left, pointers := masking(t, w.rng, text)
				if left == nil {
					continue
				}
				seen["masked"]++
				masked, err := policy.ReadMasked(left, pointers)
				if err != nil || p.Lacks(masked, pointers) != p.Lacks(whole, nil) {
					seen["lacking"]++
					continue
				}
				if p.Lacks(whole, nil) != "" {
					continue
				}
				want, failed := decidedAgain(t, p, whole)
				got, failing := decidedAgain(t, p, masked)
				if failed != failing || !equalDecisions(got, want) || len(got.Reasons) > 0 && c.Data != nil && got.Reasons[0].Message != want.Reasons[0].Message {
					t.Fatalf("without %q: %+v, want %+v\n%s\n%s\n%s\nmodel %s", pointers, got, want, text, left, rules, w.text)
				}
				seen["decided"]++
				for _, name := range []string{"/session/user_id", "/session/org", "/resource", "/data/input", "properties"} {
					seen.add(slices.ContainsFunc(pointers, func(p string) bool { return strings.Contains(p, name) }), name)
				}
			}
		}
	})
	t.Logf("%v", seen)
	seen.atLeast(t, "masked", 5, "decided", "lacking")
	seen.atLeast(t, "masked", 1000, "/session/user_id", "/session/org", "/resource", "/data/input", "properties")
}

// questionOf is one of all kinds of question that a case can have.
func questionOf(t *testing.T, w *world, in policy.Input) policy.Case {
	t.Helper()
	extra := jsontext.Value(pick(w.rng, []string{`{"amount":5,"b":true}`, `{"amount":50,"owner":"user_1"}`, `{"amount":5}`}))
	context := jsontext.Value(pick(w.rng, []string{`{"ip":"::1"}`, `{"ip":"::2","agent":"x"}`}))
	switch w.rng.IntN(4) {
	case 0:
		q := w.question(in, 2).parsed(t, w.rng)
		if oneIn(w.rng, 2) {
			q, _ = asked(t, w.rng, pick(w.rng, w.names(in)))
		}
		q.Resource, q.Context = extra, context
		return policy.Case{Input: in, Check: &q}
	case 1:
		return policy.Case{Input: in, Request: proxiedCase(t, w)}
	case 2:
		_, e := asked(t, w.rng, pick(w.rng, w.names(in)))
		e.Resource.Properties, e.Context = extra, context
		if oneIn(w.rng, 2) {
			in = policy.Input{Now: in.Now, Trusted: true}
			e.Subject = authzen.Entity{Type: "user", ID: "user_1", Properties: extra}
		}
		return policy.Case{Input: in, Evaluation: e}
	default:
		input, err := policy.NewValue(jsontext.Value(`{"resource":` + string(extra) + `,"context":` + string(context) + `,"session":{"claims":{"sub":"user_1"},"metadata":{"tier":"gold"}},"user_id":"user_2"}`))
		if err != nil {
			t.Fatal(err)
		}
		path := pick(w.rng, [][]string{{"acme", "allow"}, {"acme"}, {}})
		return policy.Case{Input: in, Data: &policy.DataQuestion{Path: path, Input: input, Common: input, Session: oneIn(w.rng, 2)}}
	}
}
