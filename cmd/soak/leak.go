package main

import (
	"fmt"
	"os"
	"slices"
	"time"

	"postern/cmd/process"
)

// A sample is what Postern holds in a quiet moment: nobody asks, all connections are closed,
// and garbage is collected.
type sample struct {
	at         time.Duration // since the beginning
	heap       float64       // bytes of live objects
	goroutines float64
	files      float64 // open descriptors
	resident   float64 // bytes
}

// A measure is one of the numbers of a sample, and how much it may grow from the warm-up to
// the end: by a share of what it was, and an amount.
type measure struct {
	name   string
	of     func(sample) float64
	share  float64
	amount float64
	unit   float64 // in which it is shown
}

// Goroutines may be those of fasthttp that wait ten seconds for another connection.
var measures = []measure{
	{"live heap, MiB", func(s sample) float64 { return s.heap }, 0.2, 6 << 20, 1 << 20},
	{"goroutines", func(s sample) float64 { return s.goroutines }, 0, 40, 1},
	{"open files", func(s sample) float64 { return s.files }, 0, 16, 1},
	{"resident, MiB", func(s sample) float64 { return s.resident }, 0.3, 32 << 20, 1 << 20},
}

// settled is how long the last requests may take to end once nobody asks.
const settled = 10 * time.Second

// take takes a sample.
func take(p *process.Process, began time.Time) (sample, error) {
	s := sample{at: time.Since(began)}
	for end := time.Now().Add(settled); ; time.Sleep(20 * time.Millisecond) {
		m, err := p.Metrics()
		if err != nil {
			return s, p.Failed(err)
		}
		if m["postern_requests_in_flight"] == 0 {
			break
		}
		if time.Now().After(end) {
			return s, fmt.Errorf("%v requests are under way, and nobody asks", m["postern_requests_in_flight"])
		}
	}
	time.Sleep(100 * time.Millisecond) // the ends of connections travel
	for range 2 {                      // what pools keep survives one collection
		if _, err := process.Fetch(p.Addresses["admin"], "/debug/pprof/heap?gc=1"); err != nil {
			return s, err
		}
	}
	m, err := p.Metrics()
	if err != nil {
		return s, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	if err != nil {
		return s, err
	}
	resident, err := process.Resident(p.PID())
	s.heap, s.goroutines = m["go_memstats_heap_alloc_bytes"], m["go_goroutines"]
	s.files, s.resident = float64(len(files)), float64(resident)
	return s, err
}

// A growth is a measure at the warm-up and at the end.
type growth struct {
	measure
	warm, end float64
}

// allowed is the most that the end may be.
func (g growth) allowed() float64 { return g.warm*(1+g.share) + g.amount }

func (g growth) leaks() bool { return !(g.end <= g.allowed()) }

// growths compares the median of the samples between a quarter and a half of the whole time
// with that of its last third.
func growths(samples []sample, whole time.Duration) ([]growth, error) {
	var warm, end []sample
	for _, s := range samples {
		switch {
		case s.at >= whole/4 && s.at < whole/2:
			warm = append(warm, s)
		case s.at >= whole*2/3:
			end = append(end, s)
		}
	}
	if len(warm) == 0 || len(end) == 0 {
		return nil, fmt.Errorf("%d samples at the warm-up and %d at the end are too few", len(warm), len(end))
	}
	var all []growth
	for _, m := range measures {
		all = append(all, growth{m, median(warm, m.of), median(end, m.of)})
	}
	return all, nil
}

func median(samples []sample, of func(sample) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}
