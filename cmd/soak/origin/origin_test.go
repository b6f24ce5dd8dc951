package origin

import (
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/cmd/soak/world"
	"postern/sidecar/bundle"
)

// TestKeys_known: around a change both sets are possible, and afterwards the new one alone.
func TestKeys_known(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	k := &Keys{sets: []set{
		{ids: []string{"a"}, from: at(0), by: at(10)},
		{ids: []string{"a", "b"}, from: at(100), by: at(110)},
		{ids: []string{"b", "c"}, from: at(200)}, // begun, and never finished
		{ids: []string{"b", "c"}, from: at(300), by: at(310)},
	}}
	f := func(id string, begin, end int, may, mayNot bool) {
		t.Helper()
		if gotMay, gotMayNot := k.Known(id, at(begin), at(end)); gotMay != may || gotMayNot != mayNot {
			t.Errorf("%s from %d to %d: may %t, may not %t", id, begin, end, gotMay, gotMayNot)
		}
	}
	f("a", 50, 60, true, false)
	f("b", 50, 60, false, true)
	f("b", 99, 100, true, true) // it ended when the change began
	f("b", 105, 106, true, true)
	f("b", 110, 111, true, false)
	f("a", 150, 160, true, false)
	f("a", 250, 260, true, true)
	f("c", 250, 260, true, true)
	f("a", 310, 311, false, true)
	f("c", 310, 400, true, false)
	f("d", 0, 400, false, true)
}

// TestKeys_rotate: a key is published for two steps, and Postern is only held to a set that
// it was given whole.
func TestKeys_rotate(t *testing.T) {
	k, err := NewKeys("k", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(k)
	defer server.Close()
	for m := range moods {
		k.mu.Lock()
		k.mood = m
		before := len(k.sets)
		k.mu.Unlock()
		if m == stalled {
			continue // for longer than a test should last
		}
		text, err := get(server.URL, "")
		k.mu.Lock()
		got := len(k.sets) - before
		k.mu.Unlock()
		if (got == 1) != m.whole() {
			t.Errorf("%v: %d sets were given", m, got)
		}
		if good := err == nil && strings.Contains(text, `"k-0"`) && strings.Contains(text, `"k-2"`); good != m.whole() {
			t.Errorf("%v: %q, %v", m, text, err)
		}
	}
}

// get is the body of a whole answer with 200.
func get(url, tag string) (string, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("If-None-Match", tag)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		return res.Status, nil
	}
	return string(text), err
}

// TestBundles: good revisions are in order and load, bad ones do not and are never among the
// good ones.
func TestBundles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	b, err := NewBundles(world.World{Seed: 3}, path)
	if err != nil {
		t.Fatal(err)
	}
	var good []int
	for n := range 30 {
		ok := n%3 != 0
		if err := b.publish(ok); err != nil {
			t.Fatal(err)
		}
		loaded, err := bundle.Load(t.Context(), bundle.DefaultLimits(), path)
		if ok && (err != nil || loaded.Revision != world.Name(b.last)) {
			t.Fatalf("revision %d: %v", b.last, err)
		}
		if ok {
			good = append(good, b.last)
		}
		if !ok && err == nil {
			continue // what only compiling refuses; the soak itself shows that it is
		}
		if b.Newest() != slices.Max(append(good, 1)) {
			t.Errorf("the newest is %d of %v", b.Newest(), good)
		}
	}
	if got := b.Between(5, 12); len(got) == 0 || slices.ContainsFunc(got, func(r int) bool { return !slices.Contains(good, r) || r < 5 || r > 12 }) {
		t.Errorf("between 5 and 12 are %v of %v", got, good)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// TestBundles_serve: the tag is the revision's.
func TestBundles_serve(t *testing.T) {
	b, err := NewBundles(world.World{Seed: 3}, "")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(b)
	defer server.Close()
	if text, err := get(server.URL, `"1"`); err != nil || text != "304 Not Modified" {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := get(server.URL, `"0"`); err != nil || text != string(b.archive) {
		t.Errorf("%q, %v", text, err)
	}
	b.mood = busy
	if text, err := get(server.URL, `"1"`); err != nil || text != "503 Service Unavailable" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestTroubles: all moods come, and up between any two others.
func TestTroubles(t *testing.T) {
	next := troubles(rand.New(rand.NewPCG(1, 2)))
	seen := map[mood]bool{}
	for m, n := up, 0; n < 2*int(moods); n++ {
		was := m
		m = next(m)
		seen[m] = true
		if (was == up) == (m == up) {
			t.Errorf("%v after %v", m, was)
		}
	}
	if len(seen) != int(moods) {
		t.Errorf("only %v", seen)
	}
}
