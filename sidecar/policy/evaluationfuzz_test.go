package policy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/authzen"
	"postern/sidecar/policy"
)

// FuzzKey_evaluation: two evaluations have one key exactly if all that is read of them is
// equal, and no key or input has the id of a session in it. Each text is an evaluation:
// what its parts are called and their properties, a line for each.
func FuzzKey_evaluation(f *testing.F) {
	f.Add("session\nsecret\nread\nreport\n1\n{}\n{}", "session\nsecret\nread\nreport\n1\n{\"a\":1}\n{}", true)
	f.Add("user\nalice\nread\nreport\n1\n{\"type\":\"a\"}\n{}", "user\nbob\nread\nreport\n1\n{\"type\":\"a\"}\n{}", true)
	f.Add("session\nsecret\nread\nreport\n1\n{\"a\":1}\n", "user\nsecret\nread\nreport\n1\n{\"a\":1}\n", false)
	f.Add("session\nsecret\n:\na\nb\n{\"id\":\"x\",\"properties\":{\"a\":2}}\n{\"a\":{}}", "session\n\n\na\nb\n{\"properties\":{\"a\":2}}\n{\"a\":[]}", false)
	f.Add("a\nb\nc\nd\ne\n{\"a\":null}\nnull", "a\nbc\n\nd\ne\n\n", true)
	f.Add("a\nb\nc\nd\ne\n{\"owner\":{\"id\":1}}\n", "a\nb\nc\nd\ne\n{\"owner\":{\"id\":1.0}}\n", true)
	var all []*policy.Policy
	for _, paths := range matterReaders {
		all = append(all, reading(f, "evaluate", paths))
	}
	signedIn := subject(f, admin)
	f.Fuzz(func(t *testing.T, a, b string, trusted bool) {
		for _, p := range all {
			one, okOne := keyOf(t, p, policy.Input{Subject: signedIn, Trusted: trusted, Now: now}, a)
			two, okTwo := keyOf(t, p, policy.Input{Subject: signedIn, Trusted: trusted, Now: now}, b)
			if !okOne || !okTwo {
				return
			}
			read, _ := p.Paths("evaluate")
			same := true
			for _, path := range read {
				same = same && sameEnd(one.Document, two.Document, path.Names)
			}
			if same != bytes.Equal(one.Key, two.Key) {
				t.Errorf("%q and %q are the same in all that is read: %v; their keys are\n%q\n%q", a, b, same, one.Key, two.Key)
			}
		}
	})
}

// keyOf makes the key of an evaluation that a text is.
func keyOf(t *testing.T, p *policy.Policy, in policy.Input, text string) (policy.Keyed, bool) {
	t.Helper()
	lines := strings.Split(text, "\n")
	if len(lines) != 7 {
		return policy.Keyed{}, false
	}
	raw := func(text string) []byte {
		if text == "" {
			return nil
		}
		return []byte(text)
	}
	e := &authzen.Evaluation{
		Subject: authzen.Entity{Type: lines[0], ID: lines[1]},
		Action:  authzen.Action{Name: lines[2], Properties: raw(lines[6])}, Context: raw(lines[6]),
		Resource: authzen.Entity{Type: lines[3], ID: lines[4], Properties: raw(lines[5])},
	}
	made, err := p.KeyEvaluate(in, e)
	if err != nil {
		return made, false
	}
	for _, part := range made.Parts {
		if !bytes.Equal(part.Made, part.Expected) {
			t.Fatalf("the key of input.%s is\n%q, and of its document\n%q\n%v", part.Name, part.Made, part.Expected, part.Value)
		}
	}
	id := below(below(made.Document, "subject"), "id")
	if vouched := in.Trusted && lines[0] != "session"; vouched != (id != nil) || vouched && id != ast.Value(ast.String(lines[1])) {
		t.Fatalf("of %q, vouched for: %v, the id is %v", text, vouched, id)
	}
	return made, made.Key != nil
}
