package session

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
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
	V              jsontext.Value `json:"v"`
	SID            jsontext.Value `json:"sid"`
	Status         jsontext.Value `json:"sts"`
	FactorAge      jsontext.Value `json:"fva"`
	Features       jsontext.Value `json:"fea"`
	Plans          jsontext.Value `json:"pla"`
	Org            jsontext.Value `json:"o"`
	OrgID          jsontext.Value `json:"org_id"`
	OrgSlug        jsontext.Value `json:"org_slug"`
	OrgRole        jsontext.Value `json:"org_role"`
	OrgPermissions jsontext.Value `json:"org_permissions"`
	Metadata       jsontext.Value `json:"metadata"`
	PublicMetadata jsontext.Value `json:"public_metadata"`
	Actor          jsontext.Value `json:"act"`
}

// clerkOrg is the claim o of version 2, raw.
type clerkOrg struct {
	ID          jsontext.Value `json:"id"`
	Slug        jsontext.Value `json:"slg"`
	Role        jsontext.Value `json:"rol"`
	Permissions jsontext.Value `json:"per"`
	Masks       jsontext.Value `json:"fpm"`
}

func decodeClerk(payload jsontext.Value, s *Session) (err error) {
	var c clerkClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return errNoObject
	}
	if s.SessionID, err = optionalText("sid", c.SID); err != nil {
		return err
	}
	s.Status, _ = text(c.Status)
	s.FactorAge = factorAge(c.FactorAge)
	s.Features = scopedClaim(c.Features)
	s.Plans = scopedClaim(c.Plans)
	s.Actor = notNull(c.Actor)
	s.Metadata = notNull(c.Metadata)
	if c.Metadata == nil {
		s.Metadata = notNull(c.PublicMetadata)
	}
	if numberIs(c.V, 2) {
		s.Org, err = orgV2(&c)
	} else {
		s.Org, err = orgV1(&c)
	}
	return err
}

// orgV1 reads the flat org_ claims. Permissions are taken as they are; an entry that
// is not text could never match, and a list that is none grants nothing.
func orgV1(c *clerkClaims) (*Org, error) {
	id, err := orgID("org_id", c.OrgID)
	if err != nil || id == "" {
		return nil, err
	}
	org := &Org{ID: id}
	org.Slug, _ = text(c.OrgSlug)
	org.Role, _ = text(c.OrgRole)
	org.Permissions = texts(c.OrgPermissions)
	return org, nil
}

// orgV2 reads the claim o, and the permissions that it and fea spell together. A fea
// that cannot be read is an error as soon as there is an o, even one without an id.
func orgV2(c *clerkClaims) (*Org, error) {
	if !truthy(c.Org) {
		return nil, nil
	}
	var o clerkOrg
	if c.Org.Kind() == '{' {
		if err := json.Unmarshal(c.Org, &o); err != nil {
			return nil, errors.New("claim o is not an object")
		}
	}
	org := &Org{}
	org.Slug, _ = text(o.Slug)
	if truthy(o.Role) {
		role, err := jsString(o.Role)
		if err != nil {
			return nil, fmt.Errorf("claim o.rol: %w", err)
		}
		org.Role = "org:" + role
	}
	features, err := orgFeatures(c.Features)
	if err != nil {
		return nil, err
	}
	if org.Permissions, err = maskedPermissions(features, o.Permissions, o.Masks); err != nil {
		return nil, err
	}
	if org.ID, err = orgID("o.id", o.ID); err != nil || org.ID == "" {
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

// orgFeatures are the features of the organization that fea lists, in order.
func orgFeatures(fea jsontext.Value) ([]string, error) {
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

// scopedClaim reads fea or pla for checks on features and plans, nil where it is
// anything but a list of scoped names that has() can read.
func scopedClaim(raw jsontext.Value) *Scoped {
	list, ok := text(raw)
	if !ok || list == "" {
		return nil
	}
	scoped, err := splitByScope(list)
	if err != nil {
		return nil
	}
	return scoped
}

// splitByScope reads a comma list of scope:name. The first colon separates, the name
// is kept as it is, an unknown scope is passed over, an element without a colon is an
// error.
func splitByScope(list string) (*Scoped, error) {
	scoped := &Scoped{}
	i := 0
	for element := range strings.SplitSeq(list, ",") {
		i++
		scope, name, ok := strings.Cut(trimJS(element), ":")
		if !ok {
			return nil, fmt.Errorf("element %d has no colon", i)
		}
		switch scope {
		case "o":
			scoped.Org = append(scoped.Org, name)
		case "u":
			scoped.User = append(scoped.User, name)
		case "ou", "uo":
			scoped.Org = append(scoped.Org, name)
			scoped.User = append(scoped.User, name)
		}
	}
	return scoped, nil
}
