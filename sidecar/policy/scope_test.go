package policy

import (
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/bundle"
)

// TestMemo_scope: the same rules have the same number, and others have another. Those that
// no digest tells apart are like no others, nor like none at all.
func TestMemo_scope(t *testing.T) {
	m, err := NewMemo(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]*ast.Module{"a.rego": ast.MustParseModule("package a")}
	none := m.scope(&bundle.Bundle{}, Options{}, libraryEntrypoints)
	told := m.scope(&bundle.Bundle{Rego: "1", Modules: modules}, Options{}, libraryEntrypoints)
	seen := map[uint64]bool{none: true, told: true}
	f := func(known bool, b *bundle.Bundle, o Options) {
		t.Helper()
		got := m.scope(b, o, libraryEntrypoints)
		if seen[got] != known {
			t.Errorf("%+v, %+v: number %d of %v, known: %v", b, o, got, seen, known)
		}
		seen[got] = true
	}
	f(true, &bundle.Bundle{}, Options{})
	f(true, &bundle.Bundle{Rego: "1", Modules: modules}, Options{})
	f(false, &bundle.Bundle{Rego: "2", Modules: modules}, Options{})
	f(false, &bundle.Bundle{Rego: "1", Modules: modules}, Options{Builtins: []string{"time.now_ns"}})
	f(false, &bundle.Bundle{Modules: modules}, Options{})
	f(false, &bundle.Bundle{Modules: modules}, Options{})
	for _, chosen := range []bundle.Entrypoints{
		{Check: "a/b"}, {Route: "a/b"}, {Evaluate: "a/b"}, {Search: bundle.Search{Subject: "a/b"}}, {Search: bundle.Search{Resource: "a/b"}}, {Search: bundle.Search{Action: "a/b"}},
	} {
		got := m.scope(&bundle.Bundle{}, Options{}, chosen)
		if seen[got] {
			t.Errorf("%+v: number %d of %v", chosen, got, seen)
		}
		seen[got] = true
	}
	if again := m.scope(&bundle.Bundle{}, Options{}, libraryEntrypoints); again != none {
		t.Errorf("no rules have number %d, and had %d", again, none)
	}
}
