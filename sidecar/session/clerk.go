package session

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Clerk reads Clerk's session tokens of version 2, and of version 1 for every v that
// is not the number 2. What Clerk's own decoder does, this one does: the same
// permissions from the same claims, an error where that one throws. It is stricter in
// two things. An organization id that is an array or an object is an error, and so is
// a sid that is not text; Clerk's would go on with either.
func Clerk() Decoder {
	return Decoder{profile: ProfileClerk, decode: decodeClerk}
}

// clerkClaims are the claims that matter, raw: nil where absent.
type clerkClaims struct {
	version, session, status, factorAge     jsontext.Value
	features, plans                         jsontext.Value
	org                                     jsontext.Value
	orgID, orgSlug, orgRole, orgPermissions jsontext.Value
	metadata, publicMetadata                jsontext.Value
	actor                                   jsontext.Value
}

// set takes a claim if it is one that matters.
func (c *clerkClaims) set(name []byte, value jsontext.Value) {
	switch string(name) {
	case "v":
		c.version = value
	case "sid":
		c.session = value
	case "sts":
		c.status = value
	case "fva":
		c.factorAge = value
	case "fea":
		c.features = value
	case "pla":
		c.plans = value
	case "o":
		c.org = value
	case "org_id":
		c.orgID = value
	case "org_slug":
		c.orgSlug = value
	case "org_role":
		c.orgRole = value
	case "org_permissions":
		c.orgPermissions = value
	case "metadata":
		c.metadata = value
	case "public_metadata":
		c.publicMetadata = value
	case "act":
		c.actor = value
	}
}

// clerkOrg is the claim o of version 2, raw.
type clerkOrg struct {
	id, slug, role, permissions, masks jsontext.Value
}

// set takes a member if it is one that matters.
func (o *clerkOrg) set(name []byte, value jsontext.Value) {
	switch string(name) {
	case "id":
		o.id = value
	case "slg":
		o.slug = value
	case "rol":
		o.role = value
	case "per":
		o.permissions = value
	case "fpm":
		o.masks = value
	}
}

func decodeClerk(payload jsontext.Value, s *Session) (err error) {
	var c clerkClaims
	if !eachMember(payload, c.set) {
		return errNoObject
	}
	if s.SessionID, err = optionalText("sid", c.session); err != nil {
		return err
	}
	s.Status, _ = text(c.status)
	s.FactorAge = factorAge(c.factorAge)
	s.Features = scopedClaim(c.features)
	s.Plans = scopedClaim(c.plans)
	s.Actor = notNull(c.actor)
	s.Metadata = notNull(c.metadata)
	if c.metadata == nil {
		s.Metadata = notNull(c.publicMetadata)
	}
	if numberIs(c.version, 2) {
		s.Org, err = orgV2(&c, s.Features)
	} else {
		s.Org, err = orgV1(&c)
	}
	return err
}

// orgV1 reads the flat org_ claims. Permissions are taken as they are; an entry that
// is not text could never match, and a list that is none grants nothing.
func orgV1(c *clerkClaims) (*Org, error) {
	id, err := orgID("org_id", c.orgID)
	if err != nil || id == "" {
		return nil, err
	}
	org := &Org{ID: id}
	org.Slug, _ = text(c.orgSlug)
	org.Role, _ = text(c.orgRole)
	org.Permissions = texts(c.orgPermissions)
	return org, nil
}

// orgV2 reads the claim o, and the permissions that it and fea spell together. A fea
// that cannot be read is an error as soon as there is an o, even one without an id. Where
// it can, scoped is what it says.
func orgV2(c *clerkClaims, scoped *Scoped) (*Org, error) {
	if !truthy(c.org) {
		return nil, nil
	}
	var o clerkOrg
	if c.org.Kind() == '{' {
		if !eachMember(c.org, o.set) {
			return nil, errors.New("claim o is not an object")
		}
	}
	org := &Org{}
	org.Slug, _ = text(o.slug)
	if truthy(o.role) {
		role, err := jsString(o.role)
		if err != nil {
			return nil, fmt.Errorf("claim o.rol: %w", err)
		}
		org.Role = "org:" + role
	}
	features, err := orgFeatures(c.features, scoped)
	if err != nil {
		return nil, err
	}
	if org.Permissions, err = orgPermissions(features, c.features, o.permissions, o.masks); err != nil {
		return nil, err
	}
	if org.ID, err = orgID("o.id", o.id); err != nil || org.ID == "" {
		return nil, err
	}
	return org, nil
}

// orgID reads an organization's id, "" for none. Clerk's decoder takes any value that
// JavaScript takes for true; a number or true stands here as its text.
func orgID(claim string, raw jsontext.Value) (string, error) {
	if !truthy(raw) {
		return "", nil
	}
	if k := raw.Kind(); k == '{' || k == '[' {
		return "", fmt.Errorf("claim %s is neither text nor a number", claim)
	}
	return jsString(raw)
}

// orgFeatures are the features of the organization that fea lists, in order: those of
// scoped, where fea could be read.
func orgFeatures(fea jsontext.Value, scoped *Scoped) ([]string, error) {
	if scoped != nil {
		return scoped.Org, nil
	}
	if !truthy(fea) {
		return nil, nil
	}
	list, ok := text(fea)
	if !ok {
		return nil, errors.New("claim fea is not text")
	}
	scoped, err := splitByScope(list)
	if err != nil {
		return nil, fmt.Errorf("claim fea: %w", err)
	}
	return scoped.Org, nil
}

// scopedLists has what was read from fea and pla before.
var scopedLists table[*Scoped]

// scopedClaim reads fea or pla for checks on features and plans, nil where it is
// anything but a list of scoped names that has() can read.
func scopedClaim(raw jsontext.Value) *Scoped {
	if known, ok := scopedLists.get(raw); ok {
		return known
	}
	list, ok := text(raw)
	if !ok || list == "" {
		return nil
	}
	scoped, err := splitByScope(list)
	if err != nil {
		return nil
	}
	scopedLists.put(raw, scoped, len(list)+nameBytes*2*(1+strings.Count(list, ",")))
	return scoped
}

// nameBytes is what a name takes in a list, besides its text.
const nameBytes = 16

// splitByScope reads a comma list of scope:name. The first colon separates, the name
// is kept as it is, an unknown scope is passed over, an element without a colon is an
// error.
func splitByScope(list string) (*Scoped, error) {
	scoped := &Scoped{}
	left := 1 + strings.Count(list, ",")
	i := 0
	for element := range strings.SplitSeq(list, ",") {
		i++
		scope, name, ok := strings.Cut(trimJS(element), ":")
		if !ok {
			return nil, fmt.Errorf("element %d has no colon", i)
		}
		switch scope {
		case "o":
			scoped.Org = grown(scoped.Org, left, name)
		case "u":
			scoped.User = grown(scoped.User, left, name)
		case "ou", "uo":
			scoped.Org = grown(scoped.Org, left, name)
			scoped.User = grown(scoped.User, left, name)
		}
		left--
	}
	scoped.Org, scoped.User = slices.Clip(scoped.Org), slices.Clip(scoped.User)
	return scoped, nil
}

// grown is list with one more name. A list that has none gets room for as many as may come.
func grown(list []string, most int, name string) []string {
	if list == nil {
		list = make([]string, 0, most)
	}
	return append(list, name)
}
