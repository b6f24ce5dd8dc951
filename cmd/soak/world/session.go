package world

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"postern/sidecar/token/mint"
)

// Party is the azp that Postern accepts.
const Party = "https://app.soak.test"

// The user and the session that every revision revokes.
const (
	revokedUser    = "user_revoked"
	revokedSession = "sess_revoked"
)

// A Kind is what is wrong with a session, if anything.
type Kind int

// The kinds. The first two are good, until a revision revokes a late one.
const (
	Good Kind = iota
	Late
	Expired
	Forged
	RevokedUser
	RevokedSession
	WrongParty
	WrongIssuer
	Pending
	NoToken
	Garbage
	Unsigned
	kinds
)

// Kinds is how many kinds there are.
const Kinds = int(kinds)

// code is why a session of a kind is refused, whatever the revision.
var code = map[Kind]string{
	Expired: "token_expired", Forged: "token_signature", RevokedUser: "session_revoked", RevokedSession: "session_revoked",
	WrongParty: "token_authorized_party", WrongIssuer: "token_issuer", Pending: "session_pending",
	NoToken: "token_missing", Garbage: "token_malformed", Unsigned: "token_algorithm",
}

// keyed reports whether the answer for a kind depends on its key being known.
func (k Kind) keyed() bool {
	switch k {
	case WrongIssuer, NoToken, Garbage, Unsigned:
		return false
	}
	return true
}

// A Session is one token and who it is for.
type Session struct {
	Kind         Kind
	Organization int
	role         int
	late         int
	User         string
	Issuer       string
	KeyID        string // the key that it names, empty for none
	Token        string
}

// NewSession makes a session of a kind by its number. The key is the issuer's; the forger's
// has the same id and is another one.
func (w World) NewSession(kind Kind, n int, issuer string, key, forger *mint.Key, keyID string, now time.Time) (*Session, error) {
	s := &Session{
		Kind: kind, Organization: w.number(Organizations, "organization", n), role: w.number(len(roles), "role", n),
		User: fmt.Sprintf("user_%06d", n), Issuer: issuer, KeyID: keyID,
	}
	session := fmt.Sprintf("sess_%06d", n)
	party, expires, status, iss := Party, now.Add(6*time.Hour), "active", issuer
	switch kind {
	case NoToken:
		return s, nil
	case Garbage:
		s.Token = "eyJhbGciOiJSUzI1NiJ9.e30"
		return s, nil
	case Late:
		s.late = n % late
		s.User = lateUser(s.late)
	case Expired:
		expires = now.Add(-time.Minute)
	case RevokedUser:
		s.User = revokedUser
	case RevokedSession:
		session = revokedSession
	case WrongParty:
		party = "https://elsewhere.soak.test"
	case WrongIssuer:
		iss = "https://nobody.soak.test"
	case Pending:
		status = "pending"
	case Forged:
		other := *forger
		other.ID = keyID
		key = &other
	}
	token, err := key.Sign(s.claims(session, iss, party, status, now, expires))
	if err != nil {
		return nil, err
	}
	if kind == Unsigned {
		_, rest, _ := strings.Cut(token, ".")
		header := fmt.Sprintf(`{"alg":"none","kid":%q,"typ":"JWT"}`, keyID)
		token = base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
	}
	s.Token = token
	return s, nil
}

func (s *Session) claims(session, issuer, party, status string, now, expires time.Time) map[string]any {
	role := roles[s.role]
	has, masks := []string{"o:" + mark}, []string{"0"} // the model's roles have its permissions
	for _, f := range features {
		has = append(has, "o:"+f)
		masks = append(masks, fmt.Sprint(1<<len(roleActions[role])-1))
	}
	return map[string]any{
		"v": 2, "sts": status, "iss": issuer, "azp": party, "sub": s.User, "sid": session,
		"iat": now.Add(-2 * time.Hour).Unix(), "nbf": now.Add(-2 * time.Hour).Unix(), "exp": expires.Unix(), "fva": []int{1, -1},
		"fea": strings.Join(has, ","),
		"o": map[string]any{
			"id": Organization(s.Organization), "slg": "soak", "rol": role,
			"per": strings.Join(actions, ","), "fpm": strings.Join(masks, ","),
		},
	}
}
