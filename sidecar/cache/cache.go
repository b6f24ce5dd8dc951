// Package cache remembers values by the whole bytes of what they were made from: a key
// that left out a part, or was a short hash, could hand one caller what is another's. A
// cache is bounded in bytes.
package cache

import (
	"fmt"
	"math"
	"strings"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
)

// entryOverhead is a guess at what the cache itself spends on an entry, in bytes.
const entryOverhead = 128

// A Cache is safe for concurrent use. Whether an entry still holds is for the caller to
// know, or to ask on every hit.
type Cache[V any] struct {
	entries *otter.Cache[string, entry[V]]
	counts  *Counts
}

type entry[V any] struct {
	value V
	cost  uint32
}

// Counts are the hits, misses and evictions of one cache, or of several that follow each
// other.
type Counts struct{ recorder *stats.Counter }

// NewCounts begins at zero.
func NewCounts() *Counts { return &Counts{stats.NewCounter()} }

// Stats is a cache's life so far.
type Stats struct {
	// Hits, Misses and Evictions are of all caches that share the Counts.
	Hits, Misses, Evictions uint64
	// Entries and Bytes are what this one holds now, roughly.
	Entries int
	Bytes   uint64
}

// New makes a cache of at most maxBytes, by its own reckoning. With 0 it holds nothing.
// Without counts it has its own.
func New[V any](maxBytes int, counts *Counts) (*Cache[V], error) {
	if maxBytes < 0 {
		return nil, fmt.Errorf("cache of %d bytes", maxBytes)
	}
	if counts == nil {
		counts = NewCounts()
	}
	c := &Cache[V]{counts: counts}
	if maxBytes == 0 {
		return c, nil
	}
	var err error
	c.entries, err = otter.New(&otter.Options[string, entry[V]]{
		MaximumWeight: uint64(maxBytes),
		Weigher:       func(_ string, e entry[V]) uint32 { return e.cost },
		StatsRecorder: counts.recorder,
		// Upkeep is short, and by default begun in a goroutine by almost every Put: to start
		// one, and to wake a thread for it, costs more than what it does.
		Executor: func(upkeep func()) { upkeep() },
	})
	if err != nil {
		return nil, fmt.Errorf("make a cache: %w", err)
	}
	return c, nil
}

// Holds reports whether anything can be kept.
func (c *Cache[V]) Holds() bool { return c.entries != nil }

// Get returns what was put under key. It does not keep key, which may share memory with a
// request.
func (c *Cache[V]) Get(key string) (V, bool) {
	if c.entries == nil {
		var none V
		return none, false
	}
	e, ok := c.entries.GetIfPresent(key)
	return e.value, ok
}

// Put remembers value under a copy of key, in place of what was there. Cost is the size of
// value in bytes; the key's own is added.
func (c *Cache[V]) Put(key string, value V, cost int) {
	if c.entries == nil {
		return
	}
	weight := uint64(len(key)) + uint64(max(cost, 0)) + entryOverhead
	c.entries.Set(strings.Clone(key), entry[V]{value: value, cost: uint32(min(weight, math.MaxUint32))})
}

// Drop forgets key.
func (c *Cache[V]) Drop(key string) {
	if c.entries != nil {
		c.entries.Invalidate(key)
	}
}

// Stats counts hits, misses and size.
func (c *Cache[V]) Stats() Stats {
	s := c.counts.Stats()
	if c.entries != nil {
		s.Entries, s.Bytes = c.entries.EstimatedSize(), c.entries.WeightedSize()
	}
	return s
}

// Stats counts hits, misses and evictions alone.
func (c *Counts) Stats() Stats {
	s := c.recorder.Snapshot()
	return Stats{Hits: s.Hits, Misses: s.Misses, Evictions: s.Evictions}
}
