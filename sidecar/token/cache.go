package token

import (
	"fmt"
	"math"
	"strings"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
)

// entryOverhead is a guess at what the cache itself spends on an entry, in bytes.
const entryOverhead = 128

// A Cache remembers what verified tokens stand for, by their whole bytes: a key that left
// out a part, or was a short hash, could hand one session to another. It is bounded in
// bytes and safe for concurrent use. Whether an entry still holds, by key set and by time,
// is for the caller to ask on every hit ([Claims.Current], [Verifier.CheckTimes]).
type Cache[V any] struct {
	entries *otter.Cache[string, entry[V]]
}

type entry[V any] struct {
	value V
	cost  uint32
}

// CacheStats counts a cache's life so far.
type CacheStats struct {
	Hits, Misses, Evictions uint64
	// Entries and Bytes are what it holds now, roughly.
	Entries int
	Bytes   uint64
}

// NewCache makes a cache of at most maxBytes, by its own reckoning. With 0 it holds
// nothing.
func NewCache[V any](maxBytes int) (*Cache[V], error) {
	if maxBytes < 0 {
		return nil, fmt.Errorf("token cache of %d bytes", maxBytes)
	}
	if maxBytes == 0 {
		return &Cache[V]{}, nil
	}
	entries, err := otter.New(&otter.Options[string, entry[V]]{
		MaximumWeight: uint64(maxBytes),
		Weigher:       func(_ string, e entry[V]) uint32 { return e.cost },
		StatsRecorder: stats.NewCounter(),
	})
	if err != nil {
		return nil, fmt.Errorf("make the token cache: %w", err)
	}
	return &Cache[V]{entries: entries}, nil
}

// Get returns what was put under raw. It does not keep raw.
func (c *Cache[V]) Get(raw string) (V, bool) {
	if c.entries == nil {
		var none V
		return none, false
	}
	e, ok := c.entries.GetIfPresent(raw)
	return e.value, ok
}

// Put remembers value under a copy of raw, in place of what was there. Cost is the size of
// value in bytes; the token's own is added.
func (c *Cache[V]) Put(raw string, value V, cost int) {
	if c.entries == nil {
		return
	}
	weight := uint64(len(raw)) + uint64(max(cost, 0)) + entryOverhead
	c.entries.Set(strings.Clone(raw), entry[V]{value: value, cost: uint32(min(weight, math.MaxUint32))})
}

// Drop forgets raw.
func (c *Cache[V]) Drop(raw string) {
	if c.entries != nil {
		c.entries.Invalidate(raw)
	}
}

// Stats counts hits, misses and size.
func (c *Cache[V]) Stats() CacheStats {
	if c.entries == nil {
		return CacheStats{}
	}
	s := c.entries.Stats()
	return CacheStats{
		Hits:      s.Hits,
		Misses:    s.Misses,
		Evictions: s.Evictions,
		Entries:   c.entries.EstimatedSize(),
		Bytes:     c.entries.WeightedSize(),
	}
}
