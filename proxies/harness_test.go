// Package proxies holds the tests of Postern behind the proxies that people run: the real
// programs with the configurations of testdata/proxies, a real Postern, and an upstream
// that says what it was sent. Everything is on loopback.
package proxies

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	removeBinary()
	os.Exit(code)
}

// socketDir is a directory whose path is short enough for Unix sockets in it.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// adapted copies a file of testdata/proxies, such as "envoy-grpc/envoy.yaml", with texts
// replaced: pairs of old and new. An old text that is not there is a mistake of the test.
func adapted(t testing.TB, dir, name string, replace ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "proxies", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s has no %q", name, replace[i])
		}
		// A mark keeps what was put in from being replaced again.
		text = strings.ReplaceAll(text, replace[i], fmt.Sprintf("\x00%d\x00", i))
	}
	for i := 0; i < len(replace); i += 2 {
		text = strings.ReplaceAll(text, fmt.Sprintf("\x00%d\x00", i), replace[i+1])
	}
	return write(t, dir, filepath.Base(name), text)
}
