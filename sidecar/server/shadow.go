package server

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/prometheus/client_golang/prometheus"

	"postern/sidecar/audit"
	"postern/sidecar/bundle"
	"postern/sidecar/decision"
	"postern/sidecar/origin"
	"postern/sidecar/policy"
	"postern/sidecar/replay"
	"postern/sidecar/response"
)

// Bounds of a shadow: the decisions that wait for it, what they take with the one that is
// being made, in bytes, and those that are made at once.
const (
	shadowQueue   = 256
	shadowMemory  = 4 << 20
	shadowWorkers = 1
)

// A shadow is a policy that decides nothing. A share of the decisions is made by it again,
// behind the answers, and compared. It is loaded by the rules of the policy that decides, and
// nothing of it reaches an answer or readiness.
type shadow struct {
	supply
	share   float64
	seed    maphash.Seed
	queue   chan shadowed
	held    atomic.Int64 // the size of what is in the queue, or being compared
	answers response.Proxy
	audit   *audit.Log

	results *prometheus.CounterVec
	dropped prometheus.Counter
}

// A shadowed is a decision that was made, with all that it was made of and nothing of the
// request's memory.
type shadowed struct {
	whole    policy.Case
	live     decision.Decision
	record   audit.Record
	revision bundle.Summary
	size     int64
}

// newShadow is the shadow that the configuration names, nil for none.
func (s *Server) newShadow() (*shadow, error) {
	of := s.config.Shadow
	if len(of.Bundles) == 0 {
		return nil, nil
	}
	source, err := origin.New(of.Bundles, origin.Options{UserAgent: "postern/" + s.version, Logger: s.log.With("shadow", true), Now: s.now})
	if err != nil {
		return nil, fmt.Errorf("shadow: %w", err)
	}
	own := *s.config
	own.Policy.Deadline = of.Deadline
	sh := &shadow{
		supply:  supply{config: &own, source: source, view: source.Latest, log: s.log.With("shadow", true), now: s.now},
		share:   float64(of.Sample),
		seed:    maphash.MakeSeed(),
		queue:   make(chan shadowed, shadowQueue),
		answers: s.answers,
		audit:   s.audit,
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "postern_shadow_decisions_total", Help: "Decisions that the shadow bundle made too, by what it would have changed (same, allow_to_deny, deny_to_allow, reasons, or error where it failed).",
		}, []string{"result"}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "postern_shadow_dropped_total", Help: "Decisions that were meant for the shadow bundle when its queue was full or it was not loaded.",
		}),
	}
	sh.reload.Store(&reload{})
	reloads := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "postern_shadow_bundle_reloads_total", Help: "Loads of the shadow bundle by result (ok, error).",
	}, []string{"result"})
	sh.reloaded = func(err error) { reloads.WithLabelValues(result(err)).Inc() }
	s.metrics.registry.MustRegister(sh.results, sh.dropped, reloads, shadowState{sh})
	for _, change := range []string{string(replay.Same), string(replay.Allowed), string(replay.Denied), string(replay.Reasons), shadowError} {
		sh.results.WithLabelValues(change)
	}
	return sh, nil
}

// shadowError counts what the shadow failed at.
const shadowError = "error"

// chosen reports whether a decision is one of the share: by its id, so that a batch is put to
// the shadow as a whole.
func (s *shadow) chosen(id *decision.ID) bool {
	return s.share >= 1 || float64(maphash.Bytes(s.seed, id[:])>>11)/(1<<53) < s.share
}

// put hands a decision over. It never waits. What is no decision of policy, or none of the
// share, is passed by.
func (s *shadow) put(a *asking, item int, question jsontext.Value, d decision.Decision) {
	if !s.chosen(&a.id) || !replay.Settled(d) {
		return
	}
	c, ok := a.whole()
	if !ok {
		return
	}
	if s.current.Load() == nil || len(s.queue) == cap(s.queue) {
		s.dropped.Inc() // without a copy
		return
	}
	size := int64(c.Size())
	if !s.hold(size) {
		s.dropped.Inc()
		return
	}
	if c.Request != nil {
		own := c.Request.Clone()
		c.Request = &own
	}
	if c.Data != nil {
		own := *c.Data
		own.Taken = 0 // the answer of a batch is not the shadow's
		c.Data = &own
	}
	c.Input.Until = time.Time{}
	r := audit.Record{ID: a.id.String(), Time: c.Input.Now.UTC(), Door: a.door, Client: a.client, Question: question, Result: a.result, Route: a.pattern, Engine: engine, Mask: a.snapshot.mask}
	r.TraceID, r.SpanID = a.traceIDs()
	if item != noItem {
		r.Item = &item
	}
	select {
	case s.queue <- shadowed{whole: c, live: d, record: r, revision: a.snapshot.bundle, size: size}:
	default:
		s.held.Add(-size)
		s.dropped.Inc()
	}
}

// hold takes room for a decision, unless there is none.
func (s *shadow) hold(size int64) bool {
	if s.held.Add(size) <= shadowMemory {
		return true
	}
	s.held.Add(-size)
	return false
}

// run loads and follows the bundle, and decides what is put, until ctx ends.
func (s *shadow) run(ctx context.Context) {
	s.fetchAtStart(ctx)
	_ = s.loadBundle(ctx) // reported by itself
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.followServers(ctx); err != nil {
			s.log.Error("the bundle's server is not asked any more", "error", err)
		}
	})
	all.Go(func() {
		if err := s.watchBundle(ctx); err != nil {
			s.log.Error("the bundle is not followed any more", "error", err)
		}
	})
	for range shadowWorkers {
		all.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case d := <-s.queue:
					s.compare(ctx, d)
				}
			}
		})
	}
	all.Wait()
}

// compare decides again, and says where that differs.
func (s *shadow) compare(ctx context.Context, d shadowed) {
	defer s.held.Add(-d.size)
	defer func() {
		if p := recover(); p != nil {
			s.results.WithLabelValues(shadowError).Inc()
			s.log.Error("the shadow panicked", "decision", d.record.ID, "panic", fmt.Sprintf("%T", p))
		}
	}()
	snap := s.current.Load()
	if asked := d.whole.Input.Subject; asked != nil {
		// What is remembered of a session is for the policy that decides.
		own, err := policy.NewSubject(asked.Session)
		if err != nil {
			s.results.WithLabelValues(shadowError).Inc()
			return
		}
		d.whole.Input.Subject = own
	}
	o := replay.Decide(ctx, snap.policy, s.answers, &d.whole)
	if ctx.Err() != nil {
		return // the server ends; the policy is not to blame
	}
	change := replay.Compare(d.live, o.Decision)
	if change == replay.Same {
		s.results.WithLabelValues(string(change)).Inc()
		return
	}
	if broken(o.Decision) || !replay.Settled(o.Decision) {
		s.results.WithLabelValues(shadowError).Inc()
	} else {
		s.results.WithLabelValues(string(change)).Inc()
	}
	if s.audit != nil {
		r := d.diverged(o.Decision, snap.bundle)
		s.audit.Write(&r)
	}
}

// diverged is the record of a decision that the shadow would have made otherwise.
func (d *shadowed) diverged(would decision.Decision, by bundle.Summary) audit.Record {
	r := d.record
	r.Allow, r.Status, r.Reasons = d.live.Allow, d.live.Status, d.live.Reasons
	r.Revision, r.Digest = d.revision.Revision, d.revision.Digest
	if asked := d.whole.Input.Subject; asked != nil {
		r.Issuer, r.User, r.Session = asked.Session.Issuer, asked.Session.UserID, asked.Session.SessionID
		if asked.Session.Org != nil {
			r.Organization = asked.Session.Org.ID
		}
	}
	if q := d.whole.Request; q != nil {
		r.Method, r.Host, r.Path = q.Method, q.Host, q.Target.Path
	}
	r.Shadow = &audit.Shadow{Allow: would.Allow, Status: would.Status, Reasons: would.Reasons, Revision: by.Revision, Digest: by.Digest}
	return r
}

// reloadNow brings the shadow up to date.
func (s *shadow) reloadNow(ctx context.Context) {
	if s != nil {
		_ = s.source.Fetch(ctx)
		_ = s.loadBundle(ctx) // reported by itself
	}
}

// check loads the shadow once.
func (s *shadow) check(ctx context.Context) error {
	if s == nil {
		return nil
	}
	err := s.source.Fetch(ctx)
	if err == nil {
		_, err = s.build(ctx, s.view())
	}
	if err != nil {
		return fmt.Errorf("shadow: %w", err)
	}
	return nil
}
