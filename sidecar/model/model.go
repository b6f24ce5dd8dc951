// Package model is the authorization model of a bundle, checked: permissions, roles,
// role sets, plans, organizations, settings, revocations and routes, as they stand at
// data.model. Every section is optional by itself. Policy reads the document; this
// package makes sure that it says something, and gives Go the parts that it needs.
package model

import "postern/sidecar/requirement"

// A Model is a checked model document. A nil map or slice is a section that the
// document does not have, which differs from an empty one. A Model is shared between
// requests: it must not be changed.
type Model struct {
	Permissions   map[string]Permission
	Roles         map[string]Role
	RoleSets      map[string]RoleSet
	Plans         map[string]Plan
	Organizations map[string]Organization
	Settings      Settings
	Revoked       Revoked
	Routes        []Route

	// Warnings are what is probably not meant and refuses nothing: a role that no role
	// set has, a feature that no plan has, a section that nothing uses yet. They are in
	// the order of their positions.
	Warnings []Mistake
}

// A Permission is an entry of the catalogue.
type Permission struct {
	Name        string
	Description string
	// Feature is the feature that gates the permission: the middle of
	// org:<feature>:<action>, else what the entry states, else none. System permissions
	// have none.
	Feature string
}

// A Role grants permissions, and all that the roles it includes grant.
type Role struct {
	Name        string
	Description string
	Includes    []string
	Permissions []string
	// ManagedBy are the roles whose holders alone may give this role, take it, or remove
	// who has it. Nil leaves that to everyone who manages memberships.
	ManagedBy []string
}

// A RoleSet is the roles that an organization may use.
type RoleSet struct {
	Name        string
	Description string
	Roles       []string
	DefaultRole string
	CreatorRole string
}

// A Plan is what an organization pays for. A nil MembershipLimit says nothing, and 0
// is no limit; so it is wherever a limit stands.
type Plan struct {
	Name            string
	Description     string
	Features        []string
	RoleSet         string
	MembershipLimit *int
}

// An Organization is what the model knows of one organization.
type Organization struct {
	Name            string
	Description     string
	RoleSet         string
	Plan            string
	MembershipLimit *int
	Suspended       bool
	// Deletion is the switch that lets members delete the organization; nil says nothing.
	Deletion *bool
	// Domains maps each verified domain to its enrollment mode, one of [EnrollmentModes].
	Domains map[string]string
}

// Settings are what holds for all organizations and users.
type Settings struct {
	DefaultRoleSet string
	DefaultPlan    string
	// PermissionSource is one of [PermissionSources], or empty, which means token.
	PermissionSource string
	PersonalAccounts *bool
	MembershipLimit  *int
	// OwnerRole is the role that only its holders may give or take, and whose holders can
	// be neither removed nor leave.
	OwnerRole string
	// OrganizationDeletion is the switch of the organizations that do not say.
	OrganizationDeletion *bool
	// MinimumPermissions are those that at least one member must keep. Nil stands for
	// [MinimumPermissions].
	MinimumPermissions   []string
	OrganizationCreation OrganizationCreation
	Users                map[string]UserSettings
}

// Minimum are the permissions that at least one member must keep.
func (s *Settings) Minimum() []string {
	if s.MinimumPermissions == nil {
		return MinimumPermissions
	}
	return s.MinimumPermissions
}

// OrganizationCreation says whether users may create organizations, and how many.
type OrganizationCreation struct {
	Allowed *bool
	Limit   *int
}

// UserSettings are what holds for one user, against the general setting.
type UserSettings struct {
	OrganizationLimit    *int
	OrganizationCreation *bool
}

// Revoked names what may no longer be used, by id.
type Revoked struct {
	Users         map[string]Revocation
	Sessions      map[string]Revocation
	Organizations map[string]Revocation
}

// A Revocation refuses tokens. The zero value refuses all, for good. Both members are
// Unix seconds.
type Revocation struct {
	// IssuedBefore, if set, spares the tokens that were issued at this time or later.
	IssuedBefore *int64
	// Until, if set, is when the revocation ends.
	Until *int64
}

// A Route says what the requests that a pattern matches require.
type Route struct {
	// Match is the pattern, "METHOD host/path" with the first two optional. It is not
	// empty; its syntax is for the one who compiles the routes.
	Match       string
	Name        string
	Description string
	// Public allows whatever the credential is. Then nothing else is asked for.
	Public bool
	// SignedIn asks for a session, and for nothing of it.
	SignedIn bool
	// Require is what the session must meet; nil where the route asks for less: for a
	// session, or one in an organization.
	Require *requirement.Requirement
	// Organization is the id of the organization that the session must be active in, usually
	// a parameter of the pattern such as "{org}"; empty asks for none. OrganizationSlug is
	// the same by the organization's slug.
	Organization     string
	OrganizationSlug string
	// Deny is how a denial for want of permission looks.
	Deny Deny
	// Logged denies what the decision log cannot take.
	Logged bool
	// Position is where the route stands, for whoever finds fault with it later.
	Position Position
}

// A Deny replaces the usual 403. At most one member is set.
type Deny struct {
	Status   int
	Redirect string
}

// PermissionSources are the values of settings.permission_source.
var PermissionSources = []string{"token", "roles", "both"}

// EnrollmentModes are what a verified domain may do with a new member.
var EnrollmentModes = []string{"manual_invitation", "automatic_invitation", "automatic_suggestion", "enterprise_connection"}
