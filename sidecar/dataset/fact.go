package dataset

import (
	"crypto/sha256"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"

	"postern/sidecar/canonical"
)

// A Reading is a transaction that notes what is read in it. It is for one evaluation, and
// not for concurrent use.
type Reading struct {
	of    *Store
	paths []storage.Path
	// many is whether there were more reads than are noted.
	many bool
}

// maxReads bounds the reads of one evaluation that are noted. What they found is digested
// and compared behind the evaluation, and so behind its deadline.
const maxReads = 10_000

// note notes a read.
func (r *Reading) note(path storage.Path) {
	if len(r.paths) == maxReads {
		r.many = true
		return
	}
	r.paths = append(r.paths, path)
}

// Reading begins one.
func (s *Store) Reading() *Reading { return &Reading{of: s} }

// ID is that of all transactions.
func (*Reading) ID() uint64 { return transaction{}.ID() }

// A Fact is what a read found: the value at a path, or that there is none, by its digest.
// What was made of nothing but facts is as good in every store where they hold.
type Fact struct {
	path   string
	names  []string
	digest digest
}

type digest [sha256.Size]byte

// Bounds of the facts that a store keeps for the next evaluation that reads the same: how
// much memory they take, and how long their paths are, in bytes. Names in paths come from
// sessions and questions.
const (
	maxFacts = 16 << 20
	maxPath  = 256
)

// A found is a store's facts by their paths.
type found struct {
	facts sync.Map // of string to *Fact
	size  atomic.Int64
}

// Facts are what was read. It is false where one cannot be said in a digest, and where too
// much was read.
func (r *Reading) Facts() ([]*Fact, bool) {
	if r.many {
		return nil, false
	}
	facts := make([]*Fact, 0, len(r.paths))
	seen := make(map[*Fact]bool, len(r.paths))
	for _, path := range r.paths {
		f, ok := r.of.fact(written(path), path)
		if !ok {
			return nil, false
		}
		if !seen[f] {
			seen[f] = true
			facts = append(facts, f)
		}
	}
	return facts, true
}

// Holds reports whether facts, perhaps of another store, hold in this one.
func (s *Store) Holds(facts []*Fact) bool {
	for _, f := range facts {
		own, ok := s.fact(f.path, f.names)
		if !ok || own != f && own.digest != f.digest {
			return false
		}
	}
	return true
}

// Size is the memory of a fact in bytes, roughly.
func (f *Fact) Size() int { return 100 + 3*len(f.path) + 16*len(f.names) }

// written is a path as one text, which no other has.
func written(names []string) string {
	var text []byte
	for _, name := range names {
		text = canonical.AppendText(text, name)
	}
	return string(text)
}

// fact is what is at a path, which is given as it is [written] too.
func (s *Store) fact(path string, names []string) (*Fact, bool) {
	if known, ok := s.found.facts.Load(path); ok {
		return known.(*Fact), true
	}
	f := &Fact{path: path, names: slices.Clone(names)}
	for i, name := range names { // which may be a part of a whole request
		f.names[i] = strings.Clone(name)
	}
	var ok bool
	if f.digest, ok = s.root.digest(names); !ok {
		return nil, false
	}
	if len(path) <= maxPath && s.found.size.Add(int64(f.Size())) <= maxFacts {
		known, _ := s.found.facts.LoadOrStore(path, f)
		return known.(*Fact), true
	}
	return f, true
}

// nothing is the digest of a path that leads to no value: no value has it, since each has a
// kind.
var nothing = digest(sha256.Sum256(nil))

// digestOf is that of a value.
func digestOf(value ast.Value) (digest, bool) {
	text, ok := canonical.Append(nil, value)
	return sha256.Sum256(text), ok
}

func (l leaf) digest(path []string) (digest, bool) {
	value, ok := l.read(path)
	if !ok {
		return nothing, true
	}
	return digestOf(value)
}

// digest of a fork is made of those of its members.
func (f *fork) digest(path []string) (digest, bool) {
	if len(path) > 0 {
		n, ok := f.members[path[0]]
		if !ok {
			return nothing, true
		}
		return n.digest(path[1:])
	}
	text := []byte("fork")
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		d, ok := f.members[name].digest(nil)
		if !ok {
			return d, false
		}
		text = append(canonical.AppendText(text, name), d[:]...)
	}
	return sha256.Sum256(text), true
}

// digest of a whole table is that of its packed form, which is one and the same for equal
// values.
func (t *table) digest(path []string) (digest, bool) {
	if len(path) > 0 {
		value, ok := t.read(path)
		if !ok {
			return nothing, true
		}
		return digestOf(value)
	}
	t.hashed.Do(func() {
		h := sha256.New()
		h.Write([]byte("table"))
		var text []byte
		for _, term := range t.shared {
			text, _ = canonical.Append(text[:0], term.Value) // numbers and texts
			h.Write(text)
		}
		h.Write([]byte{canonical.Other})
		h.Write([]byte(t.packed))
		h.Sum(t.sum[:0])
	})
	return t.sum, true
}
