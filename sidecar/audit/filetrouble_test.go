package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// writes writes a record and waits until it is written.
func writes(t *testing.T, l *Log, id string) {
	t.Helper()
	was := l.Status().Records[Written]
	l.Write(&Record{ID: id})
	eventually(t, id+" is written", func() bool { return l.Status().Records[Written] == was+1 })
}

// TestFile_deleted: what is written to a file without a name is nowhere. It is written again,
// to a new one.
func TestFile_deleted(t *testing.T) {
	f := func(rotate Rotate, linked bool) {
		t.Helper()
		dir := t.TempDir()
		path := filepath.Join(dir, "d.jsonl")
		if linked {
			if err := os.Symlink(filepath.Join(dir, "real"), path); err != nil {
				t.Fatal(err)
			}
		}
		var warned atomic.Int64
		l := opened(t, Options{To: path, Rotate: rotate, Warn: func(error) { warned.Add(1) }})
		writes(t, l, "a")
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(real); err != nil {
			t.Fatal(err)
		}
		writes(t, l, "b")
		writes(t, l, "c")
		shut(l)
		if text := contents(t, path); strings.Count(text, "\n") != 2 || !strings.Contains(text, `"b"`) || !strings.Contains(text, `"c"`) || warned.Load() != 1 {
			t.Errorf("%q, %d warnings", text, warned.Load())
		}
	}
	f(Rotate{}, false)
	f(Rotate{Size: 4096}, false)
	f(Rotate{}, true)
}

// TestFile_directoryDeleted: nothing is written while there is no directory; what is required
// is refused, and what waits is written when there is one again.
func TestFile_directoryDeleted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "d.jsonl")
	l := opened(t, Options{To: path})
	writes(t, l, "a")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	l.Write(&Record{ID: "b", Required: true})
	eventually(t, "the log fails", func() bool { return l.Status().Failing })
	if l.Write(&Record{ID: "refused", Required: true}) {
		t.Error("what is required was taken without a file")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log is well", func() bool { return !l.Status().Failing })
	shut(l)
	if text := contents(t, path); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"b"`) || l.Lost() != 0 {
		t.Errorf("%q, %d lost", text, l.Lost())
	}
}

// TestFile_replaced: a file that another one has taken the place of is left where it is, and
// so is the other: records go on there.
func TestFile_replaced(t *testing.T) {
	dir := t.TempDir()
	path, moved, target := filepath.Join(dir, "d.jsonl"), filepath.Join(dir, "moved"), filepath.Join(dir, "target")
	f := func(put func() error) {
		t.Helper()
		l := opened(t, Options{To: path, Rotate: Rotate{Size: 4096}})
		writes(t, l, "first")
		if err := os.Rename(path, moved); err != nil {
			t.Fatal(err)
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		for i := range 60 {
			writes(t, l, fmt.Sprint(i))
		}
		shut(l)
		if all, err := olds(path); err != nil || len(all) != 0 {
			t.Errorf("%d files were moved, %v", len(all), err)
		}
		if text := contents(t, moved) + contents(t, path); strings.Count(text, "\n") != 61 {
			t.Errorf("%d lines, want 61", strings.Count(text, "\n"))
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	f(func() error { return nil })
	f(func() error { return os.WriteFile(path, nil, 0o600) })
	f(func() error { return os.Symlink(target, path) })
}

// TestFile_clockSetBack: the files that were made last are kept, whatever their names say of
// the time.
func TestFile_clockSetBack(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "d.jsonl")
	for i := range 3 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("d-22000101T00000%d.000000Z.jsonl", i)), []byte("of a clock that was ahead\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := opened(t, Options{To: path, Rotate: Rotate{Size: 4096, Keep: 3}})
	const n = 200
	for i := range n {
		writes(t, l, fmt.Sprint(i))
	}
	shut(l)
	if err := (Rotate{Keep: 3}).keep(t.Context(), path, time.Now()); err != nil {
		t.Fatal(err)
	}
	all, err := olds(path)
	if err != nil || len(all) != 3 {
		t.Fatalf("%d old files, %v", len(all), err)
	}
	text := contents(t, all[2].path) + contents(t, all[1].path) + contents(t, all[0].path) + contents(t, path)
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		if want := fmt.Sprintf(`{"decision_id":"%d"`, n-len(lines)+i); !strings.HasPrefix(line, want) {
			t.Fatalf("line %d begins with %.40s, want %s", i, line, want)
		}
	}
}

// TestFile_tornAndFull: a line that was left in the middle is ended when there is room.
func TestFile_tornAndFull(t *testing.T) {
	dir := smallDisk(t)
	path, ballast := filepath.Join(dir, "d.jsonl"), filepath.Join(dir, "ballast")
	torn := `{"decision_id":"` + strings.Repeat("x", 4096-16) // to the end of a page
	if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ballast, make([]byte, 64<<10), 0o600); err == nil {
		t.Fatal("there is more room than there should be")
	}
	l := opened(t, Options{To: path})
	l.Write(&Record{ID: "a"})
	eventually(t, "the log fails", func() bool { return l.Status().Failing })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log is well", func() bool { return !l.Status().Failing })
	shut(l)
	if text := contents(t, path); !strings.HasPrefix(text, torn+"\n"+`{"decision_id":"a"`) || strings.Count(text, "\n") != 2 {
		t.Errorf("%q", strings.TrimPrefix(text, torn))
	}
}
