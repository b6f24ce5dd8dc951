package remote

import (
	"context"
	"math/rand/v2"
	"time"

	"postern/sidecar/outbound"
	"postern/sidecar/secretfile"
)

const (
	// firstBackoff is the wait after a first failure: a server that starts beside this one
	// is found soon.
	firstBackoff = time.Second
	// breath is the least time between two requests that the server may hold.
	breath = time.Second
)

// Run asks the server until ctx ends, and returns nil then: at once unless it was asked
// before, then by the rules of [Options]. After each archive that differs from the one
// before, refused or not, also one that [Source.Fetch] got or [Source.Again] admitted
// meanwhile, it calls changed and waits for it. It
// must run once at a time. It leaves no goroutine, no connection and no temporary file.
func (s *Source) Run(ctx context.Context, changed func()) error {
	told := s.news()
	for {
		timer := time.NewTimer(time.Until(s.next()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-s.poked:
			timer.Stop()
		case <-timer.C:
			_ = s.attempt(ctx) // the log and the status say it
		}
		if ctx.Err() != nil {
			return nil
		}
		if news := s.news(); news != told {
			told = news
			if changed != nil {
				changed()
			}
		}
	}
}

// Fetch looks again at what was refused, as [Source.Again], and makes one attempt now, after
// one that is under way; one that the server holds until there is news is given up for it. An
// error names the source and the cause, which may be that what the server says is refused, and
// holds no secret; nothing is lost by it.
func (s *Source) Fetch(ctx context.Context) error {
	s.Again(ctx)
	s.mu.Lock()
	s.hurried++
	if s.giveUp != nil {
		s.giveUp()
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.hurried--
		s.mu.Unlock()
	}()
	return s.attempt(ctx)
}

// attempt asks the server once. While somebody waits in [Source.Fetch], the server is not to
// hold the request.
func (s *Source) attempt(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() {
		<-s.turn
		s.poke()
	}()
	s.warnExposed()
	asking, cancel := context.WithCancel(ctx)
	defer cancel()
	held, patient := s.before(cancel)
	began := time.Now()
	got, err := s.ask(asking, held, patient)
	s.mu.Lock()
	s.giveUp = nil
	s.mu.Unlock()
	switch {
	case err != nil && asking.Err() != nil:
		return asking.Err() // also where it was given up: who did asks next
	case err != nil:
		return s.failed(err)
	}
	return s.answered(got, patient, time.Since(began))
}

// next is when the next attempt begins.
func (s *Source) next() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.due
}

// before is what an attempt is made with: what the server calls the archive that it sent last,
// refused or not, and how long it may hold the request. One that it may is ended by giveUp.
func (s *Source) before(giveUp func()) (held string, patient time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest != nil {
		held = s.latest.ETag
	}
	if s.refused != nil && s.refused.archive.ETag != "" {
		held = s.refused.archive.ETag
	}
	if s.patient && s.hurried == 0 {
		patient, s.giveUp = s.options.Long, giveUp
	}
	return held, patient
}

// answered takes what an attempt came to. An error is why what the server says is refused.
func (s *Source) answered(got *answer, patient, took time.Duration) error {
	now := s.options.Now()
	s.mu.Lock()
	if got.content == nil {
		s.status.Unchanged++
		if s.refused != nil && s.refused.archive.ETag != got.etag {
			s.refused = nil // the server is back at what was admitted before
		}
	} else {
		s.take(got, now)
	}
	reached := s.refused.reached()
	wasDown := reached && s.inARow > 0
	if reached {
		s.inARow, s.status.Reached = 0, now
	}
	// Whether a server holds requests, one that it was not to hold does not tell.
	if patient > 0 || got.content != nil {
		s.patient = s.options.Long > 0 && got.patient
	}
	s.status.LongPolling = s.patient
	wait := between(s.options.Min, s.options.Max)
	// Who waited for news, or gave the wait up to ask, waits again at once; a server that does
	// not hold requests, whatever it says, is asked as any other.
	if s.patient && (got.content != nil || patient == 0 || took >= min(patient/2, s.options.Min)) {
		wait = min(breath, s.options.Min)
	}
	s.schedule(now, wait)
	err := s.sayRefused()
	newest := s.latest.digest()
	s.mu.Unlock()
	if err == nil {
		s.stillNewest(newest, now)
	}
	if wasDown {
		s.options.Logger.Info("bundle source is reached again", "source", s.Name())
	}
	return err
}

// failed takes why an attempt came to nothing.
func (s *Source) failed(err error) error {
	named := s.named(err)
	now := s.options.Now()
	s.mu.Lock()
	repeated := s.status.Error == named.Error()
	s.status.Error = named.Error()
	s.status.Failures++
	wait := outbound.Backoff(s.inARow, firstBackoff, s.options.Max)
	s.inARow++
	if r, ok := err.(*refusal); ok {
		wait = max(wait, r.later)
	}
	s.schedule(now, wait)
	s.mu.Unlock()
	if !repeated {
		s.options.Logger.Warn("bundle source failed", "source", s.Name(), "error", err.Error())
	}
	return named
}

// schedule sets when the next attempt begins. It is called with mu held.
func (s *Source) schedule(now time.Time, wait time.Duration) {
	s.due = time.Now().Add(wait)
	s.status.Attempted, s.status.Next = now, now.Add(wait)
}

// warnExposed says once of each secret's file that it is none on this machine.
func (s *Source) warnExposed() {
	for _, path := range []string{s.options.TokenFile, s.options.DockerConfig, s.options.Key} {
		if path == "" {
			continue
		}
		_, exposed, err := secretfile.Read(path)
		s.mu.Lock()
		first := err == nil && exposed && !s.warned[path]
		if first {
			s.warned[path] = true
		}
		s.mu.Unlock()
		if first {
			s.options.Logger.Warn("everybody on this machine can read a secret", "source", s.Name(), "file", path)
		}
	}
}

// between is any time from the one to the other, so that many servers do not ask at once.
func between(least, most time.Duration) time.Duration {
	return least + rand.N(most-least+1)
}
