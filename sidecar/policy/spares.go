package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/request"
)

// A sparing judges what is missing in a case by what a policy reads.
type sparing struct {
	p    *Policy
	c    *Case
	read []*footprint // of all that decides the case
}

func (p *Policy) sparing(c *Case) *sparing {
	s := &sparing{p: p, c: c}
	switch {
	case c.Check != nil:
		s.read = []*footprint{p.check.footprint}
	case c.Request != nil:
		s.read = []*footprint{p.route.footprint, p.effective.footprint}
	case c.Evaluation != nil:
		s.read = []*footprint{p.evaluate.footprint, p.check.footprint}
	case c.Data != nil:
		s.read = []*footprint{p.data.footprint(c.Data.Path)}
	}
	return s
}

// spares reports whether the policy decides as if nothing had happened to what is at a JSON
// pointer into the case: no rule that may be asked reads that, and nothing else does.
func (s *sparing) spares(pointer string) bool {
	if !jsontext.Pointer(pointer).IsValid() {
		return false
	}
	names := slices.Collect(jsontext.Pointer(pointer).Tokens())
	if len(names) < 2 {
		return false
	}
	switch names[0] {
	case "session":
		return s.session(names)
	case "check":
		return (names[1] == "resource" || names[1] == "context") && s.unread(names[1:]...)
	case "request":
		return s.request(names[1:])
	case "evaluation":
		return s.evaluation(names[1:])
	case "data":
		return (names[1] == "input" || names[1] == "common") && len(names) > 2 && s.unread(names[2:]...)
	default:
		return false
	}
}

// session is spares for what is below a session, which revocations and the headers for
// upstreams read as well. The headers are judged by [Case.Identities].
func (s *sparing) session(names []string) bool {
	revoked := &s.p.revoked
	switch names[1] {
	case "user_id":
		if len(revoked.Users) > 0 || s.c.namesUser() && !s.unread("user_id") {
			return false
		}
	case "session_id":
		if len(revoked.Sessions) > 0 {
			return false
		}
	case "org":
		if len(revoked.Organizations) > 0 && (len(names) == 2 || names[2] == "id") {
			return false
		}
	case "actor":
		if len(revoked.Users)+len(revoked.Sessions) > 0 {
			return false
		}
	case "issued_at":
		return len(revoked.Users)+len(revoked.Sessions)+len(revoked.Organizations) == 0
	case "issuer", "status", "features", "plans", "metadata", "claims":
	default:
		return false
	}
	return s.unread(names...)
}

// namesUser reports whether the input may have a user_id beside the session.
func (c *Case) namesUser() bool {
	switch {
	case c.Check != nil:
		return c.Check.Action != ""
	case c.Evaluation != nil:
		_, ok := matter{Evaluation: c.Evaluation}.user(c.Input)
		return ok
	default:
		return false
	}
}

// request is spares for what is kept of a request beside its method, host and path.
func (s *sparing) request(names []string) bool {
	if s.c.kept == nil {
		return false
	}
	wanted := s.p.reads.parts()
	switch names[0] {
	case "target":
		return !wanted.Query && !wanted.Envoy
	case "body":
		return !wanted.Body && !wanted.Envoy
	case "headers":
		return !wanted.Headers && !wanted.Body && !wanted.Envoy || !wanted.Body && !wanted.Envoy && s.header(names[1:])
	case "envoy":
		return wanted == request.Parts{}
	default:
		return false
	}
}

// header is spares for the value of one header.
func (s *sparing) header(names []string) bool {
	if len(names) != 2 || names[1] != "1" {
		return false
	}
	at, err := strconv.Atoi(names[0])
	return err == nil && at < len(s.c.kept.Headers) && s.unread("request", "headers", strings.ToLower(s.c.kept.Headers[at][0]))
}

// evaluation is spares for what is below an evaluation. A resource's properties are
// members of the resource, too.
func (s *sparing) evaluation(names []string) bool {
	if names[0] == "context" {
		return s.unread(names...)
	}
	if len(names) < 2 || names[1] != "properties" && (names[0] == "action" || names[1] != "id") {
		return false
	}
	switch {
	case !s.unread(names...):
		return false
	case names[0] == "resource" && len(names) == 2 && names[1] == "properties":
		return s.unread("resource")
	case names[0] == "resource" && len(names) > 2:
		return s.unread(append([]string{"resource"}, names[2:]...)...)
	default:
		return true
	}
}

// unread reports whether no rule that decides the case reads a place of its input.
func (s *sparing) unread(names ...string) bool {
	return !slices.ContainsFunc(s.read, func(f *footprint) bool { return f.touches(names) })
}

// footprint is that of the document at a path. Nobody waits for it but a replay, which asks
// for the same few again and again.
func (d *data) footprint(path []string) *footprint {
	const most = 64
	key := dataRef(path).String()
	d.mu.Lock()
	defer d.mu.Unlock()
	known, ok := d.footprints[key]
	if !ok {
		if len(d.footprints) >= most || d.footprints == nil {
			d.footprints = map[string]*footprint{}
		}
		known = footprintOf(d.compiler, dataRef(path))
		d.footprints[key] = known
	}
	return known
}

// touches reports whether a result may differ by what is at names. What only a with replaces
// counts for what is around it: there must be objects for it to stand in.
func (f *footprint) touches(names []string) bool {
	return f.reads(names...) || slices.ContainsFunc(f.parts, func(p part) bool {
		return p.name == names[0] && slices.ContainsFunc(p.paths, func(path inputPath) bool {
			return path.replaced && len(names) <= len(path.names) && leads(path.names, names[1:])
		})
	})
}

// readable reports whether what a mask has left can be handed to rules at all.
func (c *Case) readable() bool {
	var texts []jsontext.Value
	switch {
	case c.Check != nil:
		texts = []jsontext.Value{c.Check.Resource, c.Check.Context}
	case c.Evaluation != nil:
		e := c.Evaluation
		for _, properties := range []jsontext.Value{e.Subject.Properties, e.Action.Properties, e.Resource.Properties} {
			if _, err := withProperties(nil, properties); err != nil {
				return false
			}
		}
		texts = []jsontext.Value{e.Context}
	}
	return !slices.ContainsFunc(texts, func(text jsontext.Value) bool {
		_, err := optional(text)
		return err != nil
	})
}
