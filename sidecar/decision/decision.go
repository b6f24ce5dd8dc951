// Package decision is the leaf vocabulary that every stage of a request shares: the
// answer, and the reasons behind it. It imports nothing of Postern.
package decision

import (
	"cmp"
	"slices"
	"strings"
)

// A Decision answers one question. The zero value denies. Make one with [Allowed],
// [Denied] or [Because]: they keep the members in agreement.
type Decision struct {
	Allow bool `json:"allow"`
	// Status is what an enforcement point should send: 200, or the first of 400, 503,
	// 401, 403 that a reason asks for.
	Status int `json:"status"`
	// Reasons is sorted and holds at least one entry for a denial, none for an allow.
	Reasons []Reason `json:"reasons"`
	// Enrollment says of an allowed domain.enroll how it enrolls; nil otherwise.
	Enrollment *Enrollment `json:"enrollment,omitzero"`
}

// An Enrollment is how somebody joins an organization by an e-mail address of a domain
// that it has verified: in which role, and by which of the domain's modes.
type Enrollment struct {
	Organization string `json:"organization"`
	Mode         string `json:"mode"`
	Role         string `json:"role"`
}

// A Reason is one cause of a denial. Code is always set; the other members name what
// it is about, and Message says to a developer what would have to change. Messages are
// for JSON callers and the log, never for a stranger behind a proxy.
type Reason struct {
	Code           Code   `json:"code"`
	Organization   string `json:"organization,omitzero"`
	Role           string `json:"role,omitzero"`
	RoleSet        string `json:"role_set,omitzero"`
	Permission     string `json:"permission,omitzero"`
	Feature        string `json:"feature,omitzero"`
	Plan           string `json:"plan,omitzero"`
	Reverification string `json:"reverification,omitzero"`
	Action         string `json:"action,omitzero"`
	// Rule names the condition of an action that does not hold, Fact what the caller did
	// not tell.
	Rule    string `json:"rule,omitzero"`
	Fact    string `json:"fact,omitzero"`
	Message string `json:"message,omitzero"`
}

// Allowed is the only Decision that allows.
func Allowed() Decision {
	return Decision{Allow: true, Status: statusOK, Reasons: []Reason{}}
}

// Denied refuses for the given reasons. Without any it refuses as policy_denied; a
// reason with a code outside the closed set becomes policy_error. A reason without a
// message gets its code's.
func Denied(reasons ...Reason) Decision {
	if len(reasons) == 0 {
		reasons = []Reason{{Code: PolicyDenied}}
	}
	own := slices.Clone(reasons)
	for i := range own {
		if !own[i].Code.Known() {
			own[i] = Reason{Code: PolicyError}
		}
		own[i].makeValid()
		if own[i].Message == "" {
			own[i].Message = messages[own[i].Code]
		}
	}
	slices.SortFunc(own, compare)
	own = slices.Compact(own)
	return Decision{Status: statusOf(own), Reasons: own}
}

// makeValid replaces what is no UTF-8, which a policy can make and JSON cannot hold.
func (r *Reason) makeValid() {
	for _, text := range []*string{
		&r.Organization, &r.Role, &r.RoleSet, &r.Permission, &r.Feature, &r.Plan,
		&r.Reverification, &r.Action, &r.Rule, &r.Fact, &r.Message,
	} {
		*text = strings.ToValidUTF8(*text, "\uFFFD")
	}
}

// Because refuses for one code and a message for developers.
func Because(code Code, message string) Decision {
	return Denied(Reason{Code: code, Message: message})
}

// statusOf is the first of 400, 503, 401, 403 that any reason has: a request that
// nobody understood says nothing about its session, and a sidecar that is not ready
// says nothing about either.
func statusOf(reasons []Reason) int {
	for _, status := range []int{statusBadRequest, statusUnavailable, statusUnauthorized} {
		if slices.ContainsFunc(reasons, func(r Reason) bool { return r.Code.Status() == status }) {
			return status
		}
	}
	return statusForbidden
}

// compare orders reasons by code, then by everything else they name.
func compare(a, b Reason) int {
	return cmp.Or(
		cmp.Compare(a.Code, b.Code),
		cmp.Compare(a.Organization, b.Organization),
		cmp.Compare(a.Role, b.Role),
		cmp.Compare(a.RoleSet, b.RoleSet),
		cmp.Compare(a.Permission, b.Permission),
		cmp.Compare(a.Feature, b.Feature),
		cmp.Compare(a.Plan, b.Plan),
		cmp.Compare(a.Reverification, b.Reverification),
		cmp.Compare(a.Action, b.Action),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Fact, b.Fact),
		cmp.Compare(a.Message, b.Message),
	)
}
