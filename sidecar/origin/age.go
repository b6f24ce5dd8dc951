package origin

import (
	"time"

	"postern/sidecar/config"
)

// Age looks at how long servers have been out of reach. It says whether one has been for
// longer than its max_age and is to make the process not ready, or to end all decisions; the
// log is told when that begins and when it ends.
func (s *Set) Age() (notReady, deny bool) {
	for _, o := range s.origins {
		stale, since := o.stale()
		if o.saidStale.Swap(stale) != stale {
			s.sayStale(o, stale, since)
		}
		deny = deny || stale && o.config.Stale == config.StaleDeny
		notReady = notReady || stale && o.config.Stale != config.StaleWarn
	}
	return notReady, deny
}

func (s *Set) sayStale(o *origin, stale bool, since time.Time) {
	if !stale {
		s.log.Info("the bundle's server answers again", "source", o.name)
		return
	}
	s.log.Error("the bundle's server is out of reach for too long", "source", o.name, "since", since, "max_age", o.config.MaxAge, "act", o.config.Stale)
}

// stale reports whether the origin's server has been out of reach for longer than it may,
// and since when it is.
func (o *origin) stale() (bool, time.Time) {
	if o.remote == nil || o.config.MaxAge == 0 {
		return false, time.Time{}
	}
	since := o.reached()
	return o.now().Sub(since) > o.config.MaxAge, since
}

// reached is when the server answered last: in this process, else before it, as what was kept
// says, else never, which counts from the start.
func (o *origin) reached() time.Time {
	if at := o.remote.Status().Reached; !at.IsZero() {
		return at
	}
	used, ok := o.decides()
	if !ok {
		return o.began
	}
	// What is later than the start is of another clock.
	for _, at := range []time.Time{used.ReachedAt, used.FetchedAt} {
		if !at.IsZero() && at.Before(o.began) {
			return at
		}
	}
	return o.began
}
