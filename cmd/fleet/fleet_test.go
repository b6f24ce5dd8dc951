package main

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/cmd/bench/report"
	"postern/testdata/harness"
)

// quickly runs the command for a moment and returns the document that it wrote.
func quickly(t *testing.T, args ...string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("starts many processes")
	}
	path := filepath.Join(t.TempDir(), "sizing.md")
	if err := os.WriteFile(path, []byte("before\n<!-- fleet -->\nold\n<!-- /fleet -->\nbehind\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if code := execute(t.Context(), append(args, "--quick", "--sidecars", "2", "--for", "1s", "--write", path), &out, &errs); code != 0 || out.Len() > 0 {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "before\n") || !strings.HasSuffix(string(text), "behind\n") || strings.Contains(string(text), "old") {
		t.Errorf("the document is %s", text)
	}
	return string(text)
}

// holdsRows: tables have rows for each scenario, and no figure of the first is 0 or missing.
func holdsRows(t *testing.T, text string, scenarios ...string) {
	t.Helper()
	for _, s := range scenarios {
		found := 0
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "| "+s+" |") {
				continue
			}
			found++
			if found == 1 && (strings.Contains(line, "| 0.0 |") || strings.Contains(line, "NaN")) {
				t.Errorf("a row without figures: %s", line)
			}
		}
		if found < 2 {
			t.Errorf("%d rows of %s in %s", found, s, text)
		}
	}
}

// TestFleet_path runs everything but the server.
func TestFleet_path(t *testing.T) {
	text := quickly(t, "--source", "path")
	holdsRows(t, text, "demo", "100 organizations", "1000 organizations")
	if strings.Contains(text, "Requests/s") {
		t.Error("a server is spoken of")
	}
}

// TestFleet_url runs everything.
func TestFleet_url(t *testing.T) {
	harness.Program(t, "nginx")
	text := quickly(t, "--poll-min", "1s", "--poll-max", "1500ms")
	holdsRows(t, text, "demo", "demo, no ETag", "100 organizations", "1000 organizations")
	if !strings.Contains(text, "Requests/s") {
		t.Error("the server is not spoken of")
	}
}

// TestNginx_between counts what the log has of a time, and refuses what it cannot read.
func TestNginx_between(t *testing.T) {
	n := &nginx{log: filepath.Join(t.TempDir(), "log")}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(n.log, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("99.999 200 5000\n100.000 304 180\n101.500 304 182\n102.000 200 5000\n102.500 404 300\n103.000 304 180\n")
	got, err := n.between(time.Unix(100, 0), time.Unix(103, 0))
	if err != nil || got.requests != 4 || got.notModified != 2 || got.bytesUnchanged != 362 || got.whole != 1 || got.bytes != 5662 || got.others[404] != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	write("100.000 304\n")
	if _, err := n.between(time.Unix(0, 0), time.Unix(200, 0)); err == nil {
		t.Error("half a line was read")
	}
}

func TestQuantile(t *testing.T) {
	all := []time.Duration{5, 1, 4, 2, 3, 10, 9, 8, 7, 6}
	for q, want := range map[float64]time.Duration{0: 1, 0.5: 5, 0.9: 9, 0.99: 10, 1: 10} {
		if got := quantile(all, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
}

// TestTable: the formula stands beside what was seen.
func TestTable(t *testing.T) {
	o := options{sidecars: 30, lasts: time.Minute, min: 2 * time.Second, max: 4 * time.Second, source: fromURL}
	h := []held{{pss: 1 << 20, rss: 2 << 20, peak: 3 << 20, heap: 4 << 20, threads: 5}}
	text := o.table(report.Machine{Processor: "P", Go: "go1"}, []row{{
		scenario: scenario{name: "demo"}, archive: 2048, ready: []time.Duration{time.Second}, shared: []shared{{1, 1 << 20}},
		held: h, after: h, idle: 3 * time.Second, lasted: time.Minute, reached: []time.Duration{time.Second, 2 * time.Second},
		seen: seen{requests: 600, notModified: 600, bytes: 120_000, bytesUnchanged: 120_000},
	}})
	for _, want := range []string{
		"| demo | 2.0 | 1.0 | 2.0 | 4.0 | 3.0 | 5 | 3.0 | 1.00 | 1.00 |",
		"| demo | 10.00 | 10.00 | 600 | 0 | 200 | 2000 |",
		"| demo | 1.00 | 2.00 | 2.00 | 2.00 |",
		"| 1 | 1.0 |",
		"| the formula, without the load | 1.50 | 2.90 | 3.65 | 4.00 |",
		"111 requests/s; half have a new\nrevision after 45 s, 90 % after 87 s, 99 % after 110 s, all after 120 s,",
		"| demo | 22 | 19.5 | 0.2 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no row %s in %s", want, text)
		}
	}
}

// TestForetold compares the formula with polls that are drawn.
func TestForetold(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, o := range []options{{min: time.Second, max: 2 * time.Second}, {min: time.Second, max: 10 * time.Second}, {min: 3 * time.Second, max: 3 * time.Second}} {
		var left []time.Duration
		for range 20_000 {
			at := -100*o.max - time.Duration(random.Int64N(int64(o.max))) // the moment is 0, long after the first poll
			for at < 0 {
				at += o.min + time.Duration(random.Int64N(int64(o.max-o.min)+1))
			}
			left = append(left, at)
		}
		for _, q := range []float64{0.1, 0.5, 0.9, 0.99, 1} {
			if got, want := o.foretold(q), quantile(left, q).Seconds(); math.Abs(got-want) > 0.03*o.max.Seconds() {
				t.Errorf("%v to %v: the share %v after %.2f s, drawn %.2f s", o.min, o.max, q, got, want)
			}
		}
	}
}

// TestExecute_flags: what is no flag exits with 2.
func TestExecute_flags(t *testing.T) {
	f := func(want int, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := execute(t.Context(), args, &out, &errs); got != want || errs.Len() == 0 {
			t.Errorf("%q: exit %d, want %d; %s", args, got, want, errs.String())
		}
	}
	f(0, "--help")
	f(2, "--nonsense")
	f(2, "argument")
	f(2, "--sidecars", "0")
	f(2, "--for", "1ms")
	f(2, "--poll-min", "5s", "--poll-max", "4s")
	f(2, "--source", "oci")
	f(1, "--source", "path", "--postern", "/no/such/program")
}
