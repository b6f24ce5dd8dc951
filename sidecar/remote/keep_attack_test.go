package remote

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// TestKeep_processes: two processes with one directory, as two servers that share a volume,
// never see a part of what the other one writes.
func TestKeep_processes(t *testing.T) {
	dir := t.TempDir()
	archives := []Archive{sample(t, "one"), sample(t, "two")}
	for i := range archives {
		noise := make([]byte, 1<<20)
		for n := range noise {
			noise[n] = byte(n * 2654435761 >> 7)
		}
		archives[i].Content = archiveOf(t, map[string]string{"README": archives[i].Digest + string(noise), ".manifest": "{}"})
		archives[i].Digest = digestOf(archives[i].Content)
	}
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	// Sources of their own know nothing of each other, as processes do not.
	reader := keeper(t, "https://a.example/b", dir)
	if err := reader.Keep(archives[0]); err != nil {
		t.Fatal(err)
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				if _, ok := reader.Kept(); !ok {
					t.Error("what is kept is not whole")
					return
				}
			}
		}
	})
	for i := range 4 {
		s := keeper(t, "https://a.example/b", dir)
		writers.Go(func() {
			for n := range 10 {
				if err := s.Keep(archives[(i+n)%2]); err != nil {
					t.Errorf("Keep = %v", err)
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%d files are left, want 1", len(entries))
	}
}

// TestKeep_reachedAgain: to keep again what is kept, as a start does and a load of the bundle
// beside it, does not forget when its server last said that it is the newest.
func TestKeep_reachedAgain(t *testing.T) {
	h := &holder{kind: "application/gzip"}
	h.put(revision(t, "one"))
	o := defaults(serve(t, h.ServeHTTP).URL)
	o.Directory = filepath.Join(t.TempDir(), "kept")
	clock := time.Unix(1_800_000_000, 0)
	o.Now = func() time.Time { return clock }
	s := newSource(t, o)
	for range 3 {
		if err := s.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		first, _ := s.Latest()
		if err := s.Keep(first); err != nil {
			t.Fatal(err)
		}
		clock = clock.Add(time.Hour)
	}
	last := clock.Add(-time.Hour)
	for n := range 3 {
		again := newSource(t, o)
		kept, ok := again.Kept()
		if !ok || !kept.ReachedAt.Equal(last) {
			t.Fatalf("after %d starts it was reached at %s, %v, want %s", n, kept.ReachedAt, ok, last)
		}
		if err := again.Keep(kept); err != nil {
			t.Fatal(err)
		}
	}
	// A time that has not come is another clock's, and is not believed for good.
	clock = last.Add(-time.Minute)
	again := newSource(t, o)
	kept, _ := again.Kept()
	if err := again.Keep(kept); err != nil {
		t.Fatal(err)
	}
	if kept, _ = again.Kept(); !kept.ReachedAt.Equal(kept.FetchedAt) {
		t.Errorf("it was reached at %s, in what is the future", kept.ReachedAt)
	}
}
