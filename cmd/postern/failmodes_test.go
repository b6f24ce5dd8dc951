package main

import (
	"bytes"
	"os"
	"testing"
)

// TestDocs_failmodes: the page is what the command prints.
func TestDocs_failmodes(t *testing.T) {
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"failmodes", "--format", "markdown"}, nil, &out, &errs); code != exitOK {
		t.Fatalf("exit %d\n%s", code, errs.String())
	}
	page, err := os.ReadFile("../../docs/failmodes.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, out.Bytes()) {
		t.Error("docs/failmodes.md is another table; write it again: postern failmodes --format markdown > docs/failmodes.md")
	}
}
