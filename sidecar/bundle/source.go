package bundle

import (
	"bytes"
	"context"
	"time"
)

// A Source is where a bundle, or one part of it, comes from.
type Source struct {
	// Name is what errors, labels and status call it: its path or its URL.
	Name string
	// Path is a directory or a .tar.gz archive. Archive, where it is not nil, is one in its place.
	Path    string
	Archive []byte
	// Signers are the keys one of which must have signed the bundle. Without any, it must
	// not be signed.
	Signers []Signer
	// Now is the clock for the times of a signature; nil is time.Now.
	Now func() time.Time
	// Before is set for what was accepted before: its signature's times are not looked at.
	Before bool
}

// Paths are the sources at paths, which are their names.
func Paths(paths ...string) []Source {
	sources := make([]Source, len(paths))
	for i, path := range paths {
		sources[i] = Source{Name: path, Path: path}
	}
	return sources
}

// read reads all files of a source: of a signed one, those that are ignored too.
func (s Source) read(ctx context.Context, limits Limits) (*tree, error) {
	return s.readAs(ctx, limits, len(s.Signers) > 0)
}

func (s Source) readAs(ctx context.Context, limits Limits, signed bool) (*tree, error) {
	if s.Archive != nil {
		return readArchive(ctx, limits, signed, bytes.NewReader(s.Archive))
	}
	return readSource(ctx, limits, signed, s.Path)
}

// now is the time that a signature must be good at, zero for any.
func (s Source) now() time.Time {
	if s.Before {
		return time.Time{}
	}
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
