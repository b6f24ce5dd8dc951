package document

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrite replaces the marked part and nothing else.
func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "README.md")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := func() string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const before, after = "# A\n\n<!-- bench -->\n", "<!-- /bench -->\n\n## B\n\n| a |\n"
	write(before + "old\n\n| b |\n" + after)
	for range 2 {
		if err := Write(path, "bench", "new\n", ""); err != nil || read() != before+"new\n"+after {
			t.Fatalf("%q, %v", read(), err)
		}
	}
	for _, text := range []string{"", "<!-- bench -->", "<!-- /bench -->\n<!-- bench -->", before + before + after, before + after + after} {
		write(text)
		if err := Write(path, "bench", "new", "# A\n\n<!-- bench -->\n<!-- /bench -->\n"); err == nil || read() != text {
			t.Errorf("%q became %q, %v", text, read(), err)
		}
	}
	missing := filepath.Join(t.TempDir(), "bench.md")
	if err := Write(missing, "bench", "new", ""); err == nil {
		t.Error("a document that is not there was written")
	}
	path = missing
	if err := Write(path, "bench", "new", "# A\n\n<!-- bench -->\n<!-- /bench -->\n"); err != nil || !strings.HasSuffix(read(), "\n<!-- bench -->\nnew\n<!-- /bench -->\n") {
		t.Errorf("%v", err)
	}
}
