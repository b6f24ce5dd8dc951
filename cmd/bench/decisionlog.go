package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postern/cmd/bench/report"
	"postern/cmd/bench/world"
	"postern/cmd/process"
)

// lost names, among a round's extras, the records of its requests that came nowhere.
const lost = "lost"

// A logged is one way of logging decisions, with what has come there.
type logged struct {
	name  string
	setup setup
	// take is how many records have come since it was asked last, each with all that it should
	// have, and the last of them, whatever it has.
	take func() (n int, last []byte, err error)

	came, lost int
	last       []byte
}

// decisionLog asks one question with the decision log off, and with each way of having it on.
func (b *bench) decisionLog(ctx context.Context, name string) (report.Section, error) {
	dir, token, err := b.warmBundle()
	if err != nil {
		return report.Section{}, err
	}
	request := headOf("/v1/check", token) + tailOf(question)
	answer, err := learn(ctx, b.serve(setup{bundle: dir}), request, allowed)
	if err != nil {
		return report.Section{}, err
	}
	plan := b.repeated(request, answer.Kept)
	taker, err := serving(ctx, "log-taker", `"path":"check"`)
	if err != nil {
		return report.Section{}, err
	}
	defer taker.Stop()
	ways, err := b.waysToLog(dir, taker)
	if err != nil {
		return report.Section{}, err
	}
	targets := []target{b.steady("Postern, log off", b.serve(setup{bundle: dir}), plan)}
	for _, w := range ways {
		on := b.steady("Postern, "+w.name, b.serve(w.setup), plan)
		on.settle, on.after = w.settle, w.count
		targets = append(targets, on)
	}
	rows, err := b.compare(ctx, name, targets...)
	if err != nil {
		return report.Section{}, err
	}
	for i, w := range ways {
		rows[i+1].Ratio = fmt.Sprintf("%.2f × off; %d records lost", ratio(rows[i+1], rows[0]), w.lost)
	}
	return report.Section{Rows: rows, Figures: []report.Figure{
		report.AtMost("decision log on, beside off", ratio(rows[1], rows[0]), 1.3, "%.2f ×"),
	}}, nil
}

// waysToLog are to a file, with more in a record and with less, and to a server. The first is
// the one that a figure is about.
func (b *bench) waysToLog(bundle string, taker *process.Process) ([]*logged, error) {
	masked, err := b.masked()
	if err != nil {
		return nil, err
	}
	var all []*logged
	for _, w := range []struct{ name, bundle, input, says string }{
		{"log to a file", bundle, "false", `"user":`},
		{"log to a file, with input", bundle, "true", `"input":{`},
		{"log to a file, masked", masked, "false", `"erased":["/user"]`},
	} {
		path := b.path("decisions.jsonl")
		all = append(all, &logged{
			name: w.name, take: func() (int, []byte, error) { return takeLines(path, w.says) },
			setup: setup{bundle: w.bundle, log: fmt.Sprintf("{to: %q, input: %s, rotate: {size: 0}}", path, w.input)},
		})
	}
	return append(all, &logged{
		name: "log to a server", take: func() (int, []byte, error) { return takenBy(taker) },
		setup: setup{bundle: bundle, log: fmt.Sprintf("{to: %q}", "http://"+taker.Addresses["http"]+"/logs")},
	}), nil
}

// mask is what a bundle may have done to a record: one thing goes, another is hashed.
const mask = `package postern.log

mask contains "/user"

mask contains {"op": "upsert", "path": "/session", "value": crypto.sha256(input.session)}
`

// masked writes the bundle with a mask.
func (b *bench) masked() (string, error) {
	dir, err := b.bundle(world.Organizations, false)
	if err != nil {
		return "", err
	}
	manifest := world.Manifest("bench-masked")
	manifest["roots"] = []string{"model", "postern/log"}
	if err := writeJSON(filepath.Join(dir, ".manifest"), manifest); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "mask.rego"), []byte(mask), 0o644)
}

// The time in which all that waits must be written, and how often it is asked: to be asked
// costs the server something too.
const (
	settleTime  = time.Minute
	settleEvery = 100 * time.Millisecond
)

// settle waits until no record waits any more, and takes what has come.
func (l *logged) settle(ctx context.Context, p *process.Process) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		m, err := p.Metrics()
		if err != nil {
			return err
		}
		waits, ok := m["postern_decision_log_buffer_bytes"]
		if !ok {
			return fmt.Errorf("%s: the server does not say what waits", l.name)
		}
		if waits == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %.0f bytes of records still wait: %w", l.name, waits, ctx.Err())
		case <-time.After(settleEvery):
		}
	}
	var err error
	l.came, l.last, err = l.take()
	return err
}

// count tells how many of a round's requests left no record where it should be.
func (l *logged) count(_ *process.Process, r *report.Round) error {
	if l.came == 0 {
		return fmt.Errorf("%s: no record as it should be of %d requests: %q", l.name, r.Requests, l.last)
	}
	n := max(0, r.Requests-l.came)
	l.lost += n
	r.Extra = map[string]float64{lost: float64(n)}
	return nil
}

// takeLines counts the lines of a file that say something, and empties it: whole runs have
// more of them than a disk may have room for. Who writes it appends.
func takeLines(path, says string) (n int, last []byte, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, nil, err
	}
	for line := range bytes.Lines(text) {
		if last = line; bytes.Contains(line, []byte(says)) {
			n++
		}
	}
	if last != nil && !json.Valid(last) {
		return 0, nil, fmt.Errorf("the last line is no JSON: %q", last)
	}
	return n, last, os.Truncate(path, 0)
}
