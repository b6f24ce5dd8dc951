// Package load is the bench's generator of requests: a closed loop of callers that each
// wait for their answer, compare all of it with what is expected, and ask again. It runs in
// a process of its own, told by a [Plan] in JSON and answering with a [Result].
package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A Plan is what to send where, and what must come back. Exactly one of HTTP and GRPC is
// set, and one of Duration and Count.
type Plan struct {
	Address     string        `json:"address"`
	Connections int           `json:"connections"`
	Duration    time.Duration `json:"duration,omitzero"`
	// Count is how many requests to send, however long that takes.
	Count int    `json:"count,omitzero"`
	Seed  uint64 `json:"seed"`
	HTTP  *HTTP  `json:"http,omitzero"`
	GRPC  *GRPC  `json:"grpc,omitzero"`
}

// A Result is what came of a Plan.
type Result struct {
	Requests int           `json:"requests"`
	Errors   int           `json:"errors"`
	First    []string      `json:"first,omitzero"` // the first few errors
	Elapsed  time.Duration `json:"elapsed"`
	P50      time.Duration `json:"p50"`
	P99      time.Duration `json:"p99"`
	P999     time.Duration `json:"p999"`
}

// kept is how many errors a Result shows.
const kept = 3

// errLost: the connection is of no more use, and the next request needs a new one.
var errLost = errors.New("connection lost")

// A caller sends the n-th request, from 0, and waits for its answer. The error is not nil
// for every answer but the expected one.
type caller func(ctx context.Context, n int) error

// Run carries a plan out. Its error is for a plan that could not be begun; what goes wrong
// with a request is counted in the Result.
func Run(ctx context.Context, p Plan) (Result, error) {
	if err := p.check(); err != nil {
		return Result{}, err
	}
	callers, closeAll, err := p.callers()
	if err != nil {
		return Result{}, err
	}
	defer closeAll()
	loops := make([]loop, len(callers))
	shared := turns{count: p.Count}
	began := time.Now()
	if p.Count == 0 {
		shared.end = began.Add(p.Duration)
	}
	var all sync.WaitGroup
	for i, c := range callers {
		all.Go(func() { loops[i].run(ctx, c, &shared) })
	}
	all.Wait()
	return result(loops, time.Since(began)), ctx.Err()
}

func (p Plan) check() error {
	if (p.HTTP == nil) == (p.GRPC == nil) {
		return errors.New("a plan has one protocol")
	}
	if (p.Count > 0) == (p.Duration > 0) {
		return errors.New("a plan has a duration or a number of requests")
	}
	if p.Connections <= 0 {
		return fmt.Errorf("%d connections", p.Connections)
	}
	if p.HTTP != nil {
		return p.HTTP.check(p.Count)
	}
	return nil
}

func (p Plan) callers() ([]caller, func(), error) {
	if p.HTTP != nil {
		return p.HTTP.callers(p)
	}
	return p.GRPC.callers(p)
}

// turns hands out the numbers of requests until there are enough, or until the end.
type turns struct {
	next  atomic.Int64
	count int
	end   time.Time
}

func (t *turns) take(now time.Time) (n int, ok bool) {
	if t.count == 0 && !now.Before(t.end) {
		return 0, false
	}
	n = int(t.next.Add(1)) - 1
	return n, t.count == 0 || n < t.count
}

// A loop is one caller's part of the Result.
type loop struct {
	times  histogram
	errors int
	first  []string
}

// run asks turn by turn. It gives up with the first error after which it cannot go on.
func (l *loop) run(ctx context.Context, ask caller, t *turns) {
	now := time.Now()
	for ctx.Err() == nil {
		n, ok := t.take(now)
		if !ok {
			return
		}
		err := ask(ctx, n)
		then := time.Now()
		l.times.add(then.Sub(now))
		now = then
		if err == nil {
			continue
		}
		l.errors++
		if len(l.first) < kept {
			l.first = append(l.first, err.Error())
		}
		if errors.Is(err, errLost) {
			return
		}
	}
}

func result(loops []loop, elapsed time.Duration) Result {
	var all histogram
	r := Result{Elapsed: elapsed}
	for i := range loops {
		all.merge(&loops[i].times)
		r.Errors += loops[i].errors
		r.First = append(r.First, loops[i].first...)
	}
	r.First = r.First[:min(len(r.First), kept)]
	r.Requests = int(all.total)
	r.P50, r.P99, r.P999 = all.quantile(0.5), all.quantile(0.99), all.quantile(0.999)
	return r
}
