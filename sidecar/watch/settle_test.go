package watch

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A record runs a settler in a bubble and notes when its calls began.
type record struct {
	events  chan struct{}
	began   time.Time
	calls   []time.Duration
	overlap atomic.Int32
	worst   int32
	slow    func(call int) time.Duration // how long a call takes
	cancel  context.CancelFunc
	ended   chan struct{}
}

// recordSettler starts a settler whose poll is every poll.
func recordSettler(t *testing.T, settle, maxWait, poll time.Duration, slow func(int) time.Duration) *record {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &record{events: make(chan struct{}, 1), began: time.Now(), slow: slow, cancel: cancel, ended: make(chan struct{})}
	s := settler{settle: settle, maxWait: maxWait, poll: func() time.Duration { return poll }, call: func() {
		r.worst = max(r.worst, r.overlap.Add(1))
		r.calls = append(r.calls, time.Since(r.began))
		if r.slow != nil {
			time.Sleep(r.slow(len(r.calls)))
		}
		r.overlap.Add(-1)
	}}
	go func() {
		defer close(r.ended)
		s.run(ctx, r.events)
	}()
	synctest.Wait()
	return r
}

// at sends an event at that time of the record.
func (r *record) at(d time.Duration) {
	time.Sleep(d - time.Since(r.began))
	r.events <- struct{}{}
	synctest.Wait()
}

// stop ends the settler and returns when its calls began.
func (r *record) stop(t *testing.T) []time.Duration {
	t.Helper()
	synctest.Wait()
	r.cancel()
	<-r.ended
	if r.worst > 1 {
		t.Fatalf("calls at once = %d, want 1", r.worst)
	}
	return r.calls
}

const ms = time.Millisecond

func TestSettler(t *testing.T) {
	tests := []struct {
		name   string
		slow   func(int) time.Duration
		events []time.Duration
		until  time.Duration
		want   []time.Duration
	}{
		{name: "no events", until: 14 * time.Second, want: []time.Duration{0}},
		{name: "one event", events: []time.Duration{100 * ms}, until: time.Second, want: []time.Duration{0, 350 * ms}},
		{
			name:   "a batch is one call",
			events: []time.Duration{100 * ms, 200 * ms, 440 * ms}, until: time.Second,
			want: []time.Duration{0, 690 * ms},
		},
		{
			name:   "two batches are two calls",
			events: []time.Duration{100 * ms, 600 * ms}, until: 2 * time.Second,
			want: []time.Duration{0, 350 * ms, 850 * ms},
		},
		{name: "a stream cannot put it off", events: every(110*ms, 25*time.Second), until: 26 * time.Second,
			want: []time.Duration{0, 10110 * ms, 20120 * ms, 25220 * ms}},
		{
			name: "events during a call are one more call", slow: only(2, 2*time.Second),
			events: []time.Duration{100 * ms, 400 * ms, 1000 * ms, 1500 * ms}, until: 4 * time.Second,
			want: []time.Duration{0, 350 * ms, 2350 * ms},
		},
		{
			name: "events near the end of a call settle first", slow: only(2, 2*time.Second),
			events: []time.Duration{100 * ms, 400 * ms, 2300 * ms}, until: 4 * time.Second,
			want: []time.Duration{0, 350 * ms, 2550 * ms},
		},
		{name: "polls", until: 31 * time.Second, want: []time.Duration{0, 15 * time.Second, 30 * time.Second}},
		{
			name: "a poll counts from the end of a call", slow: only(1, 20*time.Second),
			until: 40 * time.Second, want: []time.Duration{0, 35 * time.Second},
		},
		{
			name:   "a poll leaves the call to events that wait",
			events: []time.Duration{14900 * ms}, until: 16 * time.Second,
			want: []time.Duration{0, 15150 * ms},
		},
		{
			name: "a stream during a call longer than the longest wait", slow: only(1, 30*time.Second),
			events: every(110*ms, 30050*ms), until: 31 * time.Second,
			want: []time.Duration{0, 30130 * ms},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recordSettler(t, DefaultSettle, DefaultMaxWait, DefaultPoll, tt.slow)
				for _, d := range tt.events {
					r.at(d)
				}
				time.Sleep(tt.until - time.Since(r.began))
				if got := r.stop(t); !slices.Equal(got, tt.want) {
					t.Fatalf("calls began at %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// A call that is running when the context ends is waited for, and is the last.
func TestSettler_endsAfterItsLastCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordSettler(t, DefaultSettle, DefaultMaxWait, DefaultPoll, only(1, time.Minute))
		r.at(time.Second)
		r.cancel()
		<-r.ended
		if got := time.Since(r.began); got != time.Minute {
			t.Fatalf("ended after %v, want %v", got, time.Minute)
		}
		time.Sleep(time.Hour)
		if got := len(r.calls); got != 1 {
			t.Fatalf("calls = %d, want 1", got)
		}
	})
}

func TestSettler_contextAlreadyEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	settler{settle: ms, maxWait: ms, poll: func() time.Duration { return ms }, call: func() {
		t.Error("called after the end of the context")
	}}.run(ctx, nil)
}

// only makes one call slow.
func only(call int, d time.Duration) func(int) time.Duration {
	return func(n int) time.Duration {
		if n == call {
			return d
		}
		return 0
	}
}

// every lists the multiples of step up to end.
func every(step, end time.Duration) []time.Duration {
	var all []time.Duration
	for d := step; d <= end; d += step {
		all = append(all, d)
	}
	return all
}
