package policy

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestData_instrument: who asks for measures of a query that is prepared first leaves none
// of them behind in what all share.
func TestData_instrument(t *testing.T) {
	p := policyOf(t, documents...)
	for _, path := range []string{"first", "second"} {
		q := DataQuestion{Path: []string{"app", path}, Instrument: true}
		found, err := p.Data(t.Context(), Input{}, &q)
		if err != nil {
			t.Fatal(err)
		}
		for name := range found.Metrics {
			if strings.Contains(name, "compile_stage") {
				t.Errorf("%s: the compiler measures %s", path, name)
			}
		}
	}
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for j := range 20 {
				q := DataQuestion{Path: []string{"app", fmt.Sprintf("x%d", i*100+j)}, Instrument: i%2 == 0}
				if got := ask(t, p, q); got != "undefined" {
					t.Errorf("got %s, want undefined", got)
				}
			}
		})
	}
	callers.Wait()
}

// TestDefines: what no document is at is known without a query.
func TestDefines(t *testing.T) {
	p := policyOf(t, append([]string{"h/h.rego", "package system.health\n\nlive := true\n\nchecks[name] := true if some name in input.names\n"}, documents...)...)
	f := func(want bool, path ...string) {
		t.Helper()
		if got := p.Defines(path); got != want {
			t.Errorf("Defines(%q) = %t, want %t", path, got, want)
		}
		if found := ask(t, p, DataQuestion{Path: path, Input: value(t, `{"names": ["db"]}`)}); (found != "undefined") && !want {
			t.Errorf("%q = %s", path, found)
		}
	}
	before := p.data.queries.Stats().Entries
	for range 100 {
		p.Defines([]string{"system", "health", "made", "up"})
	}
	if n := p.data.queries.Stats().Entries; n != before {
		t.Errorf("%d queries are kept, and %d were", n, before)
	}
	f(true, "system", "health", "live")
	f(true, "system", "health", "checks", "db")
	f(true, "system", "health")
	f(true, "records", "list", "0")
	f(false, "system", "health", "made-up")
	f(false, "system", "health", "lives", "0")
	f(false, "records", "list", "9")
	f(false, "nowhere")
}
