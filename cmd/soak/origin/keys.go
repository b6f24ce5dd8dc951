package origin

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"postern/sidecar/token/mint"
)

// ring is how many keys an issuer has in all. Two are published at a time: the new one, and
// the one before it, which is then withdrawn.
const ring = 3

// grace is how long Postern may take to act on keys that it was given.
const grace = 5 * time.Second

// Keys are those of one issuer, which rotate, in a file or at a URL.
type Keys struct {
	All    []*mint.Key
	path   string // of the file; empty for a URL
	random *rand.Rand

	mu   sync.Mutex // guards what follows
	step int        // how often the keys have rotated
	sets []set      // those that Postern was given, the newest last
	text []byte     // what is published
	ids  []string   // of the keys in it
	mood mood
}

// A set is a key set that Postern was given.
type set struct {
	ids  []string
	from time.Time // when it can have been in force first
	by   time.Time // when it surely was; zero for never
}

// NewKeys makes keys and publishes the first set.
func NewKeys(name, path string, seed uint64) (*Keys, error) {
	k := &Keys{path: path, random: rand.New(rand.NewPCG(seed, 2))}
	for n := range ring {
		key, err := mint.NewKey(fmt.Sprintf("%s-%d", name, n))
		if err != nil {
			return nil, err
		}
		k.All = append(k.All, key)
	}
	return k, k.publish()
}

// published are the keys of a step.
func (k *Keys) published(step int) []*mint.Key {
	return []*mint.Key{k.All[step%ring], k.All[(step+ring-1)%ring]}
}

func (k *Keys) publish() error {
	keys := k.published(k.step)
	text, err := mint.JWKS(keys...)
	if err != nil {
		return err
	}
	var ids []string
	for _, key := range keys {
		ids = append(ids, key.ID)
	}
	k.mu.Lock()
	k.text, k.ids = text, ids
	k.mu.Unlock()
	if k.path == "" {
		return nil
	}
	given := k.give(ids)
	if err := replace(k.path, text); err != nil {
		return err
	}
	given()
	return nil
}

// give notes that Postern is being given a set, and returns what notes that it has it.
func (k *Keys) give(ids []string) (given func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := len(k.sets)
	k.sets = append(k.sets, set{ids: ids, from: time.Now()})
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.sets[at].by = time.Now().Add(grace)
	}
}

// Run rotates the keys now and then until ctx ends. Between, the file is sometimes spoilt,
// or the server's mood changes.
func (k *Keys) Run(ctx context.Context, every time.Duration) error {
	moods := troubles(k.random)
	for {
		if !pause(ctx, every/2) {
			return nil
		}
		switch {
		case k.path == "":
			k.mu.Lock()
			k.mood = moods(k.mood)
			k.mu.Unlock()
		case k.random.IntN(2) == 0:
			if err := replace(k.path, []byte("no keys")); err != nil {
				return err
			}
		}
		if !pause(ctx, every/2) {
			return nil
		}
		k.mu.Lock()
		k.step++
		k.mu.Unlock()
		if err := k.publish(); err != nil {
			return err
		}
	}
}

// Settle ends all that is wrong.
func (k *Keys) Settle() error {
	k.mu.Lock()
	k.mood = up
	k.mu.Unlock()
	return k.publish()
}

// Rotations is how often the keys have rotated.
func (k *Keys) Rotations() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.step
}

// Known says whether Postern may have known a key, and whether it may not have, at some
// time of a span.
func (k *Keys) Known(id string, begin, end time.Time) (may, mayNot bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := len(k.sets) - 1; i >= 0; i-- {
		s := k.sets[i]
		if s.from.After(end) {
			continue
		}
		if slices.Contains(s.ids, id) {
			may = true
		} else {
			mayNot = true
		}
		if !s.by.IsZero() && !s.by.After(begin) {
			break // whatever was before it is gone
		}
	}
	return may, mayNot
}

// Current is the newest published key.
func (k *Keys) Current() *mint.Key {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.published(k.step)[0]
}

// ServeHTTP answers with the set that is published, as the mood is.
func (k *Keys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	text, ids, m := k.text, k.ids, k.mood
	k.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	if !m.whole() {
		m.answer(w, r, text)
		return
	}
	given := k.give(ids)
	m.answer(w, r, text)
	if r.Context().Err() == nil {
		given()
	}
}
