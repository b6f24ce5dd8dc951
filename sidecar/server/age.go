package server

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
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
	notReady, deny := s.source.Age()
	s.stale.notReady.Store(notReady)
	s.stale.deny.Store(deny)
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
	_ = s.source.Fetch(ctx)
}

// followServers asks the servers of bundles until ctx ends, and loads what is new. What was
// refused is tried again, as paths are: its server says it once, and the cause may have passed.
func (s *supply) followServers(ctx context.Context) error {
	var again sync.WaitGroup
	again.Go(func() { s.tryAgain(ctx) })
	err := s.source.Follow(ctx, func() {
		_ = s.loadBundle(ctx) // reported as in Reload
	})
	again.Wait()
	return err
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
			s.source.KeepAgain()
		}
	}
}
