package server_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"postern/testdata/harness"
)

// An interopCase is a request of an interop scenario and what its runner wants.
type interopCase struct{ Request, Expected json.RawMessage }

// interopCases reads the cases of one file of vectors beside the checkout, by the word that
// stands before them, or skips the test.
func interopCases(t *testing.T, file string) map[string][]interopCase {
	t.Helper()
	var cases map[string][]interopCase
	if err := json.Unmarshal(harness.Vectors(t, "authzen", file), &cases); err != nil {
		t.Fatalf("read %s: %v", file, err)
	}
	return cases
}

// TestInterop asks every case of the interop scenarios that conforms to the final
// specification. The runners compare answers as text, so this does.
func TestInterop(t *testing.T) {
	s := serveBundle(t, "authzen-interop")
	for _, scenario := range []struct {
		file, word, path string
		count            int
		answer           func(expected string) string
	}{
		{"todo-decisions-authorization-api-1_0-01.json", "evaluation", "evaluation", 40, decided},
		{"todo-decisions-authorization-api-1_0-02.json", "evaluation", "evaluation", 40, decided},
		{"todo-decisions-authorization-api-1_0-02.json", "evaluations", "evaluations", 3, allDecided},
		{"gateway-decisions.json", "evaluation", "evaluation", 25, decided},
		{"search-subject-results.json", "evaluation", "search/subject", 60, asExpected},
		{"search-resource-results.json", "evaluation", "search/resource", 18, asExpected},
		{"search-action-results.json", "evaluation", "search/action", 120, asExpected},
		{"idp-results.json", "search", "search/resource", 6, asExpected},
	} {
		t.Run(scenario.file+" "+scenario.word, func(t *testing.T) {
			asked := interopCases(t, scenario.file)[scenario.word]
			if len(asked) != scenario.count {
				t.Errorf("%d cases, want %d", len(asked), scenario.count)
			}
			in := *s
			in.t = t
			for _, c := range asked {
				in.wantText(scenario.path, string(c.Request), scenario.answer(compact(t, c.Expected)))
			}
		})
	}
}

func decided(expected string) string    { return `{"decision":` + expected + `}` }
func allDecided(expected string) string { return `{"evaluations":` + expected + `}` }
func asExpected(expected string) string { return expected }

// compact is what JSON.stringify makes of a value: its members stay in order.
func compact(t *testing.T, value json.RawMessage) string {
	t.Helper()
	var text bytes.Buffer
	if err := json.Compact(&text, value); err != nil {
		t.Fatal(err)
	}
	return text.String()
}
