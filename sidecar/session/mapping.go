package session

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// A Mapping says where the claims of an issuer have what a session is made of: each
// field is a JSON pointer (RFC 6901) into the payload, or empty for what the issuer
// does not say. Names are compared whole.
type Mapping struct {
	// UserID is text. Empty, the user is sub.
	UserID string
	// SessionID and Status are text. Empty, they are sid and sts: revocation and pending
	// sessions must not be lost by saying nothing.
	SessionID, Status string
	Org               OrgMapping
	Features, Plans   ScopedMapping
	// Metadata and Actor may be of any type.
	Metadata, Actor string
	// FactorAge is an array of two numbers, minutes, -1 for a factor not verified.
	FactorAge string
}

// OrgMapping is where the active organization stands: text, and Permissions an array
// of strings. Without ID no session has an organization.
type OrgMapping struct {
	ID, Slug, Role, Permissions string
}

// ScopedMapping is where the names stand that the organization and the user have,
// each an array of strings.
type ScopedMapping struct {
	Org, User string
}

// Decoder makes the decoder of m, or says which of its pointers are none. In a token,
// a place that does not exist and null are absent; another type than the session
// needs is an error.
func (m Mapping) Decoder() (Decoder, error) {
	var p pointers
	var errs []error
	m.each(&p, func(name, text string, to *pointer) {
		var err error
		if *to, err = parsePointer(text); err != nil {
			errs = append(errs, fmt.Errorf("claims mapping: %s: %w", name, err))
		}
	})
	if p.orgID == nil && (p.orgSlug != nil || p.orgRole != nil || p.orgPermissions != nil) {
		errs = append(errs, errors.New("claims mapping: org.id is required beside other members of org"))
	}
	if len(errs) > 0 {
		return Decoder{}, errors.Join(errs...)
	}
	return Decoder{profile: ProfilePlain, decode: p.decode}, nil
}

// each calls f with every field of m, its name, and where its pointer belongs.
func (m *Mapping) each(p *pointers, f func(name, text string, to *pointer)) {
	f("user_id", m.UserID, &p.userID)
	f("session_id", cmp.Or(m.SessionID, "/sid"), &p.sessionID)
	f("status", cmp.Or(m.Status, "/sts"), &p.status)
	f("org.id", m.Org.ID, &p.orgID)
	f("org.slug", m.Org.Slug, &p.orgSlug)
	f("org.role", m.Org.Role, &p.orgRole)
	f("org.permissions", m.Org.Permissions, &p.orgPermissions)
	f("features.org", m.Features.Org, &p.orgFeatures)
	f("features.user", m.Features.User, &p.userFeatures)
	f("plans.org", m.Plans.Org, &p.orgPlans)
	f("plans.user", m.Plans.User, &p.userPlans)
	f("metadata", m.Metadata, &p.metadata)
	f("actor", m.Actor, &p.actor)
	f("factor_age", m.FactorAge, &p.factorAge)
}

// pointers is a Mapping that was parsed.
type pointers struct {
	userID, sessionID, status               pointer
	orgID, orgSlug, orgRole, orgPermissions pointer
	orgFeatures, userFeatures               pointer
	orgPlans, userPlans                     pointer
	metadata, actor, factorAge              pointer
}

func (p *pointers) decode(payload jsontext.Value, s *Session) (err error) {
	if payload.Kind() != '{' {
		return errNoObject
	}
	var org Org
	var orgFeatures, userFeatures, orgPlans, userPlans []string
	r := strictReader{}
	text := func(at pointer, to *string) { r.text(at.String(), at.find(payload), to) }
	texts := func(at pointer, to *[]string) { r.texts(at.String(), at.find(payload), to) }

	if p.userID != nil {
		text(p.userID, &s.UserID)
	}
	text(p.sessionID, &s.SessionID)
	text(p.status, &s.Status)
	text(p.orgID, &org.ID)
	text(p.orgSlug, &org.Slug)
	text(p.orgRole, &org.Role)
	texts(p.orgPermissions, &org.Permissions)
	texts(p.orgFeatures, &orgFeatures)
	texts(p.userFeatures, &userFeatures)
	texts(p.orgPlans, &orgPlans)
	texts(p.userPlans, &userPlans)
	if r.err != nil {
		return r.err
	}
	if s.FactorAge, err = optionalFactorAge(p.factorAge.String(), p.factorAge.find(payload)); err != nil {
		return err
	}
	s.Features = scoped(orgFeatures, userFeatures)
	s.Plans = scoped(orgPlans, userPlans)
	s.Metadata = notNull(p.metadata.find(payload))
	s.Actor = notNull(p.actor.find(payload))
	if org.ID != "" {
		s.Org = &org
	}
	return nil
}
