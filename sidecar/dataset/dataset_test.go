package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

// reference is OPA's own store of the data, and a transaction on it.
func reference(t testing.TB, data map[string]any) (storage.Store, storage.Transaction) {
	t.Helper()
	store := inmem.NewFromObjectWithOpts(data, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))
	return store, begin(t, store)
}

func begin(t testing.TB, s storage.Store) storage.Transaction {
	t.Helper()
	txn, err := s.NewTransaction(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return txn
}

func packed(t testing.TB, data map[string]any) *Store {
	t.Helper()
	s, err := New(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A maker makes up data, with lists and objects around the sizes at which they are kept in
// another way.
type maker struct{ *rand.Rand }

var sizes = []int{0, 1, 2, indexed - 1, indexed, indexed + 1, 60, many - 1, many, many + 1, 2 * many}

func (m maker) text() string {
	switch m.IntN(6) {
	case 0:
		return strings.Repeat("long ", 20) + fmt.Sprint(m.IntN(3))
	case 1:
		return fmt.Sprint("é\u2028\"", m.IntN(50))
	case 2:
		return fmt.Sprint(m.IntN(300))
	default:
		return []string{"", "free", "pro", "growth"}[m.IntN(4)]
	}
}

var numbers = []json.Number{"0", "-0", "1", "1.0", "1e0", "10", "1.10", "-7", "12345678901234567890123456789", "0.1e-7", "1E400"}

func (m maker) value(depth int) any {
	kind := m.IntN(8)
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return m.IntN(2) == 0
	case 2:
		return numbers[m.IntN(len(numbers))]
	case 3, 4, 5:
		return m.text()
	case 6:
		list := []any{}
		for range m.size(depth) {
			list = append(list, m.value(depth-1))
		}
		return list
	}
	return m.object(depth)
}

func (m maker) object(depth int) map[string]any {
	members := map[string]any{}
	for i := range m.size(depth) {
		name := fmt.Sprint("id_", i)
		if m.IntN(10) == 0 {
			name = m.text()
		}
		members[name] = m.value(depth - 1)
	}
	return members
}

// size is seldom large deep down, where it would be multiplied.
func (m maker) size(depth int) int {
	if m.IntN(3) > 0 {
		return m.IntN(6)
	}
	return sizes[m.IntN(4+depth*2)]
}

// TestRead_asInmem: every path of made-up data, and many that lead nowhere, read as OPA's
// own store reads them, digits and all.
func TestRead_asInmem(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 10
	}
	reads := 0
	for seed := range rounds {
		m := maker{rand.New(rand.NewPCG(uint64(seed), 1))}
		data := map[string]any{"model": m.object(3), "list": []any{m.value(2)}, "many": m.table()}
		store := packed(t, data)
		txn := begin(t, store)
		other, otherTxn := reference(t, data)
		blocks, otherBlocks := storage.NonEmpty(t.Context(), store, txn), storage.NonEmpty(t.Context(), other, otherTxn)
		for _, path := range m.paths(data, nil) {
			reads++
			got, err := store.Read(t.Context(), txn, path)
			want, wantErr := other.Read(t.Context(), otherTxn, path)
			if storage.IsNotFound(err) != storage.IsNotFound(wantErr) || (err == nil) != (wantErr == nil) {
				t.Fatalf("seed %d: Read(%q) = %v, %v, want %v, %v", seed, path, got, err, want, wantErr)
			}
			if err == nil && !same(got, want) {
				t.Fatalf("seed %d: Read(%q) = %v, want %v", seed, path, got, want)
			}
			if len(path) == 0 {
				continue // no rule stands there
			}
			if got, err := blocks(path); err != nil || got != must(otherBlocks(path)) {
				t.Fatalf("seed %d: NonEmpty(%q) = %v, %v", seed, path, got, err)
			}
		}
	}
	if reads < 1000*rounds {
		t.Errorf("%d paths were read: the data has little in it", reads)
	}
}

// table is an object of ids, of the size at which it is packed.
func (m maker) table() map[string]any {
	members := map[string]any{}
	for i := range many + m.IntN(100) {
		members[fmt.Sprint("org_", i*7)] = m.value(2)
	}
	return members
}

// paths are those of all that is in a value, and some that no value has.
func (m maker) paths(value any, at storage.Path) []storage.Path {
	all := []storage.Path{at}
	below := func(name string) storage.Path { return append(at[:len(at):len(at)], name) }
	for _, name := range []string{"", "0", "-1", "+1", "1.0", "absent", "id_1x", "9999"} {
		if m.IntN(4) == 0 {
			all = append(all, below(name), append(below(name), "0"))
		}
	}
	switch value := value.(type) {
	case []any:
		for i, element := range value {
			all = append(all, m.paths(element, below(fmt.Sprint(i)))...)
		}
	case map[string]any:
		for name, member := range value {
			all = append(all, m.paths(member, below(name))...)
		}
	}
	return all
}

// same compares values and how they are written: 1 equals 1.0 to the evaluator.
func same(a, b any) bool {
	x, ok := a.(ast.Value)
	y, also := b.(ast.Value)
	return ok && also && x.Compare(y) == 0 && x.String() == y.String() && x.Hash() == y.Hash()
}

func must(found bool, err error) bool {
	if err != nil {
		panic(err)
	}
	return found
}

// TestNew_kept: what is small is kept as it is, and what is large is not.
func TestNew_kept(t *testing.T) {
	organizations := map[string]any{}
	for i := range many {
		organizations[fmt.Sprint("org_", i)] = map[string]any{"plan": "pro"}
	}
	s := packed(t, map[string]any{"model": map[string]any{"organizations": organizations, "settings": map[string]any{"x": true}}})
	model := s.root.(*fork).members["model"].(*fork)
	if _, ok := model.members["settings"].(leaf); !ok {
		t.Errorf("settings are kept as %T", model.members["settings"])
	}
	table, ok := model.members["organizations"].(*table)
	if !ok {
		t.Fatalf("organizations are kept as %T", model.members["organizations"])
	}
	if perMember := len(table.packed) / many; perMember > 32 {
		t.Errorf("an organization takes %d bytes", perMember)
	}
	if _, ok := packed(t, map[string]any{"a": "b"}).root.(leaf); !ok {
		t.Error("small data is packed")
	}
}

// TestNew_shared: more different texts than are noted, and each is read as it was.
func TestNew_shared(t *testing.T) {
	list := []any{}
	for range 2 {
		for i := range noted + 100 {
			list = append(list, fmt.Sprint(i))
		}
	}
	s := packed(t, map[string]any{"list": list})
	for i, want := range list {
		got, err := s.Read(t.Context(), begin(t, s), storage.Path{"list", fmt.Sprint(i)})
		if err != nil || got != ast.Value(ast.String(want.(string))) {
			t.Fatalf("element %d = %v, %v, want %q", i, got, err, want)
		}
	}
}

// TestNew_other: what no file of a bundle has becomes what the evaluator makes of it, or is
// refused.
func TestNew_other(t *testing.T) {
	list := make([]any, many)
	list[0], list[1], list[2] = 7, []string{"a"}, struct{ A float64 }{0.5}
	data := map[string]any{"list": list}
	s := packed(t, data)
	other, txn := reference(t, data)
	got, err := s.Read(t.Context(), begin(t, s), storage.Path{"list"})
	want, _ := other.Read(t.Context(), txn, storage.Path{"list"})
	if err != nil || !same(got, want) {
		t.Errorf("Read = %v, %v, want %v", got, err, want)
	}
	for _, bad := range []any{func() {}, json.Number("1e1000000000000")} {
		list[3] = bad
		if _, err := New(map[string]any{"list": list}); err == nil {
			t.Errorf("%T %v is taken", bad, bad)
		}
		if _, err := New(map[string]any{"small": map[string]any{"x": bad}, "list": list[:3]}); err == nil {
			t.Errorf("%T %v in little is taken", bad, bad)
		}
	}
}

// TestStore_refuses: nothing is written, no rule is kept, and a transaction is the store's
// own.
func TestStore_refuses(t *testing.T) {
	s := packed(t, map[string]any{"a": json.Number("1")})
	txn := begin(t, s)
	ctx := t.Context()
	f := func(what, code string, err error) {
		t.Helper()
		var e *storage.Error
		if !errors.As(err, &e) || e.Code != code {
			t.Errorf("%s: %v, want %s", what, err, code)
		}
	}
	_, err := s.NewTransaction(ctx, storage.WriteParams)
	f("a write transaction", storage.WritesNotSupportedErr, err)
	f("Write", storage.WritesNotSupportedErr, s.Write(ctx, txn, storage.AddOp, storage.Path{"a"}, "b"))
	f("Truncate", storage.WritesNotSupportedErr, s.Truncate(ctx, txn, storage.WriteParams, nil))
	f("UpsertPolicy", storage.PolicyNotSupportedErr, s.UpsertPolicy(ctx, txn, "a", nil))
	_, err = s.Register(ctx, txn, storage.TriggerConfig{})
	f("Register", storage.TriggersNotSupportedErr, err)

	stranger := begin(t, packed(t, nil))
	_, err = s.Read(ctx, stranger, nil)
	f("another store's transaction", storage.InvalidTransactionErr, err)
	_, err = s.NonEmpty(ctx, stranger)([]string{"a"})
	f("NonEmpty in it", storage.InvalidTransactionErr, err)
	f("Commit of it", storage.InvalidTransactionErr, s.Commit(ctx, stranger))
	if err := s.Commit(ctx, txn); err != nil {
		t.Errorf("Commit: %v", err)
	}
	s.Abort(ctx, txn)
}

// TestRead_together: what is made once is made once for all who read it at the same time.
func TestRead_together(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(3, 3))}
	data := map[string]any{"model": map[string]any{"organizations": m.table(), "small": "x"}}
	s := packed(t, data)
	paths := m.paths(data, nil)
	var readers sync.WaitGroup
	wholes := make([]ast.Value, 8)
	for r := range wholes {
		readers.Go(func() {
			txn := begin(t, s)
			order := rand.New(rand.NewPCG(uint64(r), 0)).Perm(len(paths))
			for _, i := range order[:min(len(order), 2000)] {
				value, err := s.Read(t.Context(), txn, paths[i])
				if err == nil {
					_ = value.(ast.Value).String() // which sorts an object's names
				}
			}
			whole, _ := s.Read(t.Context(), txn, storage.Path{"model", "organizations"})
			wholes[r], _ = whole.(ast.Value)
		})
	}
	readers.Wait()
	for r, whole := range wholes {
		if whole == nil || whole != wholes[0] {
			t.Fatalf("reader %d has a whole of its own", r)
		}
	}
}

// TestRead_bounded: values that are read one after the other are not all kept.
func TestRead_bounded(t *testing.T) {
	members := map[string]any{}
	for i := range 3 * maxMade {
		members[fmt.Sprint("id_", i)] = []any{strings.Repeat("a", kept), fmt.Sprint(i)}
	}
	s := packed(t, map[string]any{"many": members})
	table := s.root.(*fork).members["many"].(*table)
	for range 2 {
		for name := range members {
			if _, ok := table.read([]string{name}); !ok {
				t.Fatal(name)
			}
		}
	}
	n := 0
	table.made.Range(func(any, any) bool { n++; return true })
	if n > maxMade || n < maxMade/2 {
		t.Errorf("%d values are kept, want at most %d", n, maxMade)
	}
	whole, _ := table.read(nil)
	if again, _ := table.read(nil); whole.(ast.Object).Len() != len(members) || again != whole {
		t.Error("the whole table is not kept")
	}
}
