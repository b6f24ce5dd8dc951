package bundle

import (
	"bytes"
	"context"
)

// A Source is where a bundle, or one part of it, comes from.
type Source struct {
	// Name is what errors, labels and status call it: its path or its URL.
	Name string
	// Path is a directory or a .tar.gz archive. Archive, where it is not nil, is one in its place.
	Path    string
	Archive []byte
}

// Paths are the sources at paths, which are their names.
func Paths(paths ...string) []Source {
	sources := make([]Source, len(paths))
	for i, path := range paths {
		sources[i] = Source{Name: path, Path: path}
	}
	return sources
}

// read reads all files of a source.
func (s Source) read(ctx context.Context, limits Limits) (*tree, error) {
	if s.Archive != nil {
		return readArchive(ctx, limits, bytes.NewReader(s.Archive))
	}
	return readSource(ctx, limits, s.Path)
}
