package remote

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func chmod(t testing.TB, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func keeper(t testing.TB, url, dir string) *Source {
	t.Helper()
	o := defaults(url)
	o.Directory = dir
	return newSource(t, o)
}

func sample(t testing.TB, name string) Archive {
	t.Helper()
	content := revision(t, name)
	return Archive{Content: content, ETag: `"` + name + `"`, Digest: digestOf(content), FetchedAt: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
}

func wantKept(t testing.TB, s *Source, want Archive) {
	t.Helper()
	got, ok := s.Kept()
	if !ok || !bytes.Equal(got.Content, want.Content) || got.ETag != want.ETag || got.Digest != want.Digest || !got.FetchedAt.Equal(want.FetchedAt) {
		t.Fatalf("Kept = %s %s %v, %v; want %s %s %v", got.ETag, got.Digest, got.FetchedAt, ok, want.ETag, want.Digest, want.FetchedAt)
	}
}

// TestKeep: what is kept comes back in another process, and two sources do not meet.
func TestKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "down")
	first, second := keeper(t, "https://a.example/b?sig=1", dir), keeper(t, "https://a.example/b?sig=2", dir)
	if _, ok := first.Kept(); ok {
		t.Fatal("something is kept in a directory that is not there")
	}
	one, two := sample(t, "one"), sample(t, "two")
	for s, a := range map[*Source]Archive{first: one, second: two} {
		if err := s.Keep(a); err != nil {
			t.Fatal(err)
		}
	}
	wantKept(t, first, one)
	wantKept(t, second, two)
	wantKept(t, keeper(t, "https://a.example/b?sig=1", dir), one)
	if err := first.Keep(two); err != nil {
		t.Fatal(err)
	}
	wantKept(t, first, two)
	for path, want := range map[string]fs.FileMode{dir: 0o700 | fs.ModeDir, first.keptPath(): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%d files are in the directory, want 2", len(entries))
	}
	if text := read(t, first.keptPath()); strings.Contains(text, "sig=") {
		t.Error("the query is in the file")
	}
	// What an operator does to look into it.
	listed, err := exec.Command("sh", "-c", `tail -n +2 "$0" | tar tz`, first.keptPath()).CombinedOutput()
	if err != nil || !strings.Contains(string(listed), "model/data.json") {
		t.Errorf("tar lists %s, %v", listed, err)
	}
	if none := newSource(t, defaults("https://a.example/b")); none.Keep(one) != nil {
		t.Error("without a directory Keep fails")
	} else if _, ok := none.Kept(); ok {
		t.Error("without a directory something is kept")
	}
}

// TestKeep_together: two that keep at one time leave one whole archive.
func TestKeep_together(t *testing.T) {
	s := keeper(t, "https://a.example/b", t.TempDir())
	one, two := sample(t, "one"), sample(t, "two")
	var group sync.WaitGroup
	for range 10 {
		for _, a := range []Archive{one, two} {
			group.Go(func() {
				if err := s.Keep(a); err != nil {
					t.Errorf("Keep = %v", err)
				}
			})
		}
	}
	group.Wait()
	if got, ok := s.Kept(); !ok || got.Digest != one.Digest && got.Digest != two.Digest {
		t.Errorf("Kept = %s, %v", got.Digest, ok)
	}
}

// TestKept_reachedAt: what is kept knows when its server last said that it is the newest, and
// no other archive's answer changes that.
func TestKept_reachedAt(t *testing.T) {
	h := &holder{kind: "application/gzip"}
	h.put(revision(t, "one"))
	o := defaults(serve(t, h.ServeHTTP).URL)
	o.Directory = t.TempDir()
	clock := time.Unix(1_800_000_000, 0)
	o.Now = func() time.Time { return clock }
	s := newSource(t, o)
	reached := func(want time.Time) {
		t.Helper()
		kept, ok := newSource(t, o).Kept()
		if !ok || !kept.ReachedAt.Equal(want) {
			t.Errorf("Kept was reached at %s, %v, want %s", kept.ReachedAt, ok, want)
		}
	}
	ask := func() {
		t.Helper()
		clock = clock.Add(time.Hour)
		if err := s.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	first, _ := s.Latest()
	if err := s.Keep(first); err != nil {
		t.Fatal(err)
	}
	reached(first.FetchedAt)
	ask()
	ask()
	reached(clock)
	last := clock
	h.put(revision(t, "two"))
	ask() // is not kept: it may be refused
	reached(last)
}

// TestKeep_crash: at each point at which a crash can end the writing, the archive before
// is kept, and the next one can be.
func TestKeep_crash(t *testing.T) {
	dir := t.TempDir()
	s := keeper(t, "https://a.example/b", dir)
	one, two := sample(t, "one"), sample(t, "two")
	if err := s.Keep(one); err != nil {
		t.Fatal(err)
	}
	whole := read(t, s.keptPath())
	for _, n := range []int{0, 1, 100, len(whole) - 1, len(whole)} {
		left := writeFile(t, fmt.Sprintf("%s.%d.tmp", s.keptPath(), n), whole[:n])
		wantKept(t, s, one)
		before := time.Now().Add(-2 * leftAlone)
		if err := os.Chtimes(left, before, before); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Keep(two); err != nil {
		t.Fatal(err)
	}
	wantKept(t, s, two)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, want 1", len(entries))
	}
}

// TestKept_refused: a file that is not exactly what was kept is not used, and why is said.
func TestKept_refused(t *testing.T) {
	dir := t.TempDir()
	other := keeper(t, "https://a.example/other", dir)
	one := sample(t, "one")
	if err := other.Keep(one); err != nil {
		t.Fatal(err)
	}
	foreign := read(t, other.keptPath())
	log := &lines{}
	o := defaults("https://a.example/b")
	o.Directory, o.Logger = dir, log.logger()
	s := newSource(t, o)
	if err := s.Keep(one); err != nil {
		t.Fatal(err)
	}
	path, whole := s.keptPath(), read(t, s.keptPath())
	line, _, _ := strings.Cut(whole, "\n")
	f := func(want string, change func()) {
		t.Helper()
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, whole)
		wantKept(t, s, one)
		log.reset()
		change()
		if a, ok := s.Kept(); ok {
			t.Errorf("%s: Kept = %s", want, a.Digest)
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log says\n%s, want %q", log, want)
		}
	}
	text := func(text string) func() { return func() { writeFile(t, path, text) } }
	for _, n := range []int{0, 10, len(line)} {
		f("does not begin with what it is", text(whole[:n]))
	}
	f("is not whole", text(whole[:len(line)+1]))
	f("is not whole", text(whole[:len(whole)-1]))
	f("is not whole", text(whole+"x"))
	f("is not whole", text(string(flip([]byte(whole), len(whole)-20))))
	f("does not begin with what it is", text(strings.Replace(whole, keptForm, "postern-bundle-2", 1)))
	f("does not begin with what it is", text(strings.Repeat("x", 1<<20)))
	f("is of another URL", text(foreign))
	f("others can write to it", func() { chmod(t, path, 0o620) })
	f("others can write to it", func() { chmod(t, path, 0o602) })
	f("not a regular file", func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	})
	f("too many levels of symbolic links", func() {
		if err := os.Rename(path, path+".real"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path+".real", path); err != nil {
			t.Fatal(err)
		}
	})
	o.Limits.TotalBytes = 10
	strict := newSource(t, o)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, whole)
	if _, ok := strict.Kept(); ok {
		t.Error("an archive beyond the limits is kept")
	}
	if err := s.Keep(Archive{Content: one.Content, Digest: digestOf(nil)}); err == nil {
		t.Error("Keep takes an archive with another one's digest")
	}
}
