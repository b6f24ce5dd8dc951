package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/remote"
)

// A staleness says whether the server of a bundle has been out of reach for too long, and
// what that means.
type staleness struct{ notReady, deny atomic.Bool }

// ageEvery is how often ages are looked at.
const ageEvery = time.Second

// deciding is the snapshot that decides, nil where none does.
func (s *Server) deciding() *snapshot {
	if s.stale.deny.Load() {
		return nil
	}
	return s.current.Load()
}

// age looks at how long servers of bundles have been out of reach.
func (s *Server) age() {
	notReady, deny := false, false
	for _, o := range s.source.origins {
		stale, since := o.stale()
		if o.saidStale.Swap(stale) != stale {
			s.sayStale(o, stale, since)
		}
		deny = deny || stale && o.config.Stale == config.StaleDeny
		notReady = notReady || stale && o.config.Stale != config.StaleWarn
	}
	s.stale.notReady.Store(notReady)
	s.stale.deny.Store(deny)
}

func (s *Server) sayStale(o *origin, stale bool, since time.Time) {
	if !stale {
		s.log.Info("the bundle's server answers again", "source", o.name)
		return
	}
	s.log.Error("the bundle's server is out of reach for too long", "source", o.name, "since", since, "max_age", o.config.MaxAge, "act", o.config.Stale)
}

// stale reports whether the origin's server has been out of reach for longer than it may,
// and since when it is.
func (o *origin) stale() (bool, time.Time) {
	if o.remote == nil || o.config.MaxAge == 0 {
		return false, time.Time{}
	}
	since := o.reached()
	return o.now().Sub(since) > o.config.MaxAge, since
}

// reached is when the server answered last: in this process, else before it, as what was kept
// says, else never, which counts from the start.
func (o *origin) reached() time.Time {
	if at := o.remote.Status().Reached; !at.IsZero() {
		return at
	}
	used, ok := o.decides()
	if !ok {
		return o.began
	}
	// What is later than the start is of another clock.
	for _, at := range []time.Time{used.ReachedAt, used.FetchedAt} {
		if !at.IsZero() && at.Before(o.began) {
			return at
		}
	}
	return o.began
}

// watchAges looks at ages until ctx ends.
func (s *Server) watchAges(ctx context.Context) error {
	tick := time.NewTicker(ageEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.age()
		}
	}
}

// startTimeout bounds the first questions to servers of bundles. What was kept decides where
// they take longer, and they are asked again.
const startTimeout = 5 * time.Second

// fetchAtStart asks every server once, before the first load.
func (s *supply) fetchAtStart(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	// The error is in the status, and in that of the load.
	_ = s.source.fetch(ctx)
}

// followServers asks the servers of bundles until ctx ends, and loads what is new. What was
// refused is tried again, as paths are: its server says it once, and the cause may have passed.
func (s *supply) followServers(ctx context.Context) error {
	var all sync.WaitGroup
	failed := make([]error, len(s.source.origins))
	asked := false
	for i, o := range s.source.origins {
		if o.remote == nil {
			continue
		}
		asked = true
		all.Go(func() {
			failed[i] = o.remote.Run(ctx, func() {
				_ = s.loadBundle(ctx) // reported as in Reload
			})
		})
	}
	if asked {
		all.Go(func() { s.tryAgain(ctx) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// tryAgain loads again, every now and then, what was refused, until ctx ends.
func (s *supply) tryAgain(ctx context.Context) {
	tick := time.NewTicker(s.config.Watch.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if s.reload.Load().Error != "" {
				_ = s.loadBundle(ctx) // reported as in Reload
			}
			s.source.keepAgain(s.log)
		}
	}
}

// OriginStatus is one source of bundles.
type OriginStatus struct {
	Name string `json:"name"`
	// Revision and Digest are of its part of the bundle that decides.
	Revision string `json:"revision,omitzero"`
	Digest   string `json:"digest,omitzero"`
	// Kept is whether that is not what its server said last: it was out of reach since the
	// start, or what it says is refused.
	Kept bool `json:"kept,omitzero"`
	// Unkept is why what decides is not kept for a start without its server, empty where it is.
	Unkept string `json:"unkept,omitzero"`
	Stale  bool   `json:"stale,omitzero"`
	// Server is what was heard of its server; nil for a path.
	Server *remote.Status `json:"server,omitempty"`
}

func (s Source) status() []OriginStatus {
	var all []OriginStatus
	for _, o := range s.origins {
		all = append(all, o.status())
	}
	return all
}

func (o *origin) status() OriginStatus {
	st := OriginStatus{Name: o.name}
	var last *bundle.SourceSummary
	o.mu.Lock()
	last, used := o.last, o.used
	if o.unkept != nil {
		st.Unkept = o.unkept.Error()
	}
	o.mu.Unlock()
	if last != nil {
		st.Revision, st.Digest = last.Revision, last.Digest
	}
	if o.remote != nil {
		server := o.remote.Status()
		st.Server = &server
		latest, ok := o.remote.Latest()
		st.Kept = last != nil && (!ok || latest.Digest != used.Digest)
		st.Stale, _ = o.stale()
	}
	return st
}
