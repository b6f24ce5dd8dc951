package cache

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"unsafe"
)

func mustCache(t *testing.T, maxBytes int) *Cache[string] {
	t.Helper()
	c, err := New[string](maxBytes, nil)
	if err != nil {
		t.Fatalf("New(%d): %v", maxBytes, err)
	}
	return c
}

// TestCache_wholeToken finds an entry by all bytes of a token and by nothing less.
func TestCache_wholeToken(t *testing.T) {
	c := mustCache(t, 1<<20)
	raw := strings.Repeat("eyJhbGciOiJSUzI1NiJ9.", 40)
	c.Put(raw, "session", 0)
	if got, ok := c.Get(raw); !ok || got != "session" {
		t.Fatalf("Get = %q, %v, want the session", got, ok)
	}
	for i := range raw {
		b := []byte(raw)
		b[i] ^= 1
		if got, ok := c.Get(string(b)); ok {
			t.Fatalf("Get with byte %d changed = %q, want nothing", i, got)
		}
	}
	for _, other := range []string{"", raw[:len(raw)-1], raw[1:], raw + " ", raw + "\x00", strings.ToUpper(raw), raw[:len(raw)/2]} {
		if got, ok := c.Get(other); ok {
			t.Fatalf("Get(%.40q) = %q, want nothing", other, got)
		}
	}
}

// TestCache_owns keeps a copy of the token: a request's bytes are reused by the next.
func TestCache_owns(t *testing.T) {
	c := mustCache(t, 1<<20)
	buffer := []byte("first-token")
	c.Put(unsafe.String(&buffer[0], len(buffer)), "first", 0)
	copy(buffer, "other-token")
	if got, ok := c.Get("other-token"); ok {
		t.Fatalf("Get(other-token) = %q, want nothing", got)
	}
	if got, ok := c.Get("first-token"); !ok || got != "first" {
		t.Fatalf("Get(first-token) = %q, %v, want first", got, ok)
	}
}

// TestCache_bounded fills the cache many times over, with the costs that were given.
func TestCache_bounded(t *testing.T) {
	const limit, cost = 64 << 10, 1000
	c := mustCache(t, limit)
	for i := range 10000 {
		c.Put(fmt.Sprintf("token-%d", i), "x", cost)
	}
	c.entries.CleanUp()
	s := c.Stats()
	if s.Bytes > limit || s.Entries > limit/cost || s.Entries == 0 || s.Evictions == 0 {
		t.Fatalf("Stats = %+v, want at most %d bytes and %d entries", s, limit, limit/cost)
	}
	c.Put("huge", "x", limit)
	c.entries.CleanUp()
	if _, ok := c.Get("huge"); ok {
		t.Fatal("an entry that is larger than the cache stays in it")
	}
	c = mustCache(t, limit)
	c.Put("negative", "x", -1<<40)
	c.entries.CleanUp()
	if s := c.Stats(); s.Bytes != uint64(len("negative"))+entryOverhead {
		t.Fatalf("Stats after a negative cost = %+v, want the token's own bytes", s)
	}
}

func TestCache_stats(t *testing.T) {
	c := mustCache(t, 1<<20)
	c.Put("a", "x", 10)
	c.Get("a")
	c.Get("a")
	c.Get("b")
	c.entries.CleanUp()
	if s := c.Stats(); s.Hits != 2 || s.Misses != 1 || s.Entries != 1 || s.Bytes != 1+10+entryOverhead {
		t.Fatalf("Stats = %+v, want 2 hits, 1 miss, 1 entry of %d bytes", s, 11+entryOverhead)
	}
	c.Put("a", "y", 10)
	if got, _ := c.Get("a"); got != "y" {
		t.Fatalf("Get after a second Put = %q, want y", got)
	}
	c.Drop("a")
	if got, ok := c.Get("a"); ok {
		t.Fatalf("Get after Drop = %q, want nothing", got)
	}
}

func TestCache_off(t *testing.T) {
	c := mustCache(t, 0)
	c.Put("a", "x", 0)
	c.Drop("a")
	if _, ok := c.Get("a"); ok || c.Stats() != (Stats{}) {
		t.Fatalf("a cache of 0 bytes holds something: %+v", c.Stats())
	}
	if _, err := New[int](-1, nil); err == nil {
		t.Fatal("New(-1) = nil, want an error")
	}
}

func TestCache_concurrent(t *testing.T) {
	c := mustCache(t, 8<<10)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 2000 {
				raw := fmt.Sprintf("token-%d", i%100)
				if got, ok := c.Get(raw); ok && got != raw {
					t.Errorf("Get(%q) = %q, want its own value", raw, got)
					return
				}
				c.Put(raw, raw, 100)
			}
		})
	}
	all.Wait()
}

// TestCache_counts: caches that follow each other go on counting.
func TestCache_counts(t *testing.T) {
	counts := NewCounts()
	for range 3 {
		c, err := New[int](1<<20, counts)
		if err != nil {
			t.Fatal(err)
		}
		c.Get("a")
		c.Put("a", 1, 0)
		c.Get("a")
	}
	if s := counts.Stats(); s.Hits != 3 || s.Misses != 3 {
		t.Errorf("Stats = %+v, want 3 hits and 3 misses", s)
	}
}

// TestCache_hitAllocates holds what is warm to no allocation at all.
func TestCache_hitAllocates(t *testing.T) {
	c := mustCache(t, 1<<20)
	key := []byte(strings.Repeat("key", 300))
	c.Put(string(key), "value", 10)
	allocs := testing.AllocsPerRun(100, func() {
		if _, ok := c.Get(unsafe.String(&key[0], len(key))); !ok {
			t.Fatal("not a hit")
		}
	})
	if allocs != 0 {
		t.Fatalf("a hit allocates %v times, want 0", allocs)
	}
}
