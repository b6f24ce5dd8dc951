package server_test

import (
	"os"
	"strings"
	"testing"
)

// TestAuthZEN_docs serves the policy that docs/authzen.md shows.
func TestAuthZEN_docs(t *testing.T) {
	page, err := os.ReadFile("../../docs/authzen.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```rego\n")
	policy, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page shows no policy")
	}
	dir := t.TempDir()
	write(t, dir, "app/authzen.rego", policy)
	write(t, dir, "data.yaml", "records: {record-1: {readers: [alice]}}")
	c := authzen(standard(t, dir, "entrypoints: {evaluate: app/authzen/decision, search: {resource: app/authzen/records}}"))
	s := start(t, c)
	accessCase{"allow", aliceReads, yes}.run(t, s, "evaluation")
	accessCase{"deny", `{` + bob + `,` + reads + `,` + first + `}`, no}.run(t, s, "evaluation")
	accessCase{"find", accessBodies["search/resource"], `{"results":[{"type":"record","id":"record-1"}]}`}.run(t, s, "search/resource")
}
