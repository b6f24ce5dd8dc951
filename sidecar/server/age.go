package server

import (
	"context"
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
