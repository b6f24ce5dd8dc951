package dataset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/storage"
)

// TestSize: a size is told of every value, near what it is as JSON, and none is made for it.
func TestSize(t *testing.T) {
	users := map[string]any{}
	for i := range 2000 {
		users[fmt.Sprint("user_", i)] = map[string]any{"name": fmt.Sprint(strings.Repeat("x", 100), i), "on": true}
	}
	s := packed(t, map[string]any{"directory": map[string]any{"users": users}, "small": map[string]any{"text": strings.Repeat("y", 5000)}, "none": nil})
	f := func(low, high int, path ...string) {
		t.Helper()
		if got := s.Size(storage.Path(path)); got < low || got > high {
			t.Errorf("Size(%q) = %d, want %d to %d", path, got, low, high)
		}
	}
	f(225_000, 330_000)
	f(220_000, 320_000, "directory")
	f(220_000, 320_000, "directory", "users")
	f(100, 200, "directory", "users", "user_7")
	f(100, 110, "directory", "users", "user_7", "name")
	f(5000, 5020, "small")
	f(1, 1, "none")
	f(0, 0, "absent")
	f(0, 0, "small", "text", "x")
	f(0, 0, "directory", "users", "nobody")
	f(0, 0, "directory", "nobody")
	made := 0
	s.root.(*fork).members["directory"].(*fork).members["users"].(*table).made.Range(func(any, any) bool { made++; return true })
	if made > 0 || s.root.(*fork).object != nil {
		t.Errorf("%d values were made", made)
	}
}

// TestRead_nested: parts that hold one another are not all kept, since whoever chooses what
// is read can have each of them made.
func TestRead_nested(t *testing.T) {
	var nest any = strings.Repeat("a", 10_000)
	path := []string{"many"}
	for range 50 {
		nest = map[string]any{"in": nest}
		path = append(path, "in")
	}
	members := map[string]any{"in": nest}
	for i := range many {
		members[fmt.Sprint("id_", i)] = true
	}
	s := packed(t, map[string]any{"many": members})
	table := s.root.(*fork).members["many"].(*table)
	for n := range path {
		for range 2 {
			if _, err := s.Read(t.Context(), begin(t, s), path[:n+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	kept := 0
	table.made.Range(func(at, _ any) bool { kept += table.size(at.(int)); return true })
	if whole := len(table.packed); kept > 2*whole || kept <= whole {
		t.Errorf("%d bytes of parts are kept of %d", kept, whole)
	}
}
