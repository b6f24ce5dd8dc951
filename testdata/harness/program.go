package harness

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Program is the path of a program that a test needs: the variable TEST_NAME says where it
// is, else it is on PATH or beside the system's daemons. Where it is not installed the test
// is skipped, or fails if TEST_REQUIRE_TOOLS is 1.
func Program(t testing.TB, name string) string {
	t.Helper()
	variable := "TEST_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	candidates := []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name}
	if said := os.Getenv(variable); said != "" {
		candidates = []string{said} // another one would not be what was meant
	}
	for _, candidate := range candidates {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	if os.Getenv("TEST_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed: put it on PATH, or its path into %s", name, variable)
	}
	t.Skipf("%s is not installed: put it on PATH, or its path into %s, to run this", name, variable)
	return ""
}
