// Package session turns verified claims into a Session: who asks, in which
// organization, with which role, permissions, features and plans. It is pure: no
// clock, no network, and it decides nothing.
package session

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/token"
)

// A Profile says how names in a question are compared with those of a session.
type Profile string

const (
	// ProfileClerk is has()'s way: org: is put before roles and permissions, and a
	// feature or plan may be asked for in one scope (o:, org:, u:, user:).
	ProfileClerk Profile = "clerk"
	// ProfilePlain compares whole names.
	ProfilePlain Profile = "plain"
)

// A Session is what a verified token says about its bearer. It is immutable and
// shared between requests. What is read from its JSON is for [Session.Complete].
type Session struct {
	// UserID is never empty.
	UserID string `json:"user_id"`
	// SessionID is empty where the token names no session.
	SessionID string `json:"session_id,omitzero"`
	Issuer    string `json:"issuer"`
	// Status is the token's own word, "active" or "pending", or "" where it says
	// nothing. What a pending session may do is not decided here.
	Status  string  `json:"status,omitzero"`
	Profile Profile `json:"profile"`
	// Org is the active organization, nil without one.
	Org *Org `json:"org,omitzero"`
	// Features and Plans are nil where the claim is absent or malformed: every check
	// on it then fails.
	Features *Scoped `json:"features,omitzero"`
	Plans    *Scoped `json:"plans,omitzero"`
	// Metadata and Actor are nil where absent or null.
	Metadata jsontext.Value `json:"metadata,omitzero"`
	Actor    jsontext.Value `json:"actor,omitzero"`
	// ActorUser and ActorSession are the actor's own sub and sid (RFC 8693 section 4.1),
	// empty without an actor that states them.
	ActorUser    string `json:"-"`
	ActorSession string `json:"-"`
	// FactorAge is the minutes since the first and the second factor were verified
	// when the token was made, -1 for a factor that was not. It is nil where the token
	// does not say so in exactly this form.
	FactorAge *[2]float64 `json:"factor_age,omitzero"`
	// IssuedAt is in Unix seconds, 0 where the token does not say.
	IssuedAt int64 `json:"issued_at,omitzero"`
	// Claims is the whole payload.
	Claims jsontext.Value `json:"claims,omitzero"`
}

// An Org is an active organization. Its ID is never empty, the rest may be.
type Org struct {
	ID   string `json:"id"`
	Slug string `json:"slug,omitzero"`
	Role string `json:"role,omitzero"`
	// Permissions is in the token's order, and may repeat itself.
	Permissions []string `json:"permissions,omitempty"`
}

// Scoped lists names of features or plans by who has them: the organization, the
// user, or both. The lists are in the token's order, and may repeat themselves.
type Scoped struct {
	Org  []string `json:"org,omitempty"`
	User []string `json:"user,omitempty"`
}

// A Decoder reads the claims of one issuer's tokens. The zero value refuses all.
type Decoder struct {
	profile Profile
	// decode fills what the claims say into a session that has all the rest.
	decode func(payload jsontext.Value, s *Session) error
}

// FromClaims reads a session from verified claims, in the manner of their issuer.
// Its error is a [*token.Error] with the code token_claims: the token is genuine, and
// what it says is not what its issuer is known to say.
func FromClaims(c *token.Claims, d Decoder) (*Session, error) {
	s := &Session{
		UserID:   c.Subject,
		Issuer:   c.Issuer,
		Profile:  d.profile,
		IssuedAt: c.IssuedAt,
		Claims:   c.Payload,
	}
	if d.decode == nil {
		return nil, refuse(errors.New("no way to read the claims of this issuer is known"))
	}
	if err := d.decode(c.Payload, s); err != nil {
		return nil, refuse(err)
	}
	if s.UserID == "" {
		return nil, refuse(errors.New("the claims name no user"))
	}
	s.ActorUser, s.ActorSession = actorOf(s.Actor)
	return s, nil
}

// refuse wraps what is wrong with the claims.
func refuse(err error) error {
	return &token.Error{Code: decision.TokenClaims, Err: fmt.Errorf("read session: %w", err)}
}

// actorOf reads who acts, as far as the actor is an object that says so in text: nothing
// else could be revoked.
func actorOf(raw jsontext.Value) (user, session string) {
	if len(raw) == 0 {
		return "", ""
	}
	var actor struct {
		User    any `json:"sub"`
		Session any `json:"sid"`
	}
	if json.Unmarshal(raw, &actor) != nil {
		return "", ""
	}
	user, _ = actor.User.(string)
	session, _ = actor.Session.(string)
	return user, session
}
