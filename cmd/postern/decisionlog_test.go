package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"postern/sidecar/audit"
	"postern/sidecar/config"
	"postern/sidecar/logmask"
)

// TestDocs_decisionLog loads the configurations of the page and runs the tests of its masks.
func TestDocs_decisionLog(t *testing.T) {
	page, err := os.ReadFile("../../docs/decision-log.md")
	if err != nil {
		t.Fatal(err)
	}
	const whole = "bundles: [{path: b}]\nissuers: none\n"
	loaded := 0
	for _, block := range blocks(string(page), "yaml") {
		if !strings.Contains(block, "decision_log:") {
			continue
		}
		if !strings.Contains(block, "issuers:") {
			block = whole + block
		}
		path := filepath.Join(t.TempDir(), "postern.yaml")
		if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
			t.Fatal(err)
		}
		var flags config.Flags
		set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		flags.Register(set)
		if err := set.Parse([]string{"--config", path}); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(&flags, nil); err != nil {
			t.Error(err)
		}
		loaded++
	}
	if loaded != 2 {
		t.Errorf("the page shows %d configurations, want 2", loaded)
	}
	dir := t.TempDir()
	rego := blocks(string(page), "rego")
	if len(rego) != 2 {
		t.Fatalf("%d blocks of Rego, want rules and tests", len(rego))
	}
	for name, text := range map[string]string{"log.rego": rego[0], "log_test.rego": rego[1], "data.json": `{"a": 1}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if code := execute(t.Context(), []string{"test", "--threshold", "100", dir}, nil, &out, &errs); code != exitOK || !strings.Contains(out.String(), "7 passed, 0 failed") {
		t.Errorf("exit %d\n%s%s", code, out.String(), errs.String())
	}
	if code := execute(t.Context(), []string{"validate", dir}, nil, &out, &errs); code != exitOK {
		t.Errorf("validate: exit %d\n%s%s", code, out.String(), errs.String())
	}
	for _, word := range append(append([]string{}, audit.Causes...), audit.Outcomes...) {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("the page lacks %s", word)
		}
	}
	for _, word := range []logmask.Error{logmask.Failed, logmask.Timeout, logmask.Busy, logmask.Shape, logmask.Path, logmask.Protection, logmask.Size} {
		if !strings.Contains(string(page), "`"+string(word)+"`") {
			t.Errorf("the page lacks %s", word)
		}
	}
}
