package decision

// messages says for each code what would have to change, where whoever denied did not
// say it better.
var messages = map[Code]string{
	RequestMalformed: "the request cannot be read",
	PathAmbiguous:    "the path can be read in more than one way; send it in its plain form",

	TokenMissing:         "send a session token, as Authorization: Bearer or in the session cookie",
	TokenMalformed:       "the credential is no compact JWS with unique JSON names; send the session token as it was issued",
	TokenAlgorithm:       "the token is signed by an algorithm that its issuer is not configured for",
	TokenType:            "the token is no session token",
	TokenKeyUnknown:      "the token names a key that its issuer does not publish (yet)",
	TokenSignature:       "the signature does not fit the token",
	TokenIssuer:          "the token's issuer is not configured",
	TokenAuthorizedParty: "the token was made for an origin (azp) that is not among authorized_parties",
	TokenAudience:        "the token was made for another audience",
	TokenClaims:          "the token lacks a claim or states one that cannot be read",
	TokenExpired:         "the token has expired; send a fresh one",
	TokenNotYetValid:     "the token is not valid yet; look at the clocks",
	CredentialsAmbiguous: "the request brings several credentials that differ; send one",
	SessionPending:       "the session has tasks to complete before it counts as signed in",
	SessionRevoked:       "the user, the session or the organization has been revoked",

	NothingAsked:             "the question asks for nothing, which is never granted",
	OrganizationRequired:     "the session has no active organization",
	OrganizationSuspended:    "the organization is suspended",
	RoleRequired:             "the session does not have the role",
	RoleNotInRoleSet:         "the organization's role set does not hold the role",
	PermissionNotGranted:     "the session does not have the permission",
	PermissionGatedByFeature: "the organization's plan lacks the feature of the permission",
	FeatureRequired:          "the session does not have the feature",
	PlanRequired:             "the session is not on the plan",
	ReverificationRequired:   "the session's factors must be verified again",
	RouteUnlisted:            "no route of the model matches the request",
	ActionNotAllowed:         "no rule allows the action",
	ActionIncomplete:         "a fact that the action's rule needs is missing",
	PolicyDenied:             "the policy denies it",
	PolicyUndefined:          "the policy says nothing about this question",
	PolicyError:              "the policy could not be evaluated",
	PolicyTimeout:            "the policy took longer than its deadline",

	NotReady:   "no policy or no key is loaded yet",
	Overloaded: "too many requests at once",
}
