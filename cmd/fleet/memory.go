package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"postern/cmd/process"
)

// A held is what one process holds, in bytes but for the threads.
type held struct {
	pss     float64 // its share of what it holds with others
	rss     float64
	peak    float64 // the most that rss ever was
	heap    float64 // in use, as Go says
	threads float64
}

func (f *fleet) holds() ([]held, error) {
	var all []held
	for _, p := range f.all {
		h, err := holds(p)
		if err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, nil
}

func holds(p *process.Process) (held, error) {
	var h held
	m, err := p.Metrics()
	if err != nil {
		return h, p.Failed(err)
	}
	h.heap = m["go_memstats_heap_inuse_bytes"]
	const kib = 1 << 10
	err = fields(p.PID(), "smaps_rollup", map[string]*float64{"Pss:": &h.pss, "Rss:": &h.rss}, kib)
	if err == nil {
		err = fields(p.PID(), "status", map[string]*float64{"VmHWM:": &h.peak}, kib)
	}
	if err == nil {
		err = fields(p.PID(), "status", map[string]*float64{"Threads:": &h.threads}, 1)
	}
	return h, err
}

// fields reads numbers of a file that the kernel has about a process, by the names before
// them.
func fields(pid int, file string, into map[string]*float64, unit float64) error {
	path := fmt.Sprintf("/proc/%d/%s", pid, file)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		parts := strings.Fields(line)
		if len(parts) < 2 || into[parts[0]] == nil {
			continue
		}
		if _, err := fmt.Sscan(parts[1], into[parts[0]]); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		*into[parts[0]] *= unit
		found++
	}
	if found != len(into) {
		return fmt.Errorf("%s has %d of %d fields", path, found, len(into))
	}
	return nil
}

// middle is the median of what of is of each.
func middle(all []held, of func(held) float64) float64 {
	var values []float64
	for _, h := range all {
		values = append(values, of(h))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
