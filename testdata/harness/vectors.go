package harness

import (
	"os"
	"path/filepath"
	"testing"
)

// Vectors reads a file of vectors beside the checkout, by its path below shared/vectors, or
// skips the test where there is none.
func Vectors(t testing.TB, path ...string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(path...)
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		if text, err := os.ReadFile(filepath.Join(dir, "shared", "vectors", name)); err == nil {
			return text
		}
	}
	t.Skipf("%s is not beside the checkout", name)
	return nil
}
