package harness

import (
	"os"
	"os/exec"
	"testing"
)

// Program is the path of a program that a test needs. Where it is not installed the test is
// skipped, or fails if TEST_REQUIRE_TOOLS is 1.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	if os.Getenv("TEST_REQUIRE_TOOLS") == "1" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}
