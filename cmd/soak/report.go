package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// A report is what came of a soak.
type report struct {
	lasted    time.Duration
	counts    map[string]map[string]int // by door and outcome
	faults    map[string]int
	first     []string
	bundles   map[string]int
	rotations int
	reloads   map[string]float64 // ok, error
	growths   []growth
	records   int // lines of the decision log
	judged    int // of which so many were judged by their answers
	lost      float64
	decisions float64 // as the metrics count them
	unread    float64 // requests beside them that could not be read
}

// failed reports whether anything was not as it must be.
func (r *report) failed() bool {
	return len(r.faults) > 0 || float64(r.records)+r.lost != r.decisions || r.decisions == 0 ||
		slices.ContainsFunc(r.growths, growth.leaks) || len(r.growths) == 0
}

func (r *report) write(out io.Writer) {
	fmt.Fprintf(out, "\n%-18s %s\n", "door", "outcomes")
	total := 0
	for _, door := range slices.Sorted(maps.Keys(r.counts)) {
		fmt.Fprintf(out, "%-18s %s\n", door, list(r.counts[door]))
		for _, n := range r.counts[door] {
			total += n
		}
	}
	fmt.Fprintf(out, "\n%-18s %d in %v\n", "requests", total, r.lasted.Round(time.Second))
	fmt.Fprintf(out, "%-18s %s\n", "revisions", list(r.bundles))
	fmt.Fprintf(out, "%-18s %.0f ok, %.0f refused\n", "reloads", r.reloads["ok"], r.reloads["error"])
	fmt.Fprintf(out, "%-18s %d\n", "key rotations", r.rotations)
	fmt.Fprintf(out, "%-18s %.0f, of which %d records are written and %.0f lost; %d records judged\n", "decisions", r.decisions, r.records, r.lost, r.judged)
	fmt.Fprintf(out, "%-18s %.0f\n", "no questions", r.unread)
	for _, g := range r.growths {
		verdict := "no leak"
		if g.leaks() {
			verdict = "LEAK"
		}
		fmt.Fprintf(out, "%-18s %.1f at the warm-up, %.1f at the end, at most %.1f: %s\n", g.name, g.warm/g.unit, g.end/g.unit, g.allowed()/g.unit, verdict)
	}
	for _, kind := range []string{wrongAnswer, lostAnswer, badRecord, otherFault} {
		fmt.Fprintf(out, "%-18s %d\n", kind, r.faults[kind])
	}
	for _, f := range r.first {
		fmt.Fprintf(out, "  %s\n", f)
	}
}

// list writes counts in order of their names.
func list(counts map[string]int) string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		all = append(all, fmt.Sprintf("%d %s", counts[what], what))
	}
	return strings.Join(all, ", ")
}
