package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/bench/world"
)

func TestConstantOf(t *testing.T) {
	got, err := constantOf("HTTP/1.1 403 Forbidden\r\nDate: x\r\nX-A: b: c\r\nContent-Length: 4\r\n\r\nno\r\n")
	want := constant{Status: 403, Headers: [][2]string{{"X-A", "b: c"}}, Body: []byte("no\r\n")}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, raw := range []string{"", "HTTP/1.1", "HTTP/1.1 x"} {
		if got, err := constantOf(raw); err == nil {
			t.Errorf("%q was read as %+v", raw, got)
		}
	}
}

func TestLike(t *testing.T) {
	const old = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: 3\r\n\r\nyes"
	const want = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX: 3\r\n\r\n0123456789"
	if got := like(old, "0123456789"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestDecided: a batch whose decision the oracle contradicts, or that lacks one, is an error.
func TestDecided(t *testing.T) {
	asked := []string{`{"role":"org:admin"}`, `{"role":"org:viewer"}`}
	f := func(ok bool, body string) {
		t.Helper()
		if _, err := decided(body, world.Warm(), asked, false); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
	f(true, `{"results":[{"allow":true},{"allow":false}]}`)
	f(false, `{"results":[{"allow":true},{"allow":true}]}`)
	f(false, `{"results":[{"allow":false},{"allow":false}]}`)
	f(false, `{"results":[{"allow":true}]}`)
	f(false, `no`)
}

// TestEitherOf: the revisions must differ, and for the marked question alone.
func TestEitherOf(t *testing.T) {
	questions := []string{`{"role":"org:admin"}`, `{"permission":"` + world.Marked + `"}`}
	plan := func(answers []string, row ...int) load.Plan {
		return load.Plan{HTTP: &load.HTTP{Answers: answers, Expect: [][]int{row}}}
	}
	one, more := []string{"a", "b"}, []string{"a", "b", "c"}
	got, err := eitherOf(plan(one, 0, 1), plan(more, 0, 2), questions)
	if err != nil || !slices.Equal(got.HTTP.Or[0], []int{0, 2}) || !slices.Equal(got.HTTP.Expect[0], []int{0, 1}) || len(got.HTTP.Answers) != 3 {
		t.Errorf("%+v, %v", got.HTTP, err)
	}
	if _, err := eitherOf(plan(one, 0, 1), plan(more, 0, 1), questions); err == nil {
		t.Error("two revisions that answer alike are taken")
	}
	if _, err := eitherOf(plan(one, 0, 1), plan(more, 2, 2), questions); err == nil {
		t.Error("two revisions that differ in another question are taken")
	}
}

func TestSwap(t *testing.T) {
	dir := t.TempDir()
	turns := 0
	s := &swap{path: filepath.Join(dir, "live"), next: func() (string, error) {
		turns++
		return fmt.Sprintf("%s/%d", dir, turns), nil
	}}
	for _, want := range []string{"/1", "/2", "/3"} {
		if err := s.turn(); err != nil {
			t.Fatal(err)
		}
		if got, err := os.Readlink(s.path); err != nil || got != dir+want {
			t.Errorf("the path stands for %s, %v, want %s", got, err, want)
		}
	}
}

// TestRemembered: a share that was not counted in every round is not known.
func TestRemembered(t *testing.T) {
	counted := func(had, missed float64) report.Round {
		return report.Round{Extra: map[string]float64{hits: had, misses: missed}}
	}
	f := func(got string, reached bool, rounds ...report.Round) {
		t.Helper()
		if f, words := remembered("memo", rounds, 95); f.Got != got || f.Reached != reached || !strings.Contains(words, got) {
			t.Errorf("%+v, %s, want %s", f, words, got)
		}
	}
	f("97.0 %", true, counted(96, 4), counted(98, 2))
	f("50.0 %", false, counted(1, 1))
	f("n/a", false, counted(98, 2), report.Round{})
	f("n/a", false, counted(0, 0))
	f("n/a", false)
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 100_000: "100,000", 1_234_567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}

// TestRatio: a machine that is slower in some rounds is slower for both.
func TestRatio(t *testing.T) {
	row := func(times ...float64) (r report.Row) {
		for _, ns := range times {
			r.Rounds = append(r.Rounds, report.Round{Processor: ns})
		}
		return r
	}
	if got := ratio(row(12, 24, 12), row(10, 20, 10)); got != 1.2 {
		t.Errorf("ratio = %v, want 1.2", got)
	}
	if got := ratio(row(11, 30, 13), row(10, 10, 10)); got != 1.3 {
		t.Errorf("ratio = %v, want 1.3", got)
	}
}
