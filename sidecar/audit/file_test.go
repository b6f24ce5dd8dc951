package audit

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// told gathers what a log tells.
type told struct{ changes, healed atomic.Int64 }

func (o *told) changed(err error) {
	if err != nil {
		o.changes.Add(1)
	} else {
		o.healed.Add(1)
	}
}

// TestFile_recovers: what cannot be written waits, meanwhile what is required is refused,
// and all of it is written once there is room again.
func TestFile_recovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "d.jsonl")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	var o told
	l := opened(t, Options{To: path, Changed: o.changed})
	if !l.Write(&Record{ID: "first", Required: true}) {
		t.Fatal("a log of which nothing is known refuses a record")
	}
	eventually(t, "the log fails", func() bool { return l.Status().Failing })
	if l.Write(&Record{ID: "refused", Required: true}) || !l.Write(&Record{ID: "second"}) {
		t.Error("a log that fails takes what is required, or takes nothing")
	}
	if s := l.Status(); s.Since == nil || !strings.Contains(s.Error, "no space left on device") || l.Lost() != 0 {
		t.Errorf("status %+v", s)
	}
	real := filepath.Join(dir, "real")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, path); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	eventually(t, "the log is well", func() bool { s := l.Status(); return !s.Failing && s.Records[Written] == 2 })
	if !l.Write(&Record{ID: "third", Required: true}) {
		t.Error("a log that is well again refuses a record")
	}
	shut(l)
	text := contents(t, real)
	if strings.Count(text, "\n") != 3 || !strings.Contains(text, `"first"`) || !strings.Contains(text, `"second"`) || !strings.Contains(text, `"third"`) {
		t.Errorf("written: %s", text)
	}
	if o.changes.Load() != 1 || o.healed.Load() != 1 {
		t.Errorf("told %d times of the trouble and %d times of its end, want once", o.changes.Load(), o.healed.Load())
	}
}

// TestFile_endsFull: a file that cannot be written does not hold up the end.
func TestFile_endsFull(t *testing.T) {
	l := opened(t, Options{To: "/dev/full"})
	for range 100 {
		l.Write(&Record{})
	}
	shut(l)
	if s := l.Status(); s.Lost[LostWrite] != 100 || s.Records[Written] != 0 {
		t.Errorf("status %+v", s)
	}
}

// smallDisk is a file system of 64 KiB, until the test ends.
func smallDisk(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small file system needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFile_roomAgain fills a file system, and makes room: no line is torn or missing.
func TestFile_roomAgain(t *testing.T) {
	dir := smallDisk(t)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 48<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "d.jsonl")
	l := opened(t, Options{To: path})
	const n = 100 // of some 400 bytes
	for i := range n {
		l.Write(&Record{ID: fmt.Sprint(i), Path: strings.Repeat("x", 250)})
	}
	eventually(t, "the log fails", func() bool { return l.Status().Failing })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log is well", func() bool { return !l.Status().Failing })
	shut(l)
	lines := strings.Split(strings.TrimSuffix(contents(t, path), "\n"), "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, fmt.Sprintf(`{"decision_id":"%d"`, i)) || !strings.HasSuffix(line, "}") {
			t.Fatalf("line %d: %s", i, line)
		}
	}
	if len(lines) != n || l.Lost() != 0 {
		t.Errorf("%d lines, %d lost, want %d and none", len(lines), l.Lost(), n)
	}
}

// TestFile_tornLine: a line that another process left in the middle is ended first.
func TestFile_tornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	if err := os.WriteFile(path, []byte(`{"decision_id":"to`), 0o600); err != nil {
		t.Fatal(err)
	}
	l := opened(t, Options{To: path})
	l.Write(&Record{ID: "a"})
	shut(l)
	if text := contents(t, path); !strings.HasPrefix(text, "{\"decision_id\":\"to\n{\"decision_id\":\"a\"") {
		t.Errorf("%q", text)
	}
}

// TestFile_reopen: after a rename the old file gets no more.
func TestFile_reopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	l := opened(t, Options{To: path})
	l.Write(&Record{ID: "a"})
	eventually(t, "a is written", func() bool { return l.Status().Records[Written] == 1 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	eventually(t, "the file is made anew", func() bool { _, err := os.Stat(path); return err == nil })
	l.Write(&Record{ID: "b"})
	shut(l)
	if a, b := contents(t, path+".1"), contents(t, path); !strings.Contains(a, `"a"`) || strings.Contains(a, `"b"`) || strings.Count(b, "\n") != 1 {
		t.Errorf("old %s new %s", a, b)
	}
}

// TestFile_rotates: every record is in one of the files, none of them is larger than it may
// be, and no more are kept than asked for.
func TestFile_rotates(t *testing.T) {
	f := func(keep int, compressed bool) {
		t.Helper()
		dir := t.TempDir()
		path := filepath.Join(dir, "d.jsonl")
		other := filepath.Join(dir, "d-notes.jsonl")
		if err := os.WriteFile(other, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l := opened(t, Options{To: path, Rotate: Rotate{Size: 4096, Keep: keep, Compress: compressed}})
		const n = 300
		for i := range n {
			l.Write(&Record{ID: fmt.Sprint(i)})
			if i%50 == 49 {
				eventually(t, "it is written", func() bool { return l.Status().Records[Written] == uint64(i+1) })
			}
		}
		eventually(t, "nobody keeps old files", func() bool {
			all, err := olds(path)
			return err == nil && (keep == 0 || len(all) <= keep+1) && (!compressed || slices.ContainsFunc(all, func(o old) bool { return strings.HasSuffix(o.path, ".gz") }))
		})
		shut(l)
		if err := (Rotate{Keep: keep, Compress: compressed}).keep(context.Background(), path, time.Now()); err != nil {
			t.Error(err)
		}
		all, err := olds(path)
		if err != nil || keep > 0 && len(all) != keep || len(all) < 2 {
			t.Fatalf("%d old files, want %d (0 is all): %v", len(all), keep, err)
		}
		text := ""
		slices.Reverse(all)
		for _, o := range all {
			info, err := os.Stat(o.path)
			if err != nil || info.Mode().Perm() != 0o600 || strings.HasSuffix(o.path, ".gz") != compressed {
				t.Fatalf("%s: %v, %v", o.path, info, err)
			}
			old := unpacked(t, o.path)
			if len(old) > 4096 {
				t.Errorf("%s has %d bytes", o.path, len(old))
			}
			text += old
		}
		text += contents(t, path)
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if keep == 0 && len(lines) != n {
			t.Errorf("%d lines in all, want %d", len(lines), n)
		}
		for i, line := range lines { // in order, without a gap up to the last
			if want := fmt.Sprintf(`{"decision_id":"%d"`, n-len(lines)+i); !strings.HasPrefix(line, want) {
				t.Fatalf("line %d begins with %.40s, want %s", i, line, want)
			}
		}
		if _, err := os.Stat(other); err != nil {
			t.Error("a file that is no old one is gone")
		}
	}
	f(0, false)
	f(3, false)
	f(0, true)
}

func unpacked(t *testing.T, path string) string {
	t.Helper()
	if !strings.HasSuffix(path, ".gz") {
		return contents(t, path)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRotate_age: what is too old goes, and what another process left half compressed.
func TestRotate_age(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "d.jsonl")
	now := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"d-20260101T000000.000000Z.jsonl.gz", "d-20260109T000000.000000Z.jsonl", "d-20260109T000000.000000Z.jsonl.gz.part", "d-2026.jsonl", "e-20260101T000000.000000Z.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := (Rotate{Age: 48 * time.Hour}).keep(t.Context(), path, now); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{"d-2026.jsonl", "d-20260109T000000.000000Z.jsonl", "e-20260101T000000.000000Z.jsonl"}; !slices.Equal(left, want) {
		t.Errorf("left %v, want %v", left, want)
	}
}

// TestFile_cannotRotate: where no new file can be made, the old one goes on.
func TestFile_cannotRotate(t *testing.T) {
	// The name is so long that none is longer, as that of an old file would be.
	path := filepath.Join(t.TempDir(), strings.Repeat("d", 255))
	var warned atomic.Int64
	l := opened(t, Options{To: path, Rotate: Rotate{Size: 4096}, Warn: func(error) { warned.Add(1) }})
	for range 100 {
		l.Write(&Record{})
	}
	shut(l)
	if n := strings.Count(contents(t, path), "\n"); n != 100 || warned.Load() != 1 {
		t.Errorf("%d lines, %d warnings, want 100 and 1", n, warned.Load())
	}
}

// TestFile_device: what is no file is never moved.
func TestFile_device(t *testing.T) {
	path := filepath.Join(t.TempDir(), "null")
	if err := os.Symlink("/dev/null", path); err != nil {
		t.Fatal(err)
	}
	l := opened(t, Options{To: path, Rotate: Rotate{Size: 4096}})
	for range 100 {
		l.Write(&Record{})
	}
	shut(l)
	if to, err := os.Readlink(path); err != nil || to != "/dev/null" || l.Status().Records[Written] != 100 {
		t.Errorf("%s, %v, %+v", to, err, l.Status())
	}
}
