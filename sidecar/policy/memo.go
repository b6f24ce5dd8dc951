package policy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"postern/sidecar/authzen"
	"postern/sidecar/bundle"
	"postern/sidecar/cache"
	"postern/sidecar/dataset"
	"postern/sidecar/decision"
)

// maxKey bounds the keys that are remembered, in bytes: what reads whole tokens or
// documents is hardly ever asked twice.
const maxKey = 16 << 10

// A Memo remembers what entrypoints came to, under all that they read of their input, with
// all that they read of the data. It outlives the policies that use it: what one of them
// came to holds in the next if the rules are the same and so is what was read.
type Memo struct {
	entries *cache.Cache[*kept]
	keys    sync.Pool
	// stale counts what was found and did not hold any more.
	stale atomic.Uint64

	mu     sync.Mutex // guards scopes
	scopes map[string]uint64
}

// scopes numbers the rules of all memos of the process: sessions remember by these numbers,
// whichever memo is asked.
var scopes atomic.Uint64

// maxScopes bounds the rules that a memo knows again; those of old bundles are forgotten.
const maxScopes = 64

// NewMemo makes a memo of at most maxBytes, by its own reckoning; 0 remembers nothing.
func NewMemo(maxBytes int) (*Memo, error) {
	entries, err := cache.New[*kept](maxBytes, nil)
	if err != nil {
		return nil, err
	}
	m := &Memo{entries: entries, scopes: map[string]uint64{}}
	m.keys.New = func() any { return &key{bytes: make([]byte, 0, 2<<10)} }
	return m, nil
}

// scope is the number of a set of rules: all that decides besides input and data. Rules
// that cannot be told apart by their text have a number of their own.
func (m *Memo) scope(b *bundle.Bundle, o Options, chosen bundle.Entrypoints) uint64 {
	if b.Rego == "" && len(b.Modules) > 0 {
		return scopes.Add(1)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	rules := fmt.Sprintf("%s %q %q %q %q %q", b.Rego, chosen.Check, chosen.Route, chosen.Evaluate, chosen.Search, slices.Sorted(slices.Values(o.Builtins)))
	if known, ok := m.scopes[rules]; ok {
		return known
	}
	if len(m.scopes) >= maxScopes {
		clear(m.scopes)
	}
	m.scopes[rules] = scopes.Add(1)
	return m.scopes[rules]
}

// MemoStats are a memo's life so far.
type MemoStats struct {
	// Hits were answered by the memo; Misses might have been, and were evaluated.
	Hits, Misses, Evictions uint64
	// Bytes is what it holds now, roughly.
	Bytes uint64
}

// Stats counts hits, misses and size.
func (m *Memo) Stats() MemoStats {
	s, stale := m.entries.Stats(), m.stale.Load()
	return MemoStats{Hits: s.Hits - min(stale, s.Hits), Misses: s.Misses + stale, Evictions: s.Evictions, Bytes: s.Bytes}
}

// A kept is what one evaluation came to: the answer of an entrypoint that decides, with the
// cause where it is undefined, or an Effective, or what a search found.
type kept struct {
	answer    *decision.Answer
	cause     error
	effective *Effective
	found     []authzen.Result
	// facts are what was read of the data, and valid is the policy, by number, that they were
	// last found to hold for.
	facts []*dataset.Fact
	valid atomic.Uint64
}

// A key is under construction, or is found not to be one.
type key struct {
	bytes []byte
	none  bool
}

// key begins the key of one entrypoint. What is not to be remembered has none.
func (p *Policy) key(e *entrypoint) *key {
	k := p.memo.keys.Get().(*key)
	k.bytes, k.none = append(k.bytes[:0], e.number), !p.memo.entries.Holds() || !e.shared
	k.bytes = binary.AppendUvarint(k.bytes, p.scope)
	return k
}

// done gives a key back.
func (p *Policy) done(k *key) {
	if cap(k.bytes) <= maxKey {
		p.memo.keys.Put(k)
	}
}

// name is the key as the cache takes it, good until the key is done with.
func (k *key) name() string { return unsafe.String(unsafe.SliceData(k.bytes), len(k.bytes)) }

// find returns what was kept, if it holds for this policy's data.
func (p *Policy) find(k *key) (*kept, bool) {
	if k.none = k.none || len(k.bytes) > maxKey; k.none {
		return nil, false
	}
	v, ok := p.memo.entries.Get(k.name())
	if !ok {
		return nil, false
	}
	if v.valid.Load() == p.generation {
		return v, true
	}
	if !p.store.Holds(v.facts) {
		p.memo.stale.Add(1)
		return nil, false
	}
	v.valid.Store(p.generation)
	return v, true
}

// keep remembers what a completed evaluation came to, with what it read. One that failed,
// or ran out of time, did not complete.
func (p *Policy) keep(k *key, v *kept, read *dataset.Reading) {
	if k.none || v.cause != nil && !errors.Is(v.cause, errUndefined) {
		return
	}
	var ok bool
	if v.facts, ok = read.Facts(); !ok {
		return
	}
	v.valid.Store(p.generation)
	p.memo.entries.Put(k.name(), v, v.cost())
}

// What Go's values take in memory, in bytes, roughly.
const (
	answerCost = 400
	reasonCost = 250
	textCost   = 32
)

// cost reckons the memory of what is kept.
func (v *kept) cost() int {
	n := 0
	for _, f := range v.facts {
		n += f.Size()
	}
	return n + v.answerCost()
}

// answerCost counts texts twice: a rendered answer holds them once more.
func (v *kept) answerCost() int {
	if v.effective != nil {
		n := answerCost
		for _, list := range [][]string{v.effective.Permissions, v.effective.Features} {
			for _, text := range list {
				n += textCost + len(text)
			}
		}
		return n
	}
	n := answerCost
	for _, r := range v.found {
		n += 3*textCost + len(r.Type) + len(r.ID) + len(r.Name)
	}
	if v.answer == nil {
		return n
	}
	for _, r := range v.answer.Reasons {
		n += reasonCost + 2*(len(r.Organization)+len(r.Role)+len(r.RoleSet)+len(r.Permission)+len(r.Feature)+
			len(r.Plan)+len(r.Reverification)+len(r.Action)+len(r.Rule)+len(r.Fact)+len(r.Message))
	}
	e := &v.answer.Edits
	for _, pairs := range [][]decision.Pair{e.Headers, e.ResponseHeaders, e.SetQuery} {
		for _, pair := range pairs {
			n += 2*textCost + len(pair.Name) + len(pair.Value)
		}
	}
	for _, names := range [][]string{e.RemoveHeaders, e.RemoveQuery} {
		for _, name := range names {
			n += textCost + len(name)
		}
	}
	if enrolls := v.answer.Enrollment; enrolls != nil {
		n += 3*textCost + 2*(len(enrolls.Organization)+len(enrolls.Mode)+len(enrolls.Role))
	}
	return n + len(e.Body) + costOf(e.Metadata) + costOf(v.answer.Context)
}

// costOf reckons values as package encoding/json has them.
func costOf(value any) int {
	n := textCost
	switch v := value.(type) {
	case string:
		n += len(v)
	case []any:
		for _, element := range v {
			n += costOf(element)
		}
	case map[string]any:
		for name, member := range v {
			n += 2*textCost + len(name) + costOf(member)
		}
	}
	return n
}
