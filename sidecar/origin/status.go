package origin

import (
	"time"

	"postern/sidecar/remote"
)

// Status is one source of a set.
type Status struct {
	Name string `json:"name"`
	// Revision and Digest are of its part of the bundle that decides.
	Revision string `json:"revision,omitzero"`
	Digest   string `json:"digest,omitzero"`
	// SignedBy is the id of the key that verified its signature, where it must be signed.
	SignedBy string `json:"signed_by,omitzero"`
	// Kept is whether that is not what its server said last: it was out of reach since the
	// start, or what it says is refused, for itself or with the others.
	Kept bool `json:"kept,omitzero"`
	// Unkept is why what decides is not kept for a start without its server, empty where it is.
	Unkept string `json:"unkept,omitzero"`
	Stale  bool   `json:"stale,omitzero"`
	// Server is what was heard of its server; nil for a path.
	Server *remote.Status `json:"server,omitempty"`
	// Reached is when its server answered last, before the start where it has not since; zero
	// for a path.
	Reached time.Time `json:"-"`
}

// Status is how it stands with each source, in their order.
func (s *Set) Status() []Status {
	all := make([]Status, len(s.origins))
	for i, o := range s.origins {
		all[i] = o.status()
	}
	return all
}

func (o *origin) status() Status {
	st := Status{Name: o.name}
	o.mu.Lock()
	last, used := o.last, o.used
	if o.unkept != nil {
		st.Unkept = o.unkept.Error()
	}
	o.mu.Unlock()
	if last != nil {
		st.Revision, st.Digest, st.SignedBy = last.Revision, last.Digest, last.Signer
	}
	if o.remote != nil {
		server := o.remote.Status()
		st.Server = &server
		latest, ok := o.remote.Latest()
		st.Kept = last != nil && (!ok || latest.Digest != used.Digest || server.Refused != nil)
		st.Stale, _ = o.stale()
		st.Reached = o.reached()
	}
	return st
}
