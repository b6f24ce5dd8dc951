package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/sidecar/decision"
)

// large is a bundle whose documents are longer than may be given out, each in its own way.
func large(t testing.TB) *Policy {
	t.Helper()
	users := map[string]any{}
	for i := range 60_000 {
		users[fmt.Sprint("user_", i)] = map[string]any{"name": strings.Repeat("x", 60), "n": i}
	}
	text, err := json.Marshal(map[string]any{"users": users})
	if err != nil {
		t.Fatal(err)
	}
	doubled := "package bombs\n\nd0 := [\"0123456789\", \"0123456789\"]\n"
	for i := range 30 {
		doubled += fmt.Sprintf("\nd%d := [d%d, d%d]\n", i+1, i, i)
	}
	return policyOf(t,
		"directory/data.json", string(text),
		"bombs/bombs.rego", doubled,
		"app/app.rego", `package app

long := concat("", [input.text | some _ in numbers.range(1, 40)])

echo := input

users := data.directory.users

set := {[d, n] | d := data.bombs.d3; some n in numbers.range(1, input.n)}
`)
}

// TestData_size: what is longer than MaxDocument is refused, in little time and memory,
// however it comes about: from base data, by what is many times in it, by its escapes.
func TestData_size(t *testing.T) {
	p := large(t)
	p.bound = &Bound{Deadline: 5 * time.Second, Abandoned: 4}
	f := func(fits bool, input string, taken int, path ...string) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		q := DataQuestion{Path: path, Input: value(t, input), Taken: taken}
		found, err := p.Data(context.Background(), Input{}, &q)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		var failed *DataError
		switch {
		case fits && err != nil:
			t.Errorf("%q: %v", path, err)
		case fits && len(found.JSON) > MaxDocument-taken:
			t.Errorf("%q: %d bytes", path, len(found.JSON))
		case !fits && (!errors.As(err, &failed) || failed.Code != decision.PolicyError || !strings.Contains(failed.Message, "longer than 4 MiB")):
			t.Errorf("%q: %v, want it to be too long", path, err)
		}
		allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
		if took > 3*time.Second || allocated > 30*MaxDocument>>20 {
			t.Errorf("%q took %v and %d MiB", path, took, allocated)
		}
	}
	f(false, `{}`, 0, "directory")
	f(false, `{}`, 0, "directory", "users")
	f(true, `{}`, 0, "directory", "users", "user_7")
	f(false, `{}`, 0)
	f(false, `{}`, 0, "bombs", "d30")
	f(false, `{}`, 0, "bombs")
	f(true, `{}`, 0, "bombs", "d12")
	f(true, `{"n": 100}`, 0, "app", "set")
	f(false, `{"n": 30000}`, 0, "app", "set")
	f(true, `{"text": "`+strings.Repeat("x", 60_000)+`"}`, 0, "app", "long")
	f(false, `{"text": "`+strings.Repeat("x", 120_000)+`"}`, 0, "app", "long")
	f(false, `{"text": "`+strings.Repeat("<", 60_000)+`"}`, 0, "app", "long")
	f(true, `{"text": "x"}`, MaxDocument-13, "app", "echo")
	f(true, `{"text": "xxxx"}`, MaxDocument-15, "app", "echo")
	f(false, `{"text": "xxxx"}`, MaxDocument-14, "app", "echo")
	f(false, `{"text": "xxxx"}`, MaxDocument, "app", "echo")
	f(false, `{"text": "xxxx"}`, MaxDocument+100, "app", "echo")
}

// TestData_expired: once the time of a batch is up, what is left of it costs nothing: a large
// common input is not merged into each of a hundred others.
func TestData_expired(t *testing.T) {
	p := policyOf(t, documents...)
	members := make([]string, 5000)
	for i := range members {
		members[i] = fmt.Sprintf(`"m%d": %d`, i, i)
	}
	q := DataQuestion{Path: []string{"app", "echo"}, Common: value(t, `{`+strings.Join(members, ",")+`}`), Input: value(t, `{"a": 1}`)}
	late := Input{Until: time.Now().Add(-time.Second)}
	n := testing.AllocsPerRun(5, func() {
		var failed *DataError
		if _, err := p.Data(context.Background(), late, &q); !errors.As(err, &failed) || failed.Code != decision.PolicyTimeout {
			t.Fatalf("%v, want policy_timeout", err)
		}
	})
	if n > 1000 {
		t.Errorf("%v allocations", n)
	}
}
