package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/bench/world"
	"postern/cmd/process"
)

// unrelated is the number from which on sessions are not the measured ones.
const unrelated = 50_000_000

// classOf is the class of a session by its number. The step has no factor in common with
// the number of classes, so that few sessions are spread as well as many.
func classOf(session int) world.Class {
	all := world.Classes()
	return all[session*37%len(all)]
}

// A reference is every answer that the sessions may get: a Postern with one bundle was
// asked once for each class, with tokens of other sessions, and the oracle agreed.
type reference struct {
	questions []string
	texts     []string       // whole answers, without what varies
	numbers   map[string]int // their places in texts
	rows      map[world.Class][]int
}

func newReference(questions []string) *reference {
	return &reference{questions: questions, numbers: map[string]int{}, rows: map[world.Class][]int{}}
}

// ask fills the rows of the classes that have none.
func (r *reference) ask(ctx context.Context, b *bench, bundle string, marked bool, classes []world.Class) error {
	p, err := b.startPostern(ctx, setup{bundle: bundle, patient: true})
	if err != nil {
		return err
	}
	defer p.Stop()
	tokens, err := b.tokens(unrelated, len(classes), func(n int) world.Class { return classes[n-unrelated] }, b.now)
	if err != nil {
		return err
	}
	body := `{"checks":[` + strings.Join(r.questions, ",") + `]}`
	for i, c := range classes {
		if r.rows[c] != nil {
			continue
		}
		all, err := load.Ask(p.Addresses["http"], headOf("/v1/checks", tokens[i])+tailOf(body))
		if err != nil {
			return err
		}
		bodies, err := decided(all.Body(), c, r.questions, marked)
		if err != nil {
			return err
		}
		// A batch's parts are what its questions are answered alone.
		one, err := load.Ask(p.Addresses["http"], headOf("/v1/check", tokens[i])+tailOf(r.questions[0]))
		if err != nil {
			return err
		}
		if one.Body() != bodies[0] {
			return fmt.Errorf("alone the answer is %s, in a batch %s", one.Body(), bodies[0])
		}
		r.rows[c] = make([]int, len(bodies))
		for k, text := range bodies {
			r.rows[c][k] = r.number(like(one.Kept, text))
		}
	}
	return nil
}

// like is an answer with another body.
func like(answer, body string) string {
	head, old, _ := strings.Cut(answer, "\r\n\r\n")
	length := func(s string) string { return fmt.Sprintf("Content-Length: %d", len(s)) }
	return strings.Replace(head, length(old), length(body), 1) + "\r\n\r\n" + body
}

func (r *reference) number(text string) int {
	n, ok := r.numbers[text]
	if !ok {
		n = len(r.texts)
		r.numbers[text] = n
		r.texts = append(r.texts, text)
	}
	return n
}

// plan draws sessions and questions at random. The sessions are the range's from 0, with
// their tokens.
func (r *reference) plan(p load.Plan, tokens []string, class func(int) world.Class) load.Plan {
	h := &load.HTTP{Answers: r.texts}
	for i, t := range tokens {
		h.Heads = append(h.Heads, headOf("/v1/check", t))
		h.Expect = append(h.Expect, r.rows[class(i)])
	}
	for _, q := range r.questions {
		h.Tails = append(h.Tails, tailOf(q))
	}
	p.HTTP = h
	return p
}

// classesOf are the classes of the bench's sessions, each once.
func (b *bench) classesOf(class func(int) world.Class) []world.Class {
	var all []world.Class
	seen := map[world.Class]bool{}
	for i := range b.sessions {
		if c := class(i); !seen[c] {
			seen[c] = true
			all = append(all, c)
		}
	}
	return all
}

// population is a bundle, the sessions' tokens, and what they are answered.
func (b *bench) population(ctx context.Context) (bundle string, tokens []string, r *reference, err error) {
	if bundle, err = b.bundle(world.Organizations, false); err != nil {
		return "", nil, nil, err
	}
	if tokens, err = b.tokens(0, b.sessions, classOf, b.now); err != nil {
		return "", nil, nil, err
	}
	r = newReference(world.Questions())
	return bundle, tokens, r, r.ask(ctx, b, bundle, false, b.classesOf(classOf))
}

// The names, among a round's extras, of the memo's counts.
const (
	hits   = "memo_hits"
	misses = "memo_misses"
)

// counts adds to a round what was remembered in it, where this Postern counts that.
func counts(before map[string]float64, p *process.Process, r *report.Round) (map[string]float64, error) {
	after, err := p.Metrics()
	if err != nil {
		return nil, err
	}
	if _, ok := after[memoHits]; ok {
		r.Extra = map[string]float64{hits: after[memoHits] - before[memoHits], misses: after[memoMisses] - before[memoMisses]}
	}
	return after, nil
}

// shareOf is the share of decisions that were remembered in the rounds, or false where it
// was not counted in all of them.
func shareOf(rounds []report.Round) (float64, bool) {
	had, missed := 0.0, 0.0
	for _, r := range rounds {
		if r.Extra == nil {
			return 0, false
		}
		had, missed = had+r.Extra[hits], missed+r.Extra[misses]
	}
	return had / (had + missed), had+missed > 0
}

// remembered is a figure of the memo, and the words for its row.
func remembered(name string, rounds []report.Round, limit float64) (report.Figure, string) {
	share, ok := shareOf(rounds)
	f := report.AtLeast(name, 100*share, limit, "%.1f %%")
	if !ok {
		return report.Unknown(f), "memo hits n/a"
	}
	return f, fmt.Sprintf("memo hits %.1f %%", 100*share)
}

// manySessions asks many questions with many sessions of a Postern that has just started.
func (b *bench) manySessions(ctx context.Context, _ string) (report.Section, error) {
	bundle, tokens, r, err := b.population(ctx)
	if err != nil {
		return report.Section{}, err
	}
	plan := b.plan()
	plan.Duration, plan.Count = 0, b.requests
	t := target{name: "Postern", start: b.serve(setup{bundle: bundle}), fresh: true, plan: r.plan(plan, tokens, classOf), door: "http"}
	t.after = func(p *process.Process, round *report.Round) error {
		_, err := counts(nil, p, round)
		return err
	}
	name := fmt.Sprintf("%s sessions × %d questions", thousands(b.sessions), len(r.questions))
	rows, err := b.compare(ctx, name, t)
	if err != nil {
		return report.Section{}, err
	}
	figure, words := remembered(name+", memo hits", rows[0].Rounds, 95)
	rows[0].Ratio = words
	return report.Section{Rows: rows, Figures: []report.Figure{figure}}, nil
}

// replacedTokens replaces every session's token each minute, by a clock that the bench
// moves: once with all questions, and once without those about reverification. The age of
// the factors is another in each token, as it is in Clerk's.
func (b *bench) replacedTokens(ctx context.Context, _ string) (report.Section, error) {
	const reverification = `"reverification"`
	plain := slices.DeleteFunc(world.Questions(), func(q string) bool { return strings.Contains(q, reverification) })
	rows, err := b.minutely(ctx, "the same, tokens replaced each minute", world.Questions())
	if err != nil {
		return report.Section{}, err
	}
	without, err := b.minutely(ctx, "the same, no reverification asked for", plain)
	if err != nil {
		return report.Section{}, err
	}
	figure, words := remembered("tokens replaced each minute, memo hits after the first", rows.Rounds[1:], 99)
	rows.Ratio = words
	other, words := remembered("the same, no reverification asked for", without.Rounds[1:], 99)
	without.Ratio = words
	return report.Section{Rows: []report.Row{rows, without}, Figures: []report.Figure{figure, other}}, nil
}

// minutely measures one Postern minute after minute; each is a round of its row.
func (b *bench) minutely(ctx context.Context, name string, questions []string) (report.Row, error) {
	row := report.Row{Scenario: name, Target: "Postern"}
	bundle, err := b.bundle(world.Organizations, false)
	if err != nil {
		return row, err
	}
	config, err := b.configuration(setup{bundle: bundle})
	if err != nil {
		return row, err
	}
	p, err := serving(ctx, "clocked", clockedSettings{Config: config, Now: b.now})
	if err != nil {
		return row, err
	}
	defer p.Stop()
	r := newReference(questions)
	var before map[string]float64
	for minute := range b.minutes {
		class := func(session int) world.Class { return classOf(session).Older(minute) }
		if err := r.ask(ctx, b, bundle, false, b.classesOf(class)); err != nil {
			return row, err
		}
		at := b.now.Add(time.Duration(minute) * time.Minute)
		tokens, err := b.tokens(0, b.sessions, class, at)
		if err != nil {
			return row, err
		}
		if err := moveTo(p, at); err != nil {
			return row, err
		}
		plan := b.plan()
		plan.Duration, plan.Count, plan.Seed = 0, b.requests/b.minutes, uint64(minute)
		t := target{name: name, plan: r.plan(plan, tokens, class), door: "http"}
		t.after = func(p *process.Process, round *report.Round) (err error) {
			before, err = counts(before, p, round)
			return err
		}
		round, err := b.measure(ctx, t, p)
		if err != nil {
			return row, fmt.Errorf("%s: %w", name, err)
		}
		b.said("%s, minute %d: %s", name, minute+1, round)
		row.Rounds = append(row.Rounds, round)
	}
	return row, nil
}

// moveTo sets the clock of a child that has the role clocked.
func moveTo(p *process.Process, at time.Time) error {
	if err := p.Say(at); err != nil {
		return err
	}
	var now time.Time
	if err := p.Hear(&now); err != nil {
		return err
	}
	if !now.Equal(at) {
		return errors.New("the clock was not moved")
	}
	return nil
}
