package secretfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "secret")
	for mode, exposed := range map[fs.FileMode]bool{0o600: false, 0o640: false, 0o644: true, 0o604: true} {
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, "link")
		_ = os.Remove(link) // there is none the first time
		if err := os.Symlink("secret", link); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{path, link} {
			data, got, err := Read(p)
			if err != nil || string(data) != "text" || got != exposed {
				t.Errorf("Read(%s) with mode %v = %q, %v, %v, want exposed %v", p, mode, data, got, err, exposed)
			}
		}
	}
}

// TestRead_refused: what is no small file is an error at once.
func TestRead_refused(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Read(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := Read(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(pipe); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a pipe: %v", err)
	}
	large := filepath.Join(dir, "large")
	for size, want := range map[int]bool{Largest: true, Largest + 1: false} {
		if err := os.WriteFile(large, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Read(large); (err == nil) != want {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}
