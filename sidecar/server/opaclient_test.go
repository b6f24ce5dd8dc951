package server_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOPA_javaScript asks with OPA's own SDK for JavaScript, which must make the same of
// Postern as of OPA, and of batches what it makes of Enterprise OPA's. The package is not
// part of the module: TEST_NODE_MODULES names a node_modules directory with
// @open-policy-agent/opa.
func TestOPA_javaScript(t *testing.T) {
	t.Parallel()
	modules := os.Getenv("TEST_NODE_MODULES")
	if modules == "" {
		if os.Getenv("TEST_REQUIRE_NODE") == "1" {
			t.Fatal("TEST_REQUIRE_NODE=1 and no TEST_NODE_MODULES")
		}
		t.Skip("TEST_NODE_MODULES names no node_modules directory: OPA's SDK is not tried")
	}
	modules, err := filepath.Abs(modules)
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/opaclient.mjs")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "client.mjs", string(script))
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	run := func(more ...string) []string {
		t.Helper()
		cmd := exec.Command("node", append([]string{"client.mjs"}, more...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, out)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	bundle := opaBundle(t)
	ours := start(t, opaConfig(t, bundle))
	want, got := run("http://"+runOPA(t, bundle)), run(ours.url)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("with Postern:\n%s\nwith OPA:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(want) < 15 || !strings.Contains(want[0], `"value":true`) {
		t.Errorf("with OPA:\n%s", strings.Join(want, "\n"))
	}
	batches := strings.Join(run(ours.url, "batches"), "\n")
	for _, line := range []string{
		`{"name":"batch","value":{"a":true}}`,
		`{"name":"all bad","error":"BatchServerError"`,
		`{"name":"empty","value":{}}`,
		`{"name":"mixed, rejected","error":"Object","code":"internal_error"`,
		`"bad":{"httpStatusCode":"500","code":"internal_error","message":"error(s) occurred while evaluating query"`,
	} {
		if !strings.Contains(batches, line) {
			t.Errorf("batches lack %s:\n%s", line, batches)
		}
	}
}
