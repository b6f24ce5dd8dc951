package request_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"postern/sidecar/request"
)

// TestQuestions_memory: whatever bodies are made to be remembered, they take no more than a
// few times the room for them.
func TestQuestions_memory(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	many := func(n int, text string) string { return strings.TrimSuffix(strings.Repeat(text+",", n), ",") }
	f := func(name string, n int, body string) {
		t.Helper()
		q, err := request.NewQuestions(100)
		if err != nil {
			t.Fatal(err)
		}
		before := heap()
		for i := range n {
			text := []byte(strings.Replace(body, "NUMBER", fmt.Sprint(i), 1))
			if strings.HasPrefix(body, `{"checks"`) {
				_, err = q.Checks(text)
			} else {
				_, err = q.Check(text)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		grown := heap() - before
		t.Logf("%s: %d bytes", name, grown)
		if grown > 12<<20 {
			t.Errorf("%s: %d bytes", name, grown)
		}
		runtime.KeepAlive(q)
	}
	f("short", 40_000, `{"role":"NUMBER"}`)
	f("actions", 40_000, `{"action":"NUMBER"}`)
	f("many terms", 3000, `{"any":[{"role":"NUMBER"},`+many(63, `{"role":"a"}`)+`]}`)
	f("nested", 3000, `{"all":[{"role":"NUMBER"},`+many(15, `{"any":[{"role":"a"}]}`)+`]}`)
	f("a product", 3000, `{"all":[{"any":[{"role":"NUMBER"},{"role":"b"}]},`+many(5, `{"any":[{"plan":"a"},{"feature":"b"}]}`)+`]}`)
	f("long names", 3000, `{"any":[{"role":"NUMBER`+strings.Repeat("a", 12<<10)+`"}]}`)
	f("batches", 2000, `{"checks":[{"role":"NUMBER"},`+many(99, `{"role":"a"}`)+`]}`)
	f("batches of terms", 2000, `{"checks":[{"role":"NUMBER"},`+many(10, `{"any":[`+many(60, `{"role":"a"}`)+`]}`)+`]}`)
	f("blanks", 3000, `{"role":"NUMBER"`+strings.Repeat(" ", 12<<10)+`}`)
}
