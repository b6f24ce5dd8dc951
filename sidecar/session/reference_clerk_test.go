package session

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This is how the claims of Clerk were read by the library alone, several times over, kept
// to hold the one pass to it.

// refClerkClaims are the claims that matter, raw: nil where absent.
type refClerkClaims struct {
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

// refClerkOrg is the claim o of version 2, raw.
type refClerkOrg struct {
	ID          jsontext.Value `json:"id"`
	Slug        jsontext.Value `json:"slg"`
	Role        jsontext.Value `json:"rol"`
	Permissions jsontext.Value `json:"per"`
	Masks       jsontext.Value `json:"fpm"`
}

func refDecodeClerk(payload jsontext.Value, s *Session) (err error) {
	var c refClerkClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return errNoObject
	}
	if s.SessionID, err = optionalText("sid", c.SID); err != nil {
		return err
	}
	s.Status, _ = refText(c.Status)
	s.FactorAge = refFactorAge(c.FactorAge)
	s.Features = refScopedClaim(c.Features)
	s.Plans = refScopedClaim(c.Plans)
	s.Actor = notNull(c.Actor)
	s.Metadata = notNull(c.Metadata)
	if c.Metadata == nil {
		s.Metadata = notNull(c.PublicMetadata)
	}
	if numberIs(c.V, 2) {
		s.Org, err = refOrgV2(&c)
	} else {
		s.Org, err = refOrgV1(&c)
	}
	return err
}

func refOrgV1(c *refClerkClaims) (*Org, error) {
	id, err := refOrgID("org_id", c.OrgID)
	if err != nil || id == "" {
		return nil, err
	}
	org := &Org{ID: id}
	org.Slug, _ = refText(c.OrgSlug)
	org.Role, _ = refText(c.OrgRole)
	org.Permissions = refTexts(c.OrgPermissions)
	return org, nil
}

func refOrgV2(c *refClerkClaims) (*Org, error) {
	if !refTruthy(c.Org) {
		return nil, nil
	}
	var o refClerkOrg
	if c.Org.Kind() == '{' {
		if err := json.Unmarshal(c.Org, &o); err != nil {
			return nil, errors.New("claim o is not an object")
		}
	}
	org := &Org{}
	org.Slug, _ = refText(o.Slug)
	if refTruthy(o.Role) {
		role, err := refJsString(o.Role)
		if err != nil {
			return nil, fmt.Errorf("claim o.rol: %w", err)
		}
		org.Role = "org:" + role
	}
	features, err := refOrgFeatures(c.Features)
	if err != nil {
		return nil, err
	}
	if org.Permissions, err = refMaskedPermissions(features, o.Permissions, o.Masks); err != nil {
		return nil, err
	}
	if org.ID, err = refOrgID("o.id", o.ID); err != nil || org.ID == "" {
		return nil, err
	}
	return org, nil
}

func refOrgID(claim string, raw jsontext.Value) (string, error) {
	if !refTruthy(raw) {
		return "", nil
	}
	if k := raw.Kind(); k == '{' || k == '[' {
		return "", fmt.Errorf("claim %s is neither text nor a number", claim)
	}
	return refJsString(raw)
}

func refOrgFeatures(fea jsontext.Value) ([]string, error) {
	if !refTruthy(fea) {
		return nil, nil
	}
	list, ok := refText(fea)
	if !ok {
		return nil, errors.New("claim fea is not text")
	}
	scoped, err := refSplitByScope(list)
	if err != nil {
		return nil, fmt.Errorf("claim fea: %w", err)
	}
	return scoped.Org, nil
}

func refScopedClaim(raw jsontext.Value) *Scoped {
	list, ok := refText(raw)
	if !ok || list == "" {
		return nil
	}
	scoped, err := refSplitByScope(list)
	if err != nil {
		return nil
	}
	return scoped
}

func refSplitByScope(list string) (*Scoped, error) {
	scoped := &Scoped{}
	i := 0
	for element := range strings.SplitSeq(list, ",") {
		i++
		scope, name, ok := strings.Cut(refTrimJS(element), ":")
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
