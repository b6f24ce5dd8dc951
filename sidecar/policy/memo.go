package policy

import (
	"errors"
	"sync"
	"unsafe"

	"postern/sidecar/cache"
	"postern/sidecar/decision"
)

// maxKey bounds the keys that are remembered, in bytes: what reads whole tokens or
// documents is hardly ever asked twice.
const maxKey = 16 << 10

// A memo remembers what entrypoints came to, under all that they read of their input. It
// is of one policy, and ends with it.
type memo struct {
	entries *cache.Cache[kept]
	keys    sync.Pool
}

// A kept is what one evaluation came to: the answer of an entrypoint that decides, with the
// cause where it is undefined, or an Effective.
type kept struct {
	answer    *decision.Answer
	cause     error
	effective *Effective
}

// A key is under construction, or is found not to be one.
type key struct {
	bytes []byte
	none  bool
}

func newMemo(o Options) (*memo, error) {
	entries, err := cache.New[kept](o.Memo, o.MemoCounts)
	if err != nil {
		return nil, err
	}
	m := &memo{entries: entries}
	m.keys.New = func() any { return &key{bytes: make([]byte, 0, 2<<10)} }
	return m, nil
}

// key begins the key of one entrypoint. What is not to be remembered has none.
func (m *memo) key(e *entrypoint) *key {
	k := m.keys.Get().(*key)
	k.bytes, k.none = append(k.bytes[:0], e.number), !m.entries.Holds() || !e.shared
	return k
}

// done gives a key back.
func (m *memo) done(k *key) {
	if cap(k.bytes) <= maxKey {
		m.keys.Put(k)
	}
}

// name is the key as the cache takes it, good until the key is done with.
func (k *key) name() string { return unsafe.String(unsafe.SliceData(k.bytes), len(k.bytes)) }

// find returns what was kept.
func (m *memo) find(k *key) (kept, bool) {
	if k.none = k.none || len(k.bytes) > maxKey; k.none {
		return kept{}, false
	}
	return m.entries.Get(k.name())
}

// keep remembers what a completed evaluation came to. One that failed, or ran out of time,
// did not.
func (m *memo) keep(k *key, v kept) {
	if k.none || v.cause != nil && !errors.Is(v.cause, errUndefined) {
		return
	}
	m.entries.Put(k.name(), v, v.cost())
}

// What Go's values take in memory, in bytes, roughly.
const (
	answerCost = 400
	reasonCost = 250
	textCost   = 32
)

// cost reckons the memory of what is kept. A rendered answer holds its texts once more.
func (v kept) cost() int {
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
	return n + len(e.Body) + costOf(e.Metadata)
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

// Remembered is the room that remembered decisions take, in bytes, roughly.
func (p *Policy) Remembered() uint64 { return p.memo.entries.Stats().Bytes }
