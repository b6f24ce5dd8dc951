package server

import (
	"context"
	"errors"
	"log/slog"

	"postern/sidecar/bundle"
	"postern/sidecar/remote"
)

// A Source is where bundles come from. Digest is a cheap look at whether anything
// changed; Load reads and checks all of it.
type Source struct {
	// Names are what status shows.
	Names []string
	// Watch are the paths that are watched.
	Watch  []string
	Digest func(context.Context) (string, error)
	Load   func(context.Context) (*bundle.Bundle, error)

	// origins are what the above read, in their order; nil where they read something else.
	// Of a pinned source, archives are theirs, zero for a path.
	origins  []*origin
	archives []remote.Archive
	// instead says why some of them are what was kept, nil where none is.
	instead error
}

// Paths is the source of bundles on disk.
func Paths(paths ...string) Source {
	return Source{
		Names: paths,
		Watch: paths,
		Digest: func(ctx context.Context) (string, error) {
			return bundle.Digest(ctx, bundle.DefaultLimits(), paths...)
		},
		Load: func(ctx context.Context) (*bundle.Bundle, error) {
			return bundle.Load(ctx, bundle.DefaultLimits(), paths...)
		},
	}
}

// pinned is the source as it is now: what servers say meanwhile is not in it. With kept, it
// is what was kept of all servers; else what was kept stands for those alone that have said
// nothing.
func (s Source) pinned(kept bool) Source {
	if s.origins == nil {
		return s
	}
	pinned := s
	pinned.archives = make([]remote.Archive, len(s.origins))
	sources := make([]bundle.Source, len(s.origins))
	var missing, instead []error
	for i, o := range s.origins {
		archive, why, err := o.archive(kept)
		if err == nil {
			sources[i], err = o.readFrom(archive)
		}
		pinned.archives[i] = archive
		missing, instead = append(missing, err), append(instead, why)
	}
	err := errors.Join(missing...)
	pinned.instead = errors.Join(instead...)
	pinned.Digest = func(ctx context.Context) (string, error) {
		if err != nil {
			return "", err
		}
		return bundle.DigestSources(ctx, bundle.DefaultLimits(), sources)
	}
	pinned.Load = func(ctx context.Context) (*bundle.Bundle, error) {
		if err != nil {
			return nil, err
		}
		return bundle.LoadSources(ctx, bundle.DefaultLimits(), sources)
	}
	return pinned
}

// keeps reports whether any origin keeps its last good bundle.
func (s Source) keeps() bool {
	for _, o := range s.origins {
		if o.keeps() {
			return true
		}
	}
	return false
}

// ordered refuses a bundle that takes an ordered origin back.
func (s Source) ordered(b bundle.Summary) error {
	for i, o := range s.origins {
		if err := o.ordered(b.Sources[i]); err != nil {
			return err // it names the bundle
		}
	}
	return nil
}

// accept notes that the bundle of a pinned source decides, and keeps what was fetched of it.
func (s Source) accept(b bundle.Summary, log *slog.Logger) {
	for i, o := range s.origins {
		if err := o.accept(b.Sources[i], s.archives[i]); err != nil {
			log.Error("the bundle is not kept for a start without its server", "source", o.name, "error", err)
		}
	}
}

// keepAgain keeps what could not be kept when it was accepted.
func (s Source) keepAgain(log *slog.Logger) {
	for _, o := range s.origins {
		o.mu.Lock()
		failed, archive := o.unkept != nil, o.used
		o.mu.Unlock()
		if failed && o.keep(archive) == nil {
			log.Info("the bundle is kept now", "source", o.name)
		}
	}
}

// fetch asks every server once.
func (s Source) fetch(ctx context.Context) error {
	failed := make([]error, len(s.origins))
	done := make(chan struct{})
	for i, o := range s.origins {
		go func() {
			failed[i] = o.fetch(ctx)
			done <- struct{}{}
		}()
	}
	for range s.origins {
		<-done
	}
	return errors.Join(failed...)
}
