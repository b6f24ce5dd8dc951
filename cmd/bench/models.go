package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"postern/cmd/bench/report"
	"postern/sidecar/bundle"
	"postern/sidecar/policy"
)

// A weight is what one generation of a bundle takes: its policy, which is what serve keeps.
type weight struct {
	Load time.Duration `json:"load"`
	Heap int64         `json:"heap"` // live, in bytes
}

// size is the role that loads a bundle and weighs it.
func size(ctx context.Context, in *bufio.Reader, out io.Writer) error {
	var dir string
	if err := told(in, &dir); err != nil {
		return err
	}
	before := live()
	began := time.Now()
	b, err := bundle.Load(ctx, bundle.DefaultLimits(), dir)
	if err != nil {
		return err
	}
	p, err := policy.New(ctx, b, new(policy.Bound), policy.Options{})
	if err != nil {
		return err
	}
	w := weight{Load: time.Since(began)}
	w.Heap = live() - before
	runtime.KeepAlive(p)
	return json.NewEncoder(out).Encode(w)
}

// live is the heap that is in use once it was collected. The second collection frees what
// the first one's finalizers held.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// organizations asks one question of models of several sizes, and weighs them.
func (b *bench) organizations(ctx context.Context, _ string) (report.Section, error) {
	var targets []target
	var dirs []string
	_, token, err := b.warmBundle()
	if err != nil {
		return report.Section{}, err
	}
	request := headOf("/v1/check", token) + tailOf(question)
	for _, n := range b.models {
		dir, err := b.bundle(n, false)
		if err != nil {
			return report.Section{}, err
		}
		answer, err := learn(ctx, b.serve(setup{bundle: dir}), request, allowed)
		if err != nil {
			return report.Section{}, err
		}
		dirs = append(dirs, dir)
		targets = append(targets, b.steady("Postern, "+thousands(n), b.serve(setup{bundle: dir}), b.repeated(request, answer.Kept)))
	}
	rows, err := b.compare(ctx, "organizations in the model", targets...)
	if err != nil {
		return report.Section{}, err
	}
	var load, share float64
	for i, dir := range dirs {
		if load, share, err = b.weigh(ctx, dir); err != nil {
			return report.Section{}, err
		}
		rows[i].Ratio = fmt.Sprintf("%.2f × the first; loads in %.2f s; heap %.1f × its JSON", ratio(rows[i], rows[0]), load, share)
	}
	last := len(rows) - 1
	most := thousands(b.models[last]) + " organizations, "
	return report.Section{Rows: rows, Figures: []report.Figure{
		report.AtMost(most+"load", load, 1.5, "%.2f s"),
		report.AtMost(most+"cost beside "+thousands(b.models[0]), ratio(rows[last], rows[0]), 1.1, "%.2f ×"),
		report.AtMost(most+"live heap beside its JSON", share, 5, "%.1f ×"),
	}}, nil
}

// weigh has children load a bundle, one for each round: the median seconds that it takes,
// and the live heap beside the size of its JSON.
func (b *bench) weigh(ctx context.Context, dir string) (seconds, share float64, err error) {
	info, err := os.Stat(filepath.Join(dir, "model", "data.json"))
	if err != nil {
		return 0, 0, err
	}
	all := make([]weight, b.extent.rounds)
	for i := range all {
		p, err := spawn(ctx, "size", dir)
		if err != nil {
			return 0, 0, err
		}
		err = p.Hear(&all[i])
		p.Stop()
		if err != nil {
			return 0, 0, err
		}
		b.said("%s bytes of model: %v, %d bytes live", thousands(int(info.Size())), all[i].Load, all[i].Heap)
	}
	seconds = report.Median(all, func(w weight) float64 { return w.Load.Seconds() })
	share = report.Median(all, func(w weight) float64 { return float64(w.Heap) }) / float64(info.Size())
	return seconds, share, nil
}

// thousands writes a number with commas.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	var groups []string
	for len(digits) > 3 {
		groups = append([]string{digits[len(digits)-3:]}, groups...)
		digits = digits[:len(digits)-3]
	}
	return strings.Join(append([]string{digits}, groups...), ",")
}
