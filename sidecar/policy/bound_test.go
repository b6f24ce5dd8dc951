package policy

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stuck is an evaluation that ignores its context until it is let go.
func stuck(running *atomic.Int64, let <-chan struct{}) func(context.Context) (int, error) {
	return func(context.Context) (int, error) {
		running.Add(1)
		defer running.Add(-1)
		<-let
		return 1, nil
	}
}

func soon(context.Context) (int, error) { return 7, nil }

// TestBound_abandoned: however many ask at once, no more run than there are slots; once
// enough are abandoned, new ones are refused at once; and all is well when they end.
func TestBound_abandoned(t *testing.T) {
	b := &Bound{Deadline: 20 * time.Millisecond, Abandoned: 2, Slots: 5}
	var running, most atomic.Int64
	let := make(chan struct{})
	var callers sync.WaitGroup
	for range 40 {
		callers.Go(func() {
			_, err := run(t.Context(), b, stuck(&running, let))
			if !errors.Is(err, errTimeout) && !errors.Is(err, errOverloaded) {
				t.Errorf("run = %v, want a refusal", err)
			}
			for n := running.Load(); n > most.Load(); n = running.Load() {
				most.Store(n)
			}
		})
	}
	callers.Wait()
	if n := most.Load(); n < 2 || n > 5 {
		t.Errorf("%d evaluations ran at once, want 2 to 5", n)
	}
	if n := b.Running(); n != running.Load() || n < 2 {
		t.Errorf("Running() = %d with %d running on", n, running.Load())
	}
	began := time.Now()
	if _, err := run(t.Context(), b, soon); !errors.Is(err, errOverloaded) || time.Since(began) > time.Second {
		t.Errorf("run beyond the bound = %v after %v, want errOverloaded at once", err, time.Since(began))
	}
	close(let)
	for deadline := time.Now().Add(10 * time.Second); b.Running() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if v, err := run(t.Context(), b, soon); v != 7 || err != nil || b.Running() != 0 {
		t.Errorf("run afterwards = %v, %v with %d running on, want 7", v, err, b.Running())
	}
}

// TestBound_goodBesideBad: fewer abandoned evaluations than the bound harm nobody.
func TestBound_goodBesideBad(t *testing.T) {
	b := &Bound{Deadline: 10 * time.Millisecond, Abandoned: 2, Slots: 3}
	var running atomic.Int64
	let := make(chan struct{})
	defer close(let)
	if _, err := run(t.Context(), b, stuck(&running, let)); !errors.Is(err, errTimeout) {
		t.Fatalf("run = %v, want errTimeout", err)
	}
	b.Deadline = 10 * time.Second
	for range 100 {
		if v, err := run(t.Context(), b, soon); v != 7 || err != nil {
			t.Fatalf("run = %v, %v, want 7", v, err)
		}
	}
}

// TestBound_endedContext: who comes too late begins nothing, and abandons nothing.
func TestBound_endedContext(t *testing.T) {
	b := &Bound{Deadline: time.Second, Abandoned: 1}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if _, err := run(ctx, b, func(context.Context) (int, error) { t.Error("it began"); return 0, nil }); !errors.Is(err, errTimeout) {
			t.Fatalf("run = %v, want errTimeout", err)
		}
	}
	if b.Running() != 0 {
		t.Errorf("Running() = %d", b.Running())
	}
}

func TestBound_panic(t *testing.T) {
	b := &Bound{Deadline: time.Second, Abandoned: 1}
	_, err := run(t.Context(), b, func(context.Context) (int, error) { panic("in a built-in") })
	if err == nil || !strings.Contains(err.Error(), "panicked with a string in postern/sidecar/policy.TestBound_panic") || strings.Contains(err.Error(), "in a built-in") {
		t.Errorf("run = %v, want the panic as an error that does not quote it", err)
	}
	if d := Refusal(err); d.Allow || d.Reasons[0].Code != "policy_error" {
		t.Errorf("refusal = %+v, want policy_error", d)
	}
	if v, err := run(t.Context(), b, soon); v != 7 || err != nil {
		t.Errorf("run afterwards = %v, %v", v, err)
	}
}

// TestBound_workersEnd: workers that nothing keeps busy are gone after a while. A bubble
// in which a goroutine is left would not end.
func TestBound_workersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &Bound{Deadline: time.Second, Abandoned: 1}
		for range 10 {
			if v, err := run(t.Context(), b, soon); v != 7 || err != nil {
				t.Fatalf("run = %v, %v, want 7", v, err)
			}
		}
		time.Sleep(2 * idle)
		synctest.Wait()
	})
}
