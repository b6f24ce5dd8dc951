package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck: what Open fails for is found without a file that was not there before.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	f := func(o Options, want string) {
		t.Helper()
		err := Check(o)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("Check(%q) = %v, want %q", o.To, err, want)
		}
		if l, opens := Open(o); (opens == nil) != (err == nil) {
			t.Errorf("Check(%q) = %v, and Open = %v", o.To, err, opens)
		} else {
			l.Close(t.Context())
		}
	}
	next := filepath.Join(dir, "next.jsonl")
	if err := Check(Options{To: next}); err != nil {
		t.Errorf("Check of a file that is to be made: %v", err)
	}
	if _, err := os.Lstat(next); err == nil {
		t.Error("Check made the file")
	}
	f(Options{To: next}, "")
	f(Options{To: next}, "") // it is there by now
	f(Options{}, "")
	f(Options{To: "stderr"}, "")
	f(Options{To: dir}, "is a directory")
	f(Options{To: filepath.Join(dir, "none", "next.jsonl")}, "no such file")
	f(Options{To: filepath.Join(next, "below.jsonl")}, "not a directory")
	f(Options{To: "https://logs.example.com"}, "")
	f(Options{To: "https://logs.example.com", Upload: Upload{CA: next}}, "no certificate in it")
	f(Options{To: "https://logs.example.com", Upload: Upload{Cert: filepath.Join(dir, "c"), Key: filepath.Join(dir, "k")}}, "no such file")
}
