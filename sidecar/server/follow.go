package server

import (
	"context"
	"sync"
	"time"

	"postern/sidecar/origin"
	"postern/sidecar/watch"
)

// newSource makes what the configuration's bundles come from. Only a server that runs keeps
// what it fetches.
func (s *Server) newSource(o Options) (err error) {
	keep := o.Config.PersistenceDirectory
	if o.CheckOnly {
		keep = ""
	}
	s.source, err = origin.New(o.Config.Bundles, origin.Options{Directory: keep, UserAgent: "postern/" + o.Version, Logger: s.log, Now: s.now})
	if err == nil {
		s.view = s.source.Latest
	}
	return err
}

// watchBundle loads the bundle again whenever something below its paths settles.
func (s *supply) watchBundle(ctx context.Context) error {
	return s.watch(ctx, s.source.Paths(), func() { _ = s.loadBundle(ctx) })
}

// watchKeys loads the key files again, beside the bundle: a key that is withdrawn does
// not wait for a bundle to compile.
func (s *Server) watchKeys(ctx context.Context) error {
	var paths []string
	for _, i := range s.issuers {
		if p := i.keys.Path(); p != "" {
			paths = append(paths, p)
		}
	}
	return s.watch(ctx, paths, func() { s.loadKeys(ctx, false) })
}

func (s *supply) watch(ctx context.Context, paths []string, changed func()) error {
	if len(paths) == 0 {
		return nil
	}
	o := watch.Options{Settle: s.config.Watch.Settle, Poll: s.config.Watch.Poll, Logger: s.log}
	return watch.Watch(ctx, paths, o, changed)
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
			s.source.Again(ctx)
			if s.reload.Load().Error != "" {
				_ = s.loadBundle(ctx) // reported as in Reload
			}
		}
	}
}
