package token

import (
	"context"
	"math/rand/v2"
	"time"
)

// firstBackoff is the wait after a first failure: a server that starts beside this one is
// picked up soon.
const firstBackoff = time.Second

// Run keeps a set from a URL fresh until ctx ends: at regular intervals, sooner while
// fetches fail, and once per minimum interval as long as tokens come with a kid that the
// set does not have. One fetch runs at a time. For other sources it returns at once. It
// leaves no goroutine and no connection.
func (k *Keys) Run(ctx context.Context) {
	if k.client == nil {
		return
	}
	defer k.client.CloseIdleConnections()
	failures := 0
	next := k.firstRefresh(&failures)
	for {
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-k.wanted:
			timer.Stop()
			next = earlier(next, k.Status().AttemptedAt.Add(k.options.MinInterval))
			continue
		case <-timer.C:
		}
		err := k.Load(ctx)
		if ctx.Err() != nil {
			return
		}
		if k.options.OnReload != nil {
			k.options.OnReload(err)
		}
		if err != nil {
			failures++
		} else {
			failures = 0
		}
		next = time.Now().Add(k.delay(failures))
	}
}

// firstRefresh is when to fetch for the first time: now, unless someone has just done so.
func (k *Keys) firstRefresh(failures *int) time.Time {
	status := k.Status()
	if status.AttemptedAt.IsZero() {
		return time.Now()
	}
	if status.LastError != "" {
		*failures = 1
	}
	return status.AttemptedAt.Add(k.delay(*failures))
}

// delay is the wait after a fetch: the refresh interval if it was good, else a second that
// doubles with each failure up to the minimum interval. Up to a tenth is taken off at
// random, so that many sidecars do not ask in step.
func (k *Keys) delay(failures int) time.Duration {
	wait := k.options.RefreshEvery
	if failures > 0 {
		wait = min(firstBackoff<<min(failures-1, 16), k.options.MinInterval, k.options.RefreshEvery)
	}
	return wait - rand.N(wait/10+1)
}

// earlier is the first of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
