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
	"postern/cmd/process"
)

// The counters of bundle loads.
const (
	reloadsOK     = `postern_bundle_reloads_total{result="ok"}`
	reloadsFailed = `postern_bundle_reloads_total{result="error"}`
)

// A swap is a bundle's path that stands for one directory after another: a link that a
// rename replaces, so that there is no moment without a bundle.
type swap struct {
	path string
	next func() (dir string, err error)
}

// turn lets the path stand for the next directory.
func (s *swap) turn() error {
	dir, err := s.next()
	if err != nil {
		return err
	}
	link := s.path + ".next"
	if err := os.Symlink(dir, link); err != nil {
		return err
	}
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

// swapped is a path that stands for the first directory of next by now.
func (b *bench) swapped(name string, next func() (string, error)) (*swap, error) {
	s := &swap{path: b.path(name), next: next}
	return s, s.turn()
}

// reloads asks as many sessions do while the bundle stays; while it is swapped every second
// for one with another organization in it, as when customers come; and while it is swapped
// for one of two revisions, of which one gives a role a permission more.
func (b *bench) reloads(ctx context.Context, _ string) (report.Section, error) {
	first, tokens, r, err := b.population(ctx)
	if err != nil {
		return report.Section{}, err
	}
	plan := b.plan()
	plan.Duration = max(plan.Duration, 3*time.Second) // for there to be reloads in it
	same := r.plan(plan, tokens, classOf)
	still := b.steady("Postern, no reload", b.serve(setup{bundle: first}), same)

	organizations := world.Organizations
	grown, err := b.swapped("grown", func() (string, error) {
		organizations++
		return b.bundle(organizations, false)
	})
	if err != nil {
		return report.Section{}, err
	}
	roles, either, err := b.revisions(ctx, first, r, same, plan, tokens)
	if err != nil {
		return report.Section{}, err
	}
	moved := func(name string, s *swap, plan load.Plan) target {
		t := b.steady(name, b.serve(setup{bundle: s.path}), plan)
		t.during, t.after = s.each, reloadsSeen()
		return t
	}
	rows, err := b.compare(ctx, "the same, reload every second", still,
		moved("Postern, an organization is added", grown, same), moved("Postern, a role is changed", roles, either))
	if err != nil {
		return report.Section{}, err
	}
	section := report.Section{Rows: rows}
	for i, what := range []string{"an organization added", "a role changed"} {
		section.Figures = append(section.Figures, besideStill(what, rows[0], &rows[i+1]))
	}
	return section, nil
}

// besideStill says what reloads cost the slowest requests.
func besideStill(what string, still report.Row, moved *report.Row) report.Figure {
	seen := 0.0
	for _, round := range moved.Rounds {
		seen += round.Extra["reloads"]
	}
	times := moved.P99() / still.P99()
	moved.Ratio = fmt.Sprintf("p99 %.2f × without; %.0f reloads", times, seen)
	figure := report.AtMost("reload every second, "+what+", p99 beside without", times, 2, "%.2f ×")
	if seen == 0 {
		figure = report.Unknown(figure)
	}
	return figure
}

// revisions are a bundle and one that answers one question otherwise, in turn, and a plan
// that takes the answers of either.
func (b *bench) revisions(ctx context.Context, first string, r *reference, same, plan load.Plan, tokens []string) (*swap, load.Plan, error) {
	second, err := b.bundle(world.Organizations, true)
	if err != nil {
		return nil, load.Plan{}, err
	}
	marked := &reference{questions: r.questions, texts: r.texts, numbers: r.numbers, rows: map[world.Class][]int{}}
	if err := marked.ask(ctx, b, second, true, b.classesOf(classOf)); err != nil {
		return nil, load.Plan{}, err
	}
	either, err := eitherOf(same, marked.plan(plan, tokens, classOf), r.questions)
	if err != nil {
		return nil, load.Plan{}, err
	}
	turns := 0
	s, err := b.swapped("live", func() (string, error) {
		turns++
		return []string{second, first}[turns%2], nil
	})
	return s, either, err
}

// reloadsSeen adds to each round how often the bundle was loaded in it. One that could not
// be is an error.
func reloadsSeen() func(*process.Process, *report.Round) error {
	before := 1.0 // the bundle was loaded once at start
	return func(p *process.Process, r *report.Round) error {
		m, err := p.Metrics()
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
