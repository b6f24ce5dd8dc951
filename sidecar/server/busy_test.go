package server_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/sidecar/config"
)

// A busy server has one request under way for as long as a test wants: its clock stands
// still for it. That takes no processor from the others, and ends when it is told to.
type busy struct {
	*sidecar
	armed   atomic.Bool
	taken   chan struct{}
	release func()
}

func startBusy(t testing.TB, c *config.Config) *busy {
	t.Helper()
	released := make(chan struct{})
	b := &busy{taken: make(chan struct{}), release: sync.OnceFunc(func() { close(released) })}
	b.sidecar = startAt(t, c, func() time.Time {
		if b.armed.CompareAndSwap(true, false) {
			close(b.taken)
			<-released
		}
		return time.Now()
	})
	t.Cleanup(b.release)
	return b
}

// occupy sends a request, and returns when it is under way. Its answer comes after release.
func (b *busy) occupy(ask func()) {
	b.t.Helper()
	b.armed.Store(true)
	go ask()
	select {
	case <-b.taken:
	case <-time.After(time.Minute):
		b.t.Fatal("the request does not come under way")
	}
	if got := number(b.families(), "postern_requests_in_flight"); got != 1 {
		b.t.Fatalf("%v requests are under way, want 1", got)
	}
}
