package dataset

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/storage"
)

// read is what reading some paths of a store found.
func read(t testing.TB, s *Store, paths ...storage.Path) []*Fact {
	t.Helper()
	r := s.Reading()
	for _, path := range paths {
		if _, err := s.Read(t.Context(), r, path); err != nil && !storage.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	facts, ok := r.Facts()
	if !ok {
		t.Fatalf("%v: no facts", paths)
	}
	return facts
}

// changed is a copy of data in which little is different.
func (m maker) changed(value any, depth int) any {
	switch value := value.(type) {
	case map[string]any:
		if depth == 0 || len(value) == 0 || m.IntN(8) == 0 {
			break
		}
		out := maps.Clone(value)
		name := slices.Sorted(maps.Keys(value))[m.IntN(len(value))]
		switch m.IntN(6) {
		case 0:
			delete(out, name)
		case 1:
			out[m.text()] = m.value(0)
		default:
			out[name] = m.changed(value[name], depth-1)
		}
		return out
	case []any:
		if depth == 0 || len(value) == 0 {
			break
		}
		out := slices.Clone(value)
		i := m.IntN(len(value))
		out[i] = m.changed(value[i], depth-1)
		return out
	}
	return m.value(1)
}

// TestReading_many: an evaluation that reads more than is noted has no facts, rather than
// some of them.
func TestReading_many(t *testing.T) {
	s, err := New(map[string]any{"a": "b"})
	if err != nil {
		t.Fatal(err)
	}
	r := s.Reading()
	for i := range maxReads + 1 {
		if facts, ok := r.Facts(); len(facts) != i || !ok {
			t.Fatalf("after %d reads: %d facts, %v", i, len(facts), ok)
		}
		if _, err := s.Read(t.Context(), r, storage.Path{fmt.Sprint(i)}); !storage.IsNotFound(err) {
			t.Fatal(err)
		}
	}
	if facts, ok := r.Facts(); facts != nil || ok {
		t.Errorf("after %d reads: %d facts, %v, want none", maxReads+1, len(facts), ok)
	}
}

// TestFacts: what was read in one store holds in another exactly where a read would find
// the same there, digit by digit.
func TestFacts(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(8, 1))}
	held, broken, apart := 0, 0, 0
	for range 150 {
		data := m.object(3)
		if m.IntN(2) == 0 {
			data["t"] = m.table()
		}
		other, _ := m.changed(data, 4).(map[string]any)
		if other == nil {
			continue
		}
		before, after, again := packed(t, data), packed(t, other), packed(t, data)
		paths := m.paths(data, nil)
		m.Shuffle(len(paths), func(i, k int) { paths[i], paths[k] = paths[k], paths[i] })
		for _, path := range paths[:min(len(paths), 200)] {
			facts := read(t, before, path)
			if !again.Holds(facts) || !before.Holds(facts) {
				t.Fatalf("%v does not hold where nothing was changed", path)
			}
			one, oneOK := before.root.read(path)
			two, twoOK := after.root.read(path)
			same := oneOK == twoOK && (!oneOK || fmt.Sprint(one) == fmt.Sprint(two))
			switch holds := after.Holds(facts); {
			case holds && !same:
				t.Fatalf("%v holds, and is %v, then %v", path, one, two)
			case !holds && same:
				apart++ // packed in another way
			case holds:
				held++
			default:
				broken++
			}
		}
	}
	if held < 1000 || broken < 300 || apart*20 > held {
		t.Errorf("%d held, %d did not, %d did not though they might", held, broken, apart)
	}
}

// TestFacts_several: one thing that was read and has changed is enough.
func TestFacts_several(t *testing.T) {
	before := packed(t, map[string]any{"a": "1", "b": map[string]any{"c": "2"}})
	after := packed(t, map[string]any{"a": "1", "b": map[string]any{"c": "3"}})
	f := func(want bool, paths ...storage.Path) {
		t.Helper()
		if got := after.Holds(read(t, before, paths...)); got != want {
			t.Errorf("%v holds: %v, want %v", paths, got, want)
		}
	}
	f(true)
	f(true, storage.Path{"a"})
	f(true, storage.Path{"a"}, storage.Path{"x"}, storage.Path{"b", "x"}, storage.Path{"a", "1"})
	f(false, storage.Path{"a"}, storage.Path{"b", "c"})
	f(false, storage.Path{"b"})
	f(false, storage.Path{})
	added := packed(t, map[string]any{"a": "1", "x": nil})
	if added.Holds(read(t, before, storage.Path{"x"})) {
		t.Error("that there is nothing holds where there is null")
	}
	if facts := read(t, before, storage.Path{"a"}, storage.Path{"a"}); len(facts) != 1 {
		t.Errorf("%d facts of one path, want 1", len(facts))
	}
	// Names are not joined.
	one, two := read(t, before, storage.Path{"a", "b"}), read(t, before, storage.Path{"ab"})
	if one[0].path == two[0].path {
		t.Error("two paths are one")
	}
}

// TestFacts_bounded: paths that nobody asks for again do not fill the memory.
func TestFacts_bounded(t *testing.T) {
	s := packed(t, map[string]any{"a": "1"})
	long := strings.Repeat("b", maxPath-16)
	for i := range 30_000 {
		read(t, s, storage.Path{"a", long + fmt.Sprint(i)})
	}
	size := 0
	s.found.facts.Range(func(_, f any) bool { size += f.(*Fact).Size(); return true })
	if size > maxFacts || size < maxFacts/2 {
		t.Errorf("%d bytes of facts are kept, want at most %d", size, maxFacts)
	}
	if !s.Holds(read(t, s, storage.Path{"a"}, storage.Path{"b", "c"})) {
		t.Error("a fact beyond the bound does not hold")
	}
}

// TestFacts_together: stores are asked about each other's facts at once.
func TestFacts_together(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(9, 1))}
	data := map[string]any{"t": m.table(), "s": m.object(2)}
	one, two := packed(t, data), packed(t, data)
	paths := m.paths(data, nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for k := range 300 {
				path := paths[(i*37+k)%len(paths)]
				from, to := one, two
				if (i+k)%2 == 0 {
					from, to = two, one
				}
				if !to.Holds(read(t, from, path)) {
					t.Errorf("%v does not hold", path)
				}
			}
		})
	}
	all.Wait()
}
