// Package origin is where the soak's Postern gets its policy and its keys from: files that
// are replaced, and servers that fail in every way that servers have.
package origin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"postern/cmd/soak/world"
)

// Bundles publishes revisions, to a file or at a URL. Its numbers count up, and those of bad
// ones are never used again.
type Bundles struct {
	world  world.World
	path   string // of the file; empty for a URL
	random *rand.Rand

	mu      sync.Mutex // guards what follows
	last    int        // the last revision, good or bad
	good    []int      // all that may ever be in force, ascending
	archive []byte     // what is there now
	mood    mood
	count   map[string]int
}

// NewBundles publishes the first revision. With a path, that file is it; else [Bundles] is
// to be served.
func NewBundles(w world.World, path string) (*Bundles, error) {
	b := &Bundles{world: w, path: path, random: rand.New(rand.NewPCG(w.Seed, 1)), count: map[string]int{}}
	return b, b.publish(true)
}

// publish replaces what is there with the next revision.
func (b *Bundles) publish(good bool) error {
	b.mu.Lock()
	revision := b.last + 1
	b.mu.Unlock()
	archive, err := b.world.Bundle(revision)
	if !good {
		archive, err = b.world.BadBundle(revision, revision/5)
	}
	if err != nil {
		return err
	}
	b.mu.Lock()
	b.last, b.archive = revision, archive
	b.count["bad"]++
	if good { // before anybody can see it
		b.good = append(b.good, revision)
		b.count["bad"]--
		b.count["good"]++
	}
	b.mu.Unlock()
	if b.path == "" {
		return nil
	}
	return replace(b.path, archive)
}

// replace puts a file in another's place at once.
func replace(path string, text []byte) error {
	next := filepath.Join(filepath.Dir(path), ".next-"+filepath.Base(path))
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// Run publishes a revision now and then, one in five of them bad, and lets the file go
// missing or the server be in another mood, until ctx ends.
func (b *Bundles) Run(ctx context.Context, every time.Duration) error {
	moods := troubles(b.random)
	for n := 1; pause(ctx, every/2+time.Duration(b.random.Int64N(int64(every)))); n++ {
		var err error
		switch {
		case n%5 == 0:
			err = b.publish(false)
		case n%7 == 0 && b.path != "":
			err = os.Remove(b.path) // until the next one
			b.say("missing")
		default:
			err = b.publish(true)
		}
		if err != nil {
			return err
		}
		if b.path == "" && b.random.IntN(2) == 0 {
			b.mu.Lock()
			b.mood = moods(b.mood)
			b.mu.Unlock()
		}
	}
	return nil
}

// Settle publishes one last good revision, with nothing wrong, and returns it.
func (b *Bundles) Settle() (int, error) {
	b.mu.Lock()
	b.mood = up
	b.mu.Unlock()
	err := b.publish(true)
	return b.Newest(), err
}

// Newest is the newest good revision.
func (b *Bundles) Newest() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.good[len(b.good)-1]
}

// Between are the good revisions from one number to another.
func (b *Bundles) Between(from, to int) []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []int
	for i := len(b.good) - 1; i >= 0 && b.good[i] >= from; i-- {
		if b.good[i] <= to {
			all = append(all, b.good[i])
		}
	}
	return all
}

func (b *Bundles) say(what string) {
	b.mu.Lock()
	b.count[what]++
	b.mu.Unlock()
}

// Counts are how often each thing happened.
func (b *Bundles) Counts() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string]int{}
	for what, n := range b.count {
		all[what] = n
	}
	return all
}

// ServeHTTP answers with what is there now, as the mood is.
func (b *Bundles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	archive, m, tag := b.archive, b.mood, fmt.Sprintf(`"%d"`, b.last)
	b.mu.Unlock()
	if m == up && r.Header.Get("If-None-Match") == tag {
		b.say("304")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	b.say("asked while " + m.String())
	w.Header().Set("ETag", tag)
	w.Header().Set("Content-Type", "application/gzip")
	m.answer(w, r, archive)
}
