package policy

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"
)

var (
	// errTimeout: the evaluation was not done by its deadline.
	errTimeout = errors.New("evaluation passed its deadline")
	// errOverloaded: too many evaluations whose callers have gone are still running.
	errOverloaded = errors.New("too many abandoned evaluations are still running")
)

// A Bound runs evaluations so that no caller waits beyond the deadline. An evaluation
// that ignores its context (a built-in that multiplies huge numbers, say) goes on
// without its caller; at most Abandoned of those may be running before new ones are
// refused at once. One Bound serves all snapshots, so that a reload does not lift it.
type Bound struct {
	Deadline  time.Duration
	Abandoned int64

	abandoned atomic.Int64
}

// Running is the number of evaluations that have outlived their callers.
func (b *Bound) Running() int64 {
	return b.abandoned.Load()
}

// The states of one evaluation: its end and its caller's leaving race for the first.
const (
	waited = iota
	done
	left
)

// run calls evaluate with a context that ends at the deadline, and returns what it
// returned, or errTimeout, or errOverloaded. A panic in evaluate is an error.
func run[T any](ctx context.Context, b *Bound, evaluate func(context.Context) (T, error)) (T, error) {
	var none T
	if b.abandoned.Load() >= b.Abandoned {
		return none, errOverloaded
	}
	ctx, cancel := context.WithTimeout(ctx, b.Deadline)
	defer cancel()

	type outcome struct {
		value T
		err   error
	}
	var state atomic.Int32
	answer := make(chan outcome, 1)
	go func() {
		value, err := recovered(ctx, evaluate)
		answer <- outcome{value, err}
		if !state.CompareAndSwap(waited, done) {
			b.abandoned.Add(-1)
		}
	}()
	select {
	case o := <-answer:
		if o.err != nil && ctx.Err() != nil {
			return none, errTimeout
		}
		return o.value, o.err
	case <-ctx.Done():
		b.abandoned.Add(1)
		if !state.CompareAndSwap(waited, left) {
			b.abandoned.Add(-1)
		}
		return none, errTimeout
	}
}

// recovered turns a panic of evaluate into an error.
func recovered[T any](ctx context.Context, evaluate func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("evaluation panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return evaluate(ctx)
}
