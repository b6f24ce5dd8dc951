package report

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func example() Report {
	rounds := func(processor ...float64) []Round {
		var all []Round
		for _, p := range processor {
			all = append(all, Round{
				Processor: p, PerSecond: 1e9 / p, P50: time.Duration(2 * p), P99: time.Duration(10 * p),
				P999: time.Duration(40 * p), Requests: 1000, Resident: 50 << 20,
			})
		}
		return all
	}
	wrong := rounds(150_000)
	wrong[0].Errors = 3
	sections := []Section{{
		Rows: []Row{
			{Scenario: "warm check", Target: "bare fasthttp", Rounds: rounds(9000, 11_000, 10_000)},
			{Scenario: "warm check", Target: "Postern", Rounds: rounds(12_000, 13_000), Ratio: "1.25 × bare"},
		},
		Figures: []Figure{AtMost("warm check, beside bare", 1.25, 1.3, "%.2f ×"), AtLeast("warm check, OPA beside", 14.96, 15, "%.2f ×")},
	}, {
		Rows:    []Row{{Scenario: "many sessions", Target: "Postern", Rounds: wrong}},
		Figures: []Figure{Unknown(AtLeast("memo hits", 0, 95, "%.1f %%"))},
	}}
	return Report{
		Machine: Machine{
			Processor: "Abacus 9", Cores: 2, Kernel: "6.1", Go: "go1.26.8", Commit: "0123abc", Libraries: []string{"opa v1", "grpc v1"},
			Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Command: "go run ./cmd/bench",
		},
		Sections: sections,
	}
}

func TestMarkdown(t *testing.T) {
	path, got := filepath.Join("testdata", "full.md"), example().Full()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is\n%s\nwant\n%s", path, got, want)
	}
}

func TestMedian(t *testing.T) {
	f := func(want float64, values ...float64) {
		t.Helper()
		if got := Median(values, func(x float64) float64 { return x }); got != want {
			t.Errorf("Median(%v) = %v, want %v", values, got, want)
		}
	}
	f(0)
	f(3, 3)
	f(2.5, 3, 2)
	f(2, 9, 1, 2)
}

func TestFigure(t *testing.T) {
	f := func(got Figure, reached bool) {
		t.Helper()
		if got.Reached != reached {
			t.Errorf("%+v", got)
		}
	}
	f(AtMost("", 1.3, 1.3, "%v"), true)
	f(AtMost("", 1.31, 1.3, "%v"), false)
	f(AtLeast("", 95, 95, "%v"), true)
	f(AtLeast("", 94.9, 95, "%v"), false)
	f(Unknown(AtMost("", 1, 2, "%v")), false)
	zero := 0.0
	f(AtMost("", zero/zero, 1, "%v"), false)
	f(AtLeast("", zero/zero, 1, "%v"), false)
}
