package watch

import (
	"context"
	"time"
)

// A settler turns events into calls: it waits until events have been quiet for settle,
// but never longer than maxWait after the first, and never has two calls at once.
type settler struct {
	settle  time.Duration
	maxWait time.Duration
	poll    func() time.Duration // asked after every call: time until one without an event
	call    func()
}

// run makes a first call and then goes on until ctx ends and the last call has returned.
func (s settler) run(ctx context.Context, events <-chan struct{}) {
	var (
		quiet    = stopped()
		poll     = stopped()
		done     = make(chan struct{}, 1)
		deadline time.Time // of the events that wait for quiet; zero without any
		running  bool
		due      bool // settled while a call was running
	)
	start := func() {
		if ctx.Err() != nil {
			return
		}
		running, due, deadline = true, false, time.Time{}
		quiet.Stop()
		go func() {
			defer func() { done <- struct{}{} }()
			s.call()
		}()
	}
	start()
	for {
		select {
		case <-ctx.Done():
			if running {
				<-done
			}
			return
		case <-events:
			now := time.Now()
			if deadline.IsZero() {
				deadline = now.Add(s.maxWait)
			}
			quiet.Reset(max(0, min(s.settle, deadline.Sub(now))))
		case <-quiet.C:
			if running {
				due, deadline = true, time.Time{}
				continue
			}
			start()
		case <-poll.C:
			// With events waiting a call is near anyhow, and it winds the poll up again.
			if !running && deadline.IsZero() {
				start()
			}
		case <-done:
			running = false
			poll.Reset(s.poll())
			if due && deadline.IsZero() {
				start()
			}
		}
	}
}

// stopped returns a timer that fires only after a Reset.
func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}
