package config

import "time"

// Issuers are the token issuers: a list, or the word none.
type Issuers struct {
	// None is set by the word none: no token is accepted, every session is null.
	None bool
	// List has the issuers.
	List []Issuer
}

// An Issuer is one source of tokens and how to read them.
type Issuer struct {
	// Issuer is the exact iss of its tokens.
	Issuer string `key:"issuer"`
	// JWKS is the issuer's key set: a file, or an https:// URL.
	JWKS string `key:"jwks"`
	// PublicKey is the path of the issuer's only key, PEM.
	PublicKey string `key:"public_key"`
	// AuthorizedParties are the origins (azp) whose tokens are accepted; the word any accepts all.
	AuthorizedParties Parties `key:"authorized_parties"`
	// Audience are values of which aud must have one; empty, aud is not looked at.
	Audience Names `key:"audience"`
	// Algorithms are the signature algorithms that its tokens may use.
	Algorithms []string `key:"algorithms"`
	// Claims is how its tokens are read: clerk, oidc, or in the file a mapping of JSON pointers.
	Claims Claims `key:"claims"`
	// Cookie is the cookie that carries its token where there is no Authorization header.
	Cookie string `key:"cookie"`
	// ClockSkew is how far its clock may be off.
	ClockSkew time.Duration `key:"clock_skew"`
	// TreatPendingAsSignedOut refuses sessions whose status is pending.
	TreatPendingAsSignedOut bool `key:"treat_pending_as_signed_out"`
}

// DefaultIssuer returns the defaults of an issuer.
func DefaultIssuer() Issuer {
	return Issuer{
		Algorithms:              []string{"RS256"},
		Claims:                  Claims{Profile: ClaimsClerk},
		Cookie:                  "__session",
		ClockSkew:               5 * time.Second,
		TreatPendingAsSignedOut: true,
	}
}

// Parties are authorized parties: a list of origins, or any.
type Parties struct {
	// Any accepts every party.
	Any bool
	// Origins are compared whole with azp.
	Origins []string
}

// Names is a list of names; the file may give one without the list.
type Names []string

// The profiles of [Claims].
const (
	ClaimsClerk   = "clerk"
	ClaimsOIDC    = "oidc"
	ClaimsMapping = "mapping"
)

// Claims is how a token's claims become a session.
type Claims struct {
	// Profile is ClaimsClerk, ClaimsOIDC, or ClaimsMapping: then Mapping holds.
	Profile string
	Mapping Mapping
}

// A Mapping says where a session's members stand in a token's payload, each as a JSON
// pointer (RFC 6901). One that is empty is absent from every session, but for UserID,
// which then is sub.
type Mapping struct {
	// UserID is the user.
	UserID string `key:"user_id"`
	// SessionID is the session.
	SessionID string `key:"session_id"`
	// Status is the session's status.
	Status string `key:"status"`
	// Org is the active organization.
	Org OrgMapping `key:"org"`
	// Features are lists of feature names.
	Features ScopedMapping `key:"features"`
	// Plans are lists of plan names.
	Plans ScopedMapping `key:"plans"`
	// Metadata is what policies may read beside the session.
	Metadata string `key:"metadata"`
	// Actor is who acts in the user's place.
	Actor string `key:"actor"`
	// FactorAge is the minutes since the first and the second factor.
	FactorAge string `key:"factor_age"`
}

// OrgMapping is where the active organization stands; ID is needed beside any other.
type OrgMapping struct {
	// ID is the organization.
	ID string `key:"id"`
	// Slug is its readable name.
	Slug string `key:"slug"`
	// Role is the user's role in it.
	Role string `key:"role"`
	// Permissions is a list of what the user may do in it.
	Permissions string `key:"permissions"`
}

// ScopedMapping is where the organization's and the user's own names stand.
type ScopedMapping struct {
	// Org is the organization's.
	Org string `key:"org"`
	// User is the user's.
	User string `key:"user"`
}

// Remote reports whether JWKS is a URL, not a file.
func (i Issuer) Remote() bool { return isURL(i.JWKS) }
