package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/bench/world"
)

// The counters of bundle loads.
const (
	reloadsOK     = `postern_bundle_reloads_total{result="ok"}`
	reloadsFailed = `postern_bundle_reloads_total{result="error"}`
)

// A swap is a bundle's path that stands for one of two directories in turn: a link that a
// rename replaces, so that there is no moment without a bundle.
type swap struct {
	path    string
	between [2]string
	next    int
}

// turn lets the path stand for the other directory.
func (s *swap) turn() error {
	link := s.path + ".next"
	if err := os.Symlink(s.between[s.next], link); err != nil {
		return err
	}
	s.next = 1 - s.next
	return os.Rename(link, s.path)
}

// each turns after every second until ctx ends.
func (s *swap) each(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.turn(); err != nil {
				return err
			}
		}
	}
}

// reloads asks as many sessions do while the bundle stays, and while it is swapped every
// second between two revisions that answer one question differently.
func (b *bench) reloads(ctx context.Context, _ string) (report.Section, error) {
	name := "the same, reload every second"
	first, tokens, r, err := b.population(ctx)
	if err != nil {
		return report.Section{}, err
	}
	second, err := b.bundle(world.Organizations, true)
	if err != nil {
		return report.Section{}, err
	}
	marked := &reference{questions: r.questions, texts: r.texts, numbers: r.numbers, rows: map[world.Class][]int{}}
	if err := marked.ask(ctx, b, second, true, b.classesOf(classOf)); err != nil {
		return report.Section{}, err
	}
	swapped := &swap{path: b.path("live"), between: [2]string{first, second}}
	if err := swapped.turn(); err != nil {
		return report.Section{}, err
	}
	plan := b.plan()
	plan.Duration = max(plan.Duration, 3*time.Second) // for there to be reloads in it
	still := b.steady("Postern, no reload", b.serve(setup{bundle: first}), r.plan(plan, tokens, classOf))
	either, err := eitherOf(r.plan(plan, tokens, classOf), marked.plan(plan, tokens, classOf), r.questions)
	if err != nil {
		return report.Section{}, err
	}
	moved := b.steady("Postern, reloads", b.serve(setup{bundle: swapped.path}), either)
	moved.during = swapped.each
	moved.after = reloadsSeen()
	rows, err := b.compare(ctx, name, still, moved)
	if err != nil {
		return report.Section{}, err
	}
	seen := 0.0
	for _, round := range rows[1].Rounds {
		seen += round.Extra["reloads"]
	}
	times := rows[1].P99() / rows[0].P99()
	rows[1].Ratio = fmt.Sprintf("p99 %.2f × without; %.0f reloads", times, seen)
	figure := report.AtMost("reload every second, p99 beside without", times, 2, "%.2f ×")
	if seen == 0 {
		figure = report.Unknown(figure)
	}
	return report.Section{Rows: rows, Figures: []report.Figure{figure}}, nil
}

// reloadsSeen adds to each round how often the bundle was loaded in it. One that could not
// be is an error.
func reloadsSeen() func(*process, *report.Round) error {
	before := 1.0 // the bundle was loaded once at start
	return func(p *process, r *report.Round) error {
		m, err := p.metrics()
		if err != nil {
			return err
		}
		if n := m[reloadsFailed]; n > 0 {
			return fmt.Errorf("%.0f bundles could not be loaded", n)
		}
		r.Extra = map[string]float64{"reloads": m[reloadsOK] - before}
		before = m[reloadsOK]
		return nil
	}
}

// eitherOf is a plan that takes the answers of either revision. They must differ, and for
// the marked question alone.
func eitherOf(one, other load.Plan, questions []string) (load.Plan, error) {
	h := *one.HTTP
	h.Answers, h.Or = other.HTTP.Answers, other.HTTP.Expect // the second knows all that the first does
	differ := 0
	for i, row := range h.Expect {
		for k := range row {
			if row[k] == h.Or[i][k] {
				continue
			}
			differ++
			if questions[k] != fmt.Sprintf(`{"permission":%q}`, world.Marked) {
				return one, fmt.Errorf("%s is answered differently by the two revisions", questions[k])
			}
		}
	}
	if differ == 0 || !slices.Equal(h.Answers[:len(one.HTTP.Answers)], one.HTTP.Answers) {
		return one, errors.New("the two revisions answer alike")
	}
	one.HTTP = &h
	return one, nil
}
