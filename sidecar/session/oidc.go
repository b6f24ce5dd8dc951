package session

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// OIDC reads the tokens of an OpenID provider that knows organizations: sid, sts,
// organization_id, org_role, org_permissions, act; licenses are the organization's
// plans, entitlements its features. The last two and org_permissions are arrays of
// strings; a claim of another type is an error, null is absent. Names are compared
// whole.
func OIDC() Decoder {
	return Decoder{profile: ProfilePlain, decode: decodeOIDC}
}

// oidcClaims are the claims that matter, raw: nil where absent.
type oidcClaims struct {
	SID            jsontext.Value `json:"sid"`
	Status         jsontext.Value `json:"sts"`
	OrganizationID jsontext.Value `json:"organization_id"`
	OrgRole        jsontext.Value `json:"org_role"`
	OrgPermissions jsontext.Value `json:"org_permissions"`
	Licenses       jsontext.Value `json:"licenses"`
	Entitlements   jsontext.Value `json:"entitlements"`
	Actor          jsontext.Value `json:"act"`
}

func decodeOIDC(payload jsontext.Value, s *Session) error {
	var c oidcClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return errNoObject
	}
	var org Org
	var r strictReader
	r.text("sid", c.SID, &s.SessionID)
	r.text("sts", c.Status, &s.Status)
	r.text("organization_id", c.OrganizationID, &org.ID)
	r.text("org_role", c.OrgRole, &org.Role)
	r.texts("org_permissions", c.OrgPermissions, &org.Permissions)
	var licenses, entitlements []string
	r.texts("licenses", c.Licenses, &licenses)
	r.texts("entitlements", c.Entitlements, &entitlements)
	if r.err != nil {
		return r.err
	}
	s.Plans = scoped(licenses, nil)
	s.Features = scoped(entitlements, nil)
	s.Actor = notNull(c.Actor)
	if org.ID != "" {
		s.Org = &org
	}
	return nil
}

// A strictReader reads optional claims, and keeps the first error.
type strictReader struct {
	err error
}

func (r *strictReader) text(claim string, raw jsontext.Value, to *string) {
	if r.err == nil {
		*to, r.err = optionalText(claim, raw)
	}
}

func (r *strictReader) texts(claim string, raw jsontext.Value, to *[]string) {
	if r.err == nil {
		*to, r.err = optionalTexts(claim, raw)
	}
}
