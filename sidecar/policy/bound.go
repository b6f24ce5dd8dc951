package policy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	// errTimeout: the evaluation was not done by its deadline.
	errTimeout = errors.New("evaluation passed its deadline")
	// errOverloaded: no evaluation could be begun, since too many are running.
	errOverloaded = errors.New("too many evaluations are running")
)

// A Bound runs evaluations so that no caller waits beyond the deadline, and no more of
// them at once than there are slots. An evaluation that ignores its context (a built-in
// that multiplies huge numbers, say) goes on without its caller and keeps its slot; once
// Abandoned of them do, new ones are refused at once. It must not be copied.
type Bound struct {
	Deadline  time.Duration
	Abandoned int64
	// Slots is the number of evaluations that may run at once, 0 for eight on each
	// processor. More than Abandoned, so that good evaluations go on beside bad ones.
	Slots int

	once      sync.Once
	slots     chan struct{} // holds a mark for each running evaluation
	tasks     chan func()   // hands an evaluation to a worker that waits
	abandoned atomic.Int64
}

// idle is how long a worker waits for its next evaluation.
const idle = time.Second

// start runs a task on a worker that waits, or on a new one. Workers are kept for the
// sake of their stacks: an evaluation needs a deep one, and half of its time went into
// growing it where each had a goroutine of its own.
func (b *Bound) start(task func()) {
	select {
	case b.tasks <- task:
	default:
		go b.work(task)
	}
}

// work runs one task after another until none has come for a while.
func (b *Bound) work(task func()) {
	quiet := time.NewTimer(idle)
	defer quiet.Stop()
	for {
		task()
		quiet.Reset(idle)
		select {
		case task = <-b.tasks:
		case <-quiet.C:
			return
		}
	}
}

// Running is the number of evaluations that have outlived their callers.
func (b *Bound) Running() int64 {
	return b.abandoned.Load()
}

// Full reports whether new evaluations are refused.
func (b *Bound) Full() bool {
	return b.abandoned.Load() >= b.Abandoned
}

// take waits for a slot until ctx ends.
func (b *Bound) take(ctx context.Context) error {
	b.once.Do(func() {
		n := b.Slots
		if n == 0 {
			n = 8 * runtime.GOMAXPROCS(0)
		}
		b.slots = make(chan struct{}, max(n, int(b.Abandoned)+1))
		b.tasks = make(chan func())
	})
	select {
	case b.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errOverloaded
	}
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
	if ctx.Err() != nil {
		return none, errTimeout
	}
	if b.Full() {
		return none, errOverloaded
	}
	ctx, cancel := context.WithTimeout(ctx, b.Deadline)
	defer cancel()
	if err := b.take(ctx); err != nil {
		return none, err
	}

	type outcome struct {
		value T
		err   error
	}
	var state atomic.Int32
	answer := make(chan outcome, 1)
	b.start(func() {
		value, err := recovered(ctx, evaluate)
		answer <- outcome{value, err}
		if !state.CompareAndSwap(waited, done) {
			b.abandoned.Add(-1)
		}
		<-b.slots
	})
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

// panicked names the function that called panic, from within a deferred recover.
func panicked() string {
	callers := make([]uintptr, 32)
	frames := runtime.CallersFrames(callers[:runtime.Callers(3, callers)])
	for {
		frame, more := frames.Next()
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		if !more {
			return "an unknown function"
		}
	}
}

// recovered turns a panic of evaluate into an error.
func recovered[T any](ctx context.Context, evaluate func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			// The value may quote the input; its type and its place do not.
			err = fmt.Errorf("evaluation panicked with a %T in %s", p, panicked())
		}
	}()
	return evaluate(ctx)
}
