package decision

import "slices"

// A Code names why something was refused. The set is closed: a code that is not
// in [Codes] never leaves the process.
type Code string

// The codes by the fault they name. The comment of each group is the status that
// an enforcement point should send for it.
const (
	// 400: the request cannot be read, so nothing about it is known.
	RequestMalformed Code = "request_malformed"
	PathAmbiguous    Code = "path_ambiguous"

	// 401: there is no session that may be used.
	TokenMissing         Code = "token_missing"
	TokenMalformed       Code = "token_malformed"
	TokenAlgorithm       Code = "token_algorithm"
	TokenType            Code = "token_type"
	TokenKeyUnknown      Code = "token_key_unknown"
	TokenSignature       Code = "token_signature"
	TokenIssuer          Code = "token_issuer"
	TokenAuthorizedParty Code = "token_authorized_party"
	TokenAudience        Code = "token_audience"
	TokenClaims          Code = "token_claims"
	TokenExpired         Code = "token_expired"
	TokenNotYetValid     Code = "token_not_yet_valid"
	CredentialsAmbiguous Code = "credentials_ambiguous"
	SessionPending       Code = "session_pending"
	SessionRevoked       Code = "session_revoked"

	// 403: the session is good and may not do this.
	NothingAsked             Code = "nothing_asked"
	OrganizationRequired     Code = "organization_required"
	OrganizationSuspended    Code = "organization_suspended"
	RoleRequired             Code = "role_required"
	RoleNotInRoleSet         Code = "role_not_in_role_set"
	PermissionNotGranted     Code = "permission_not_granted"
	PermissionGatedByFeature Code = "permission_gated_by_feature"
	FeatureRequired          Code = "feature_required"
	PlanRequired             Code = "plan_required"
	ReverificationRequired   Code = "reverification_required"
	RouteUnlisted            Code = "route_unlisted"
	ActionNotAllowed         Code = "action_not_allowed"
	ActionIncomplete         Code = "action_incomplete"
	PolicyDenied             Code = "policy_denied"
	PolicyUndefined          Code = "policy_undefined"
	PolicyError              Code = "policy_error"
	PolicyTimeout            Code = "policy_timeout"

	// 503: the sidecar cannot decide now.
	NotReady   Code = "not_ready"
	Overloaded Code = "overloaded"
)

// The HTTP statuses that a denial can ask an enforcement point to send.
const (
	statusOK           = 200
	statusBadRequest   = 400
	statusUnauthorized = 401
	statusForbidden    = 403
	statusUnavailable  = 503
)

// statuses gives every code its status. A code that is missing here does not exist.
var statuses = map[Code]int{
	RequestMalformed: statusBadRequest,
	PathAmbiguous:    statusBadRequest,

	TokenMissing:         statusUnauthorized,
	TokenMalformed:       statusUnauthorized,
	TokenAlgorithm:       statusUnauthorized,
	TokenType:            statusUnauthorized,
	TokenKeyUnknown:      statusUnauthorized,
	TokenSignature:       statusUnauthorized,
	TokenIssuer:          statusUnauthorized,
	TokenAuthorizedParty: statusUnauthorized,
	TokenAudience:        statusUnauthorized,
	TokenClaims:          statusUnauthorized,
	TokenExpired:         statusUnauthorized,
	TokenNotYetValid:     statusUnauthorized,
	CredentialsAmbiguous: statusUnauthorized,
	SessionPending:       statusUnauthorized,
	SessionRevoked:       statusUnauthorized,

	NothingAsked:             statusForbidden,
	OrganizationRequired:     statusForbidden,
	OrganizationSuspended:    statusForbidden,
	RoleRequired:             statusForbidden,
	RoleNotInRoleSet:         statusForbidden,
	PermissionNotGranted:     statusForbidden,
	PermissionGatedByFeature: statusForbidden,
	FeatureRequired:          statusForbidden,
	PlanRequired:             statusForbidden,
	ReverificationRequired:   statusForbidden,
	RouteUnlisted:            statusForbidden,
	ActionNotAllowed:         statusForbidden,
	ActionIncomplete:         statusForbidden,
	PolicyDenied:             statusForbidden,
	PolicyUndefined:          statusForbidden,
	PolicyError:              statusForbidden,
	PolicyTimeout:            statusForbidden,

	NotReady:   statusUnavailable,
	Overloaded: statusUnavailable,
}

// Codes returns every code, sorted.
func Codes() []Code {
	codes := make([]Code, 0, len(statuses))
	for c := range statuses {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}

// Known reports whether c is in the closed set.
func (c Code) Known() bool {
	_, ok := statuses[c]
	return ok
}

// Status is the HTTP status that an enforcement point should send for c: 400, 401,
// 403 or 503. An unknown code is 403: it denies.
func (c Code) Status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return statusForbidden
}
