// Package origin is where bundles come from: the paths and URLs that a configuration names,
// with the keys of those who sign them, what was kept of them over a restart, and how long
// their servers have been out of reach. It fetches and reads; what is good enough to decide is
// for whoever loads it, who says so with [View.Accept].
package origin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/remote"
)

// Options are what a [Set] needs besides the configuration.
type Options struct {
	Directory string           // where the last good bundles of URLs are kept; "" keeps none
	UserAgent string           // what servers are told
	Logger    *slog.Logger     // nil discards
	Now       func() time.Time // nil is time.Now
}

// A Set is all sources of one bundle, in the order of the configuration. Its methods may be
// called at the same time.
type Set struct {
	origins []*origin
	names   []string
	log     *slog.Logger
}

// New makes the set of what a configuration names: paths, and URLs that are asked by
// [Set.Fetch] and [Set.Follow]. It asks no network.
func New(bundles config.Bundles, o Options) (*Set, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{log: o.Logger}
	for _, b := range bundles {
		one := &origin{name: b.Path, config: b, began: o.Now(), now: o.Now, admitting: make(chan struct{}, 1)}
		if b.URL != "" {
			var err error
			if one.remote, err = remote.New(one.remoteOptions(o)); err != nil {
				return nil, err
			}
			one.name = one.remote.Name()
		}
		// Labels of metrics and files must not meet; what tells two URLs apart may be secret.
		for plain, n := one.name, 2; slices.Contains(s.names, one.name); n++ {
			one.name = fmt.Sprintf("%s (%d)", plain, n)
		}
		s.origins, s.names = append(s.origins, one), append(s.names, one.name)
	}
	return s, nil
}

// Load reads what a configuration names once, for a command that needs no server.
func Load(ctx context.Context, bundles config.Bundles, o Options) (*bundle.Bundle, error) {
	s, err := New(bundles, o)
	if err != nil {
		return nil, err
	}
	if err := s.Fetch(ctx); err != nil {
		return nil, err
	}
	return s.Latest().Load(ctx)
}

// Names are what status, metrics and errors call the sources: no two have one. The slice is
// shared: it must not be changed.
func (s *Set) Names() []string { return s.names }

// Paths are those that are to be watched.
func (s *Set) Paths() []string {
	var paths []string
	for _, o := range s.origins {
		if o.remote == nil {
			paths = append(paths, o.config.Path)
		}
	}
	return paths
}

// Fetch asks every server once.
func (s *Set) Fetch(ctx context.Context) error {
	failed := make([]error, len(s.origins))
	var all sync.WaitGroup
	for i, o := range s.origins {
		all.Go(func() { failed[i] = o.fetch(ctx) })
	}
	all.Wait()
	return errors.Join(failed...)
}

// Follow asks the servers until ctx ends, and calls changed after each that has something new,
// perhaps at the same time.
func (s *Set) Follow(ctx context.Context, changed func()) error {
	failed := make([]error, len(s.origins))
	var all sync.WaitGroup
	for i, o := range s.origins {
		if o.remote != nil {
			all.Go(func() { failed[i] = o.remote.Run(ctx, changed) })
		}
	}
	all.Wait()
	return errors.Join(failed...)
}

// Again does again, without asking a server, what failed for a cause that may have passed: it
// looks at what was refused, and keeps what could not be kept. What is admitted now is told of
// by [Set.Follow].
func (s *Set) Again(ctx context.Context) {
	for _, o := range s.origins {
		if o.remote != nil {
			o.remote.Again(ctx)
		}
		o.mu.Lock()
		failed, archive := o.unkept != nil, o.used
		o.mu.Unlock()
		if failed && o.keep(archive) == nil {
			s.log.Info("the bundle is kept now", "source", o.name)
		}
	}
}
