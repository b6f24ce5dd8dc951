package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"postern/sidecar/policy"
	"postern/sidecar/response"
)

// A Bundle is a policy with its version.
type Bundle struct {
	*policy.Policy
	Version
}

// Options are what to replay on.
type Options struct {
	New Bundle
	// Old decides again what New is compared with; nil compares with what was recorded.
	Old *Bundle
	// Answers are how proxies are answered: a door cannot do all that a policy may ask for.
	Answers response.Proxy
	// Examples is how many decisions of each group the report shows.
	Examples int
}

// Bounds of what is read and not yet reported, for each processor.
const (
	batchLines = 64
	batchBytes = 1 << 20
)

// A batch is some lines of one log, and what they came to.
type batch struct {
	name  string
	lines []numbered
	done  chan []result
}

type numbered struct {
	n    int
	text []byte // nil where the line is too long
}

// Run decides all records of some logs again, on all processors. Its memory does not grow
// with the logs. It fails where a log cannot be read, or ctx ends; a line that is no record
// is counted, and named, and no failure. Where ctx ends it does not wait for a log that gives
// nothing to read.
func Run(ctx context.Context, logs []Log, o Options) (*Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	workers := runtime.GOMAXPROCS(0)
	work, order := make(chan *batch), make(chan *batch, 2*workers)
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for b := range work {
				results := make([]result, len(b.lines))
				for i, l := range b.lines {
					results[i] = o.one(ctx, l.text, fmt.Sprintf("%s:%d", b.name, l.n))
				}
				b.done <- results
			}
		})
	}
	all.Go(func() {
		defer close(work)
		defer close(order)
		for _, l := range logs {
			if err := l.batches(ctx, work, order); err != nil {
				cancel(err)
				return
			}
		}
	})
	report := newReport(o)
	for {
		select {
		case b, ok := <-order:
			if !ok {
				all.Wait()
				if err := context.Cause(ctx); err != nil {
					return nil, err
				}
				report.sort()
				return report, nil
			}
			for _, one := range <-b.done {
				report.add(&one, o.Examples)
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// batches hands the lines of a log to the workers, and the batches in order to whoever
// reports.
func (l Log) batches(ctx context.Context, work, order chan<- *batch) error {
	from, err := l.open()
	if err != nil {
		return err
	}
	for {
		b := &batch{name: l.Name, done: make(chan []result, 1)}
		for size := 0; len(b.lines) < batchLines && size < batchBytes; {
			var text []byte
			if text, err = from.next(); err != nil {
				break
			}
			size += len(text)
			b.lines = append(b.lines, numbered{from.n, bytes.Clone(text)})
		}
		if len(b.lines) > 0 {
			for _, to := range []chan<- *batch{work, order} { // so that what is waited for is worked on
				select {
				case to <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// one decides the record of one line again. A panic is that line's.
func (o *Options) one(ctx context.Context, text []byte, at string) (done result) {
	defer func() {
		if recover() != nil {
			done = result{cause: Panicked, line: at}
		}
	}()
	skip := func(cause Cause) result { return result{cause: cause, line: at} }
	r, c, cause := asked(text)
	if cause != "" {
		return skip(cause)
	}
	if cause := lacks(o.New.Policy, c, r); cause != "" {
		return skip(cause)
	}
	var before Outcome
	if o.Old == nil {
		if before, cause = r.decided(); cause != "" {
			return skip(cause)
		}
	} else {
		if cause := lacks(o.Old.Policy, c, r); cause != "" {
			return skip(cause)
		}
		before = Decide(ctx, o.Old.Policy, o.Answers, c)
	}
	after := Decide(ctx, o.New.Policy, o.Answers, c)
	if before.Unknown || after.Unknown {
		return skip(Masked)
	}
	if !Settled(before.Decision) || !Settled(after.Decision) {
		return skip(Late) // a busy machine is no change of policy, and must not hide one
	}
	done = result{line: at, change: Compare(before.Decision, after.Decision)}
	if done.change == Same {
		return done
	}
	done.subject = subject(c, after, r)
	done.example = Example{
		DecisionID: short(r.ID), Item: r.Item, Line: at, Time: r.Time, Door: short(string(r.Door)), Who: short(r.who(c)), What: short(r.what(c, done.subject)),
		Before: shown(before), After: shown(after),
	}
	return done
}
