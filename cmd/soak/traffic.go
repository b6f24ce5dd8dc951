package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"postern/cmd/soak/world"
	"postern/sidecar/token/mint"
)

// A traffic is the workers that ask, all at a bounded rate, and the gate by which they are
// stopped for quiet moments.
type traffic struct {
	j        *judge
	forger   *mint.Key
	sessions []*world.Session
	http     string
	grpc     string
	workers  int
	rate     int // requests a second, of all workers together
	onAnswer func(id string, q *question, v span)

	gate    sync.RWMutex // a worker holds it for reading while it asks
	mu      sync.Mutex   // guards closers
	closers []func()
}

// fresh is how many requests are made with one new session.
const fresh = 200

// run asks until ctx ends.
func (t *traffic) run(ctx context.Context, seed uint64) {
	var all sync.WaitGroup
	for n := range t.workers {
		all.Go(func() { t.work(ctx, rand.New(rand.NewPCG(seed, uint64(n)+10)), n) })
	}
	all.Wait()
	t.close()
}

// quiet stops all requests and closes all connections while it runs what it is given.
func (t *traffic) quiet(during func() error) error {
	t.gate.Lock()
	defer t.gate.Unlock()
	t.close()
	return during()
}

// close closes every worker's connections. Nobody may be asking.
func (t *traffic) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.closers {
		c()
	}
}

func (t *traffic) register(closers ...func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closers = append(t.closers, closers...)
}

// work is one worker. Every third one calls as Envoy does, over gRPC; another is an abuser,
// for a part of its requests.
func (t *traffic) work(ctx context.Context, random *rand.Rand, n int) {
	conn, calls := &client{address: t.http}, &envoy{address: t.grpc}
	hostile := &abuser{j: t.j, address: t.http, random: random}
	t.register(conn.close, calls.close, hostile.closeAll)
	every := time.Second * time.Duration(t.workers) / time.Duration(t.rate)
	next := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		next = next.Add(every)
		if wait := time.Until(next); wait > 0 {
			time.Sleep(wait)
		} else if wait < -time.Second {
			next = time.Now() // what was missed is not made up for in a burst
		}
		t.gate.RLock()
		s, err := t.session(random, i)
		switch {
		case err != nil:
			t.j.fault(otherFault, "make a session: %v", err)
		case n%3 == 1:
			t.envoy(ctx, calls, random, s)
		case n%3 == 2 && random.IntN(5) == 0:
			hostile.play(t.j.target(random, s))
		default:
			if random.IntN(50) == 0 {
				conn.close() // the next one is new
			}
			t.ask(conn, pick(random, doors)(t.j, random, s))
		}
		t.gate.RUnlock()
	}
}

// session is one of those there are, or now and then a new one.
func (t *traffic) session(random *rand.Rand, i int) (*world.Session, error) {
	if i%fresh != fresh-1 {
		return pick(random, t.sessions), nil
	}
	issuer := pick(random, []string{remoteIssuer, fileIssuer})
	key := t.j.issuers[issuer].Current()
	kind := world.Kind(random.IntN(world.Kinds))
	return t.j.world.NewSession(kind, random.IntN(1e6), issuer, key, t.forger, key.ID, time.Now())
}

func (t *traffic) ask(conn *client, c call) {
	s := t.j.begin()
	answers, err := conn.ask(c.text)
	if err != nil {
		t.j.fault(lostAnswer, "%s: %v", c.door, err)
		return
	}
	if answers[0].StatusCode >= 500 {
		t.j.fault(otherFault, "%s: status %d: %.200s", c.door, answers[0].StatusCode, answers[0].body)
		return
	}
	outcome, err := c.judge(answers[0], s)
	if err != nil {
		t.j.fault(wrongAnswer, "%s: %v", c.door, err)
		return
	}
	t.j.count(c.door, outcome)
	if t.onAnswer != nil && c.question != nil {
		t.onAnswer(answers[0].Header.Get("X-Decision-Id"), c.question, s)
	}
}

func (t *traffic) envoy(ctx context.Context, e *envoy, random *rand.Rand, s *world.Session) {
	const door = "gRPC Check"
	// The end of the soak does not end calls: their answers are wanted.
	outcome, err := e.ask(context.WithoutCancel(ctx), t.j, random, s)
	switch {
	case errors.Is(err, errNoAnswer):
		t.j.fault(lostAnswer, "%s: %v", door, err)
	case err != nil:
		t.j.fault(wrongAnswer, "%s: %v", door, err)
	default:
		t.j.count(door, outcome)
	}
}
