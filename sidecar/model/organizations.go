package model

import (
	"maps"
	"math"
	"slices"

	"postern/sidecar/phrase"
)

func (c *checker) plans(section *node) map[string]Plan {
	all := map[string]Plan{}
	for entry := range c.object(section) {
		if err := checkID("plan", entry.name); err != nil {
			c.keyf(entry, "%v", err)
		}
		var p Plan
		for n := range c.object(entry) {
			switch n.name {
			case "name":
				p.Name = c.text(n)
			case "description":
				p.Description = c.text(n)
			case "features":
				p.Features = c.texts(n, func(e *node, feature string) {
					if err := checkSlug(feature); err != nil {
						c.failf(e, "%v", err)
					}
				})
			case "role_set":
				p.RoleSet = c.reference(n, "role set", "role_sets")
			case "membership_limit":
				p.MembershipLimit = c.limit(n)
			default:
				c.unknown(n, "name", "description", "features", "role_set", "membership_limit")
			}
		}
		all[entry.name] = p
	}
	return all
}

func (c *checker) organizations(section *node) map[string]Organization {
	all := make(map[string]Organization, section.size())
	holder := map[string]string{}
	for entry := range c.object(section) {
		if err := checkID("organization", entry.name); err != nil {
			c.keyf(entry, "%v", err)
		}
		o := c.organization(entry)
		for _, domain := range slices.Sorted(maps.Keys(o.Domains)) {
			if other, taken := holder[domain]; taken {
				c.warnf(entry.child("domains", nil).child(domain, nil), "domain %s is verified by organization %s too", phrase.Quote(domain), phrase.Quote(other))
			}
			holder[domain] = entry.name
		}
		all[entry.name] = o
	}
	return all
}

func (c *checker) organization(entry *node) Organization {
	var o Organization
	for n := range c.object(entry) {
		switch n.name {
		case "name":
			o.Name = c.text(n)
		case "description":
			o.Description = c.text(n)
		case "role_set":
			o.RoleSet = c.reference(n, "role set", "role_sets")
		case "plan":
			o.Plan = c.reference(n, "plan", "plans")
		case "membership_limit":
			o.MembershipLimit = c.limit(n)
		case "suspended":
			suspended := c.flag(n)
			o.Suspended = suspended != nil && *suspended
		case "deletion":
			o.Deletion = c.flag(n)
		case "domains":
			o.Domains = c.domains(n)
		default:
			c.unknown(n, "name", "description", "role_set", "plan", "membership_limit", "suspended", "deletion", "domains")
		}
	}
	return o
}

func (c *checker) domains(section *node) map[string]string {
	all := map[string]string{}
	for n := range c.object(section) {
		if len(n.name) > maxKey || !domainName.MatchString(n.name) {
			c.keyf(n, "domain %s is malformed: it is a host name in lower case, with a dot", phrase.Quote(n.name))
		}
		all[n.name] = c.oneOf(n, EnrollmentModes)
	}
	return all
}

func (c *checker) settings(section *node) Settings {
	var s Settings
	for n := range c.object(section) {
		switch n.name {
		case "default_role_set":
			s.DefaultRoleSet = c.reference(n, "role set", "role_sets")
		case "default_plan":
			s.DefaultPlan = c.reference(n, "plan", "plans")
		case "permission_source":
			s.PermissionSource = c.oneOf(n, PermissionSources)
		case "personal_accounts":
			s.PersonalAccounts = c.flag(n)
		case "membership_limit":
			s.MembershipLimit = c.limit(n)
		case "owner_role":
			s.OwnerRole = c.reference(n, "role", "roles")
		case "organization_deletion":
			s.OrganizationDeletion = c.flag(n)
		case "minimum_permissions":
			s.MinimumPermissions = c.texts(n, c.permission)
		case "organization_creation":
			s.OrganizationCreation = c.creation(n)
		case "users":
			s.Users = c.users(n)
		default:
			c.unknown(n, "default_role_set", "default_plan", "permission_source", "personal_accounts", "membership_limit",
				"owner_role", "minimum_permissions", "organization_deletion", "organization_creation", "users")
		}
	}
	return s
}

func (c *checker) creation(section *node) OrganizationCreation {
	var oc OrganizationCreation
	for n := range c.object(section) {
		switch n.name {
		case "allowed":
			oc.Allowed = c.flag(n)
		case "limit":
			oc.Limit = c.limit(n)
		default:
			c.unknown(n, "allowed", "limit")
		}
	}
	return oc
}

func (c *checker) users(section *node) map[string]UserSettings {
	all := make(map[string]UserSettings, section.size())
	for entry := range c.object(section) {
		if err := checkID("user", entry.name); err != nil {
			c.keyf(entry, "%v", err)
		}
		var u UserSettings
		for n := range c.object(entry) {
			switch n.name {
			case "organization_limit":
				u.OrganizationLimit = c.limit(n)
			case "organization_creation":
				u.OrganizationCreation = c.flag(n)
			default:
				c.unknown(n, "organization_limit", "organization_creation")
			}
		}
		all[entry.name] = u
	}
	return all
}

func (c *checker) revoked(section *node) Revoked {
	var r Revoked
	for n := range c.object(section) {
		switch n.name {
		case "users":
			r.Users = c.revocations(n, "user")
		case "sessions":
			r.Sessions = c.revocations(n, "session")
		case "organizations":
			r.Organizations = c.revocations(n, "organization")
		default:
			c.unknown(n, "users", "sessions", "organizations")
		}
	}
	return r
}

// maxTime is the last second that counts as one, in the year 2514: what is beyond it
// is milliseconds.
const maxTime = math.MaxUint32 * 4

func (c *checker) revocations(section *node, what string) map[string]Revocation {
	all := make(map[string]Revocation, section.size())
	for entry := range c.object(section) {
		if err := checkID(what, entry.name); err != nil {
			c.keyf(entry, "%v", err)
		}
		var r Revocation
		for n := range c.object(entry) {
			switch n.name {
			case "issued_before":
				r.IssuedBefore = c.whole(n, maxTime)
			case "until":
				r.Until = c.whole(n, maxTime)
			default:
				c.unknown(n, "issued_before", "until")
			}
		}
		all[entry.name] = r
	}
	return all
}
