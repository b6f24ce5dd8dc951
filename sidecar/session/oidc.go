package session

import "github.com/go-json-experiment/json/jsontext"

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
	session, status                jsontext.Value
	orgID, orgRole, orgPermissions jsontext.Value
	licenses, entitlements         jsontext.Value
	actor                          jsontext.Value
}

// set takes a claim if it is one that matters.
func (c *oidcClaims) set(name []byte, value jsontext.Value) {
	switch string(name) {
	case "sid":
		c.session = value
	case "sts":
		c.status = value
	case "organization_id":
		c.orgID = value
	case "org_role":
		c.orgRole = value
	case "org_permissions":
		c.orgPermissions = value
	case "licenses":
		c.licenses = value
	case "entitlements":
		c.entitlements = value
	case "act":
		c.actor = value
	}
}

func decodeOIDC(payload jsontext.Value, s *Session) error {
	var c oidcClaims
	if !eachMember(payload, c.set) {
		return errNoObject
	}
	var org Org
	var r strictReader
	r.text("sid", c.session, &s.SessionID)
	r.text("sts", c.status, &s.Status)
	r.text("organization_id", c.orgID, &org.ID)
	r.text("org_role", c.orgRole, &org.Role)
	r.texts("org_permissions", c.orgPermissions, &org.Permissions)
	var licenses, entitlements []string
	r.texts("licenses", c.licenses, &licenses)
	r.texts("entitlements", c.entitlements, &entitlements)
	if r.err != nil {
		return r.err
	}
	s.Plans = scoped(licenses, nil)
	s.Features = scoped(entitlements, nil)
	s.Actor = notNull(c.actor)
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
