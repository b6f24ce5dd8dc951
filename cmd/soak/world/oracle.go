package world

import (
	"slices"
	"strings"
)

// An Outcome is what of an answer can be foretold: whether it allows, the status that it
// tells an enforcement point, and the reason where nobody is signed in.
type Outcome struct {
	Allow  bool
	Status int
	Code   string // of a 401 alone
}

// The outcomes that have no code.
var (
	Allowed = Outcome{Allow: true, Status: 200}
	Denied  = Outcome{Status: 403}
)

func signedOut(code string) Outcome { return Outcome{Status: 401, Code: code} }

// UnknownKey is the outcome for a session whose key is not known.
var UnknownKey = signedOut("token_key_unknown")

// Keyed reports whether the outcome is [UnknownKey] where the session's key is not known.
func (s *Session) Keyed() bool { return s.Kind.keyed() }

// SignedIn reports whether the session is one under a revision, its key being known; else
// the outcome says why not.
func (s *Session) SignedIn(revision int) (Outcome, bool) {
	if c := code[s.Kind]; c != "" {
		return signedOut(c), false
	}
	if s.Kind == Late && revision >= revokedFrom(s.late) {
		return signedOut("session_revoked"), false
	}
	return Allowed, true
}

// Check is the outcome of asking for a permission under a revision.
func (w World) Check(s *Session, permission string, revision int) Outcome {
	if o, ok := s.SignedIn(revision); !ok {
		return o
	}
	if w.Permitted(s, permission, revision) {
		return Allowed
	}
	return Denied
}

// Member reports whether the session's membership counts.
func (w World) Member(s *Session, revision int) bool {
	return !w.suspended(s.Organization, revision) && slices.Contains(planRoles[w.Plan(s.Organization, revision)], roles[s.role])
}

// Permitted reports whether a session that is one has a permission.
func (w World) Permitted(s *Session, permission string, revision int) bool {
	if !w.Member(s, revision) {
		return false
	}
	parts := strings.Split(permission, ":")
	if parts[1] == mark {
		n := slices.Index(Bits(), permission)
		return roles[s.role] == "admin" && n >= 0 && revision>>n&1 == 1
	}
	return slices.Contains(planFeatures[w.Plan(s.Organization, revision)], parts[1]) && slices.Contains(roleActions[roles[s.role]], parts[2])
}

// Admin reports whether the role has the bits.
func (s *Session) Admin() bool { return roles[s.role] == "admin" }

// A Route is a request that proxies ask about, and what it takes.
type Route struct {
	Method, Path string
	permission   string // empty for a public one
	unlisted     bool
}

// Routes are all that are asked about.
var Routes = []Route{
	{Method: "GET", Path: "/health"},
	{Method: "GET", Path: "/invoices/7", permission: "org:invoices:read"},
	{Method: "POST", Path: "/invoices", permission: "org:invoices:create"},
	{Method: "GET", Path: "/reports/2026", permission: "org:reports:read"},
	{Method: "GET", Path: "/payroll/", permission: "org:payroll:read"},
	{Method: "GET", Path: "/elsewhere", unlisted: true},
	{Method: "DELETE", Path: "/invoices/7", unlisted: true},
}

// Public reports whether nobody needs a session there.
func (r Route) Public() bool { return r.permission == "" && !r.unlisted }

// Guarded reports whether it takes a permission.
func (r Route) Guarded() bool { return r.permission != "" }

// Ask is the outcome of a request to a route under a revision.
func (w World) Ask(s *Session, r Route, revision int) Outcome {
	switch {
	case r.Public():
		return Allowed
	case r.unlisted:
		return Denied
	}
	return w.Check(s, r.permission, revision)
}

// Permissions are the ones that are asked for, but for the bits.
func Permissions() []string {
	var all []string
	for _, f := range features {
		for _, a := range actions {
			all = append(all, "org:"+f+":"+a)
		}
	}
	return all
}
