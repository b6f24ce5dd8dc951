package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/process"
)

// A target is one server of a scenario, and what it is asked.
type target struct {
	name  string
	start func(context.Context) (*process.Process, error)
	// fresh starts it anew for every round, with warm for its only warm-up.
	fresh bool
	// warm is carried out before the first round, where it is not nil.
	warm *load.Plan
	plan load.Plan
	door string // the address that is asked: http or grpc
	// during runs beside each round, until ctx ends; nil is nothing.
	during func(ctx context.Context) error
	// settle waits, where it is not nil, until what requests left to do is done. That is a part
	// of what they cost.
	settle func(ctx context.Context, p *process.Process) error
	// after reads, where it is not nil, what else is to be said of a round.
	after func(p *process.Process, r *report.Round) error
}

// compare measures the targets in turn, as often as the bench is told to, so that what else
// happens on the machine falls on all of them alike.
func (b *bench) compare(ctx context.Context, scenario string, targets ...target) ([]report.Row, error) {
	rows := make([]report.Row, len(targets))
	running := make([]*process.Process, len(targets))
	defer func() {
		for _, p := range running {
			if p != nil {
				p.Stop()
			}
		}
	}()
	for i, t := range targets {
		rows[i] = report.Row{Scenario: scenario, Target: t.name}
		if t.fresh {
			continue
		}
		var err error
		if running[i], err = b.begin(ctx, t); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", scenario, t.name, err)
		}
	}
	for n := range b.rounds {
		for k := range targets {
			i := k
			if n%2 == 1 { // what comes after what is no advantage
				i = len(targets) - 1 - k
			}
			t := targets[i]
			round, err := b.round(ctx, t, running[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", scenario, t.name, err)
			}
			b.said("%s, %s, round %d: %s", scenario, t.name, n+1, round)
			rows[i].Rounds = append(rows[i].Rounds, round)
		}
	}
	return rows, nil
}

// begin starts the target and warms it up.
func (b *bench) begin(ctx context.Context, t target) (*process.Process, error) {
	p, err := t.start(ctx)
	if err != nil || t.warm == nil {
		return p, err
	}
	_, err = b.load(ctx, t, p, *t.warm)
	if err == nil && t.settle != nil {
		err = t.settle(ctx, p)
	}
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("warm-up: %w", err)
	}
	return p, nil
}

// round measures the target once.
func (b *bench) round(ctx context.Context, t target, p *process.Process) (report.Round, error) {
	if t.fresh {
		var err error
		if p, err = b.begin(ctx, t); err != nil {
			return report.Round{}, err
		}
		defer p.Stop()
	}
	return b.measure(ctx, t, p)
}

// measure carries out the target's plan and reads what it cost the process.
func (b *bench) measure(ctx context.Context, t target, p *process.Process) (report.Round, error) {
	before, err := process.ProcessorTime(p.PID())
	if err != nil {
		return report.Round{}, err
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		if t.during == nil {
			ended <- nil
			return
		}
		ended <- t.during(beside)
	}()
	result, err := b.load(ctx, t, p, t.plan)
	stop()
	if also := <-ended; err == nil {
		err = also
	}
	if err == nil && t.settle != nil {
		err = t.settle(ctx, p)
	}
	if err != nil {
		return report.Round{}, p.Failed(err)
	}
	after, err := process.ProcessorTime(p.PID())
	if err != nil {
		return report.Round{}, err
	}
	round := report.Round{
		Processor: float64(after-before) / float64(result.Requests),
		PerSecond: float64(result.Requests) / result.Elapsed.Seconds(),
		P50:       result.P50, P99: result.P99, P999: result.P999,
		Requests: result.Requests, Errors: result.Errors,
	}
	if round.Resident, err = process.Resident(p.PID()); err != nil {
		return report.Round{}, err
	}
	if t.after != nil {
		err = t.after(p, &round)
	}
	return round, err
}

// load carries out a plan. Wrong answers are told at once and counted: the run then fails,
// but not before all was measured, since what else was wrong may say why.
func (b *bench) load(ctx context.Context, t target, p *process.Process, plan load.Plan) (load.Result, error) {
	plan.Address = p.Addresses[t.door]
	result, err := runLoad(ctx, plan)
	if err != nil {
		return result, err
	}
	if result.Errors > 0 {
		b.wrong += result.Errors
		b.said("%s: %d of %d answers were wrong: %q", t.name, result.Errors, result.Requests, result.First)
	}
	if result.Requests == 0 {
		return result, fmt.Errorf("no request in %v", result.Elapsed)
	}
	return result, nil
}

// verification is the processor time of one RSA verification of 2048 bits: the median of
// what one thread alone needs.
func (b *bench) verification() (time.Duration, error) {
	times := make([]time.Duration, b.verifies)
	if err := verifyTimes(times); err != nil {
		return 0, err
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
