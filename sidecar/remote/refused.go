package remote

import (
	"context"
	"errors"
	"time"
)

// A ContentError is why an archive is not admitted that is whole and comes from whom it must.
type ContentError struct{ Err error }

func (e *ContentError) Error() string { return e.Err.Error() }
func (e *ContentError) Unwrap() error { return e.Err }

// A refusedArchive is one that a server sent and that was not admitted. It is held, so that it
// need not be sent again to be looked at again. It never changes.
type refusedArchive struct {
	archive Archive
	err     error // with the name of the source
}

// reached reports whether it is a sign of the server, as nil is: nothing is refused.
func (r *refusedArchive) reached() bool {
	if r == nil {
		return true
	}
	_, ok := errors.AsType[*ContentError](r.err)
	return ok
}

// take takes an archive that was sent. It is called with mu held.
func (s *Source) take(got *answer, now time.Time) {
	s.status.Bytes += uint64(len(got.content))
	a := Archive{Content: got.content, ETag: got.etag, Digest: digestOf(got.content), FetchedAt: now}
	if got.refused != nil {
		s.status.Failures++
		s.refused = &refusedArchive{a, s.named(got.refused)}
		return
	}
	s.status.Fetches++
	s.admitted(a)
}

// admitted makes an archive the latest. It is called with mu held.
func (s *Source) admitted(a Archive) {
	if s.latest != nil && s.latest.Digest == a.Digest {
		a.Content, a.FetchedAt = s.latest.Content, s.latest.FetchedAt
	}
	s.latest, s.refused = &a, nil
}

// sayRefused sets the status's error after an answer, and returns it. It is called with mu
// held.
func (s *Source) sayRefused() error {
	s.status.Error = ""
	if s.refused == nil {
		return nil
	}
	s.status.Error = s.refused.err.Error()
	return s.refused.err
}

// Again looks again, without asking the server, at the archive that it sent last and that was
// refused: the cause may have passed, as a key that is replaced. Where there is none, it does
// nothing.
func (s *Source) Again(ctx context.Context) {
	s.mu.Lock()
	was := s.refused
	s.mu.Unlock()
	if was == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	err := s.options.admit(ctx, was.archive.Content)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused != was {
		return // the server has said something else meanwhile
	}
	if err != nil {
		s.refused = &refusedArchive{was.archive, s.named(err)}
	} else {
		s.admitted(was.archive)
	}
	if s.status.Error == was.err.Error() { // else it is out of reach, and that is said
		_ = s.sayRefused()
	}
	s.poke()
}

// news is what [Source.Run] tells of: the archives that the server said last, and why one is
// refused.
func (s *Source) news() [3]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		return [3]string{s.latest.digest()}
	}
	return [3]string{s.latest.digest(), s.refused.archive.Digest, s.refused.err.Error()}
}

// poke says that there may be news.
func (s *Source) poke() {
	select {
	case s.poked <- struct{}{}:
	default: // it is said already
	}
}

// named is an error with the name of the source.
func (s *Source) named(err error) error { return &fault{s.Name() + ": " + err.Error(), err} }
