package remote

import (
	"context"
	"errors"
)

// A Source is one URL. Its methods may be called at the same time.
type Source struct{ options Options }

// New checks the options, with the files that they name but for the token, and asks no
// network.
func New(o Options) (*Source, error) { return &Source{options: o}, nil }

// Name is the URL without user, password and query: what errors, logs and status call the
// source.
func (s *Source) Name() string { return s.options.URL }

// Run asks the server until ctx ends, and returns nil then: at once unless it was asked
// before, then by the rules of Options. After each archive that differs from the one
// before, also one that [Source.Fetch] got, it calls changed and waits for it. It must run
// once at a time. It leaves no goroutine, no connection and no temporary file.
func (s *Source) Run(ctx context.Context, changed func()) error { return errors.New("not built") }

// Fetch makes one attempt now, after one that is under way. An error names the source and
// the cause, and holds no secret; nothing is lost by it.
func (s *Source) Fetch(ctx context.Context) error { return errors.New("not built") }

// Latest is the archive that the server said last, in this process.
func (s *Source) Latest() (Archive, bool) { return Archive{}, false }

// Kept is the archive that is kept in the directory, if it is whole, of this URL, within
// the limits, and nobody else's.
func (s *Source) Kept() (Archive, bool) { return Archive{}, false }

// Keep keeps an archive in the directory, in the place of the one before: all of it or, on
// an error, nothing. It is called once the archive was found good by the whole load.
// Without a directory it does nothing.
func (s *Source) Keep(a Archive) error { return errors.New("not built") }

// Status is how it stands.
func (s *Source) Status() Status { return Status{Source: s.Name()} }
