package origin

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// A Collector is a server that takes decision logs as OPA's do, and fails at times. What it
// has taken and not acknowledged is sent again.
type Collector struct {
	// Take is given each body, unpacked, and whether it will be acknowledged.
	Take   func(body []byte, acknowledged bool) error
	Failed func(error) // is told of bodies that cannot be read or taken

	random *rand.Rand
	mu     sync.Mutex // guards mood
	mood   mood
}

// NewCollector is one that is up.
func NewCollector(seed uint64, take func([]byte, bool) error, failed func(error)) *Collector {
	return &Collector{Take: take, Failed: failed, random: rand.New(rand.NewPCG(seed, 3))}
}

// Run changes the mood now and then until ctx ends.
func (c *Collector) Run(ctx context.Context, every time.Duration) error {
	moods := troubles(c.random)
	for pause(ctx, every) {
		c.set(moods(c.mood)) // which nobody else sets meanwhile
	}
	return nil
}

// Settle ends all that is wrong.
func (c *Collector) Settle() { c.set(up) }

func (c *Collector) set(m mood) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mood = m
}

// largestUpload bounds a body, unpacked.
const largestUpload = 64 << 20

// ServeHTTP takes an upload, as the mood is. Half takes all and acknowledges nothing; to what
// is garbage the status alone says that it is taken.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	m := c.mood
	c.mu.Unlock()
	switch m {
	case down, busy, stalled:
		m.answer(w, r, nil)
		return
	case slow:
		pause(r.Context(), time.Second)
	}
	body, err := unpacked(r)
	if err == nil {
		err = c.Take(body, m != half)
	}
	if err != nil {
		c.Failed(err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch m {
	case half:
		panic(http.ErrAbortHandler)
	case garbage:
		m.answer(w, r, nil)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func unpacked(r *http.Request) ([]byte, error) {
	packed, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, fmt.Errorf("an upload that is not packed: %w", err)
	}
	return io.ReadAll(io.LimitReader(packed, largestUpload))
}
