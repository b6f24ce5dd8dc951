package doctor

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/session"
)

// The states of a [Verification].
const (
	// Unverified: no key was asked. Anybody can have written the token.
	Unverified = "unverified"
	// Verified: a key of the issuer fits, and everything else is as serve demands it.
	Verified = "verified"
	// Refused: serve would sign nobody in by this token.
	Refused = "refused"
)

// A Report is what a token says. Its JSON is the output of postern token --json; texts in
// it are the token's own unless said otherwise, and nobody vouches for them unless the
// verification says so.
type Report struct {
	Verification Verification `json:"verification"`
	// Malformed: not what serve calls a token. What is shown was read leniently.
	Malformed bool `json:"malformed"`
	// Objections are what serve holds against the token whoever signed it. They are no
	// verdict: that is the verification's.
	Objections []Objection `json:"objections"`

	Header          Header `json:"header"`
	Issuer          string `json:"issuer"`
	Subject         string `json:"subject"`
	Session         string `json:"session"`
	AuthorizedParty string `json:"authorized_party"`
	// Version is Clerk's form of the claims, absent for another issuer's.
	Version Version `json:"version,omitzero"`
	// Status is active, pending, or "" where the token says nothing.
	Status string `json:"status"`
	// Organization is the active one, null without one.
	Organization *Organization `json:"organization"`
	// Permissions are those that serve would read from the token, in its order.
	Permissions []string `json:"permissions"`
	// Masks explain the permissions of version 2: one for each feature of the organization.
	Masks []Mask `json:"masks,omitempty"`
	// Features and Plans are null where the claim is absent or cannot be read.
	Features  *Scoped   `json:"features"`
	Plans     *Scoped   `json:"plans"`
	FactorAge FactorAge `json:"factor_age"`
	// Actor is who acts in the user's place, null for nobody.
	Actor        *Actor `json:"actor"`
	Times        []Time `json:"times"`
	CustomClaims Custom `json:"custom_claims"`
	Size         Size   `json:"size"`
	// Notes are what people stumble over, in this package's words.
	Notes []Note `json:"notes"`
	// Check is the answer to a question, if one was asked.
	Check *Check `json:"check,omitempty"`

	session *session.Session
	now     time.Time
	clerk   bool
}

// A Verification is what the keys say, if any were asked. Code and Cause are set for
// Refused alone.
type Verification struct {
	State string        `json:"state"`
	Code  decision.Code `json:"code,omitempty"`
	Cause string        `json:"cause,omitempty"`
}

// An Objection is one reason for serve to refuse the token.
type Objection struct {
	Code  decision.Code `json:"code"`
	Cause string        `json:"cause"`
}

// A Header is what the JOSE header says, and Category what its cat means.
type Header struct {
	Alg      string `json:"alg"`
	Typ      string `json:"typ"`
	Kid      string `json:"kid"`
	Cat      string `json:"cat"`
	Category string `json:"category"`
}

// A Version is the form of the claims, 1 or 2, and why.
type Version struct {
	Number int    `json:"number"`
	Why    string `json:"why"`
}

// An Organization is the active one.
type Organization struct {
	ID   string `json:"id"`
	Slug string `json:"slug"`
	Role string `json:"role"`
}

// A Mask is one row of the table that fea, o.per and o.fpm make.
type Mask struct {
	// Position is the place among the features of the organization, from 1 on.
	Position int    `json:"position"`
	Feature  string `json:"feature"`
	// Mask is as it stands in the token, "" where there is none.
	Mask        string   `json:"mask"`
	Bits        []int    `json:"bits"`
	Permissions []string `json:"permissions"`
	// Problem is missing, malformed, or "": the first two grant nothing.
	Problem string `json:"problem,omitempty"`
	// Unnamed are the bits for which o.per has no name; they grant nothing.
	Unnamed []int `json:"unnamed_bits,omitempty"`
}

// Scoped lists names by who has them.
type Scoped struct {
	Org  []string `json:"org"`
	User []string `json:"user"`
}

// A FactorAge is fva: minutes, -1 for a factor that was not verified, null where the token
// does not say so in the right form.
type FactorAge struct {
	Minutes *[2]float64 `json:"minutes"`
	Meaning string      `json:"meaning"`
}

// An Actor is who acts in the user's place.
type Actor struct {
	Subject string `json:"sub"`
	Session string `json:"sid"`
	Issuer  string `json:"iss"`
	Type    string `json:"type"`
}

// A Time is one of iat, nbf and exp. Time is RFC 3339 and empty with a Problem.
type Time struct {
	Claim    string `json:"claim"`
	Time     string `json:"time,omitempty"`
	Relative string `json:"relative,omitempty"`
	Problem  string `json:"problem,omitempty"`
}

// Custom is what the token says beyond the standard, and the bytes that it takes of the
// payload.
type Custom struct {
	Claims  []Claim `json:"claims"`
	Bytes   int     `json:"bytes"`
	Advised int     `json:"advised"`
}

// A Claim is a custom claim with its value as it stands there.
type Claim struct {
	Name  string         `json:"name"`
	Bytes int            `json:"bytes"`
	Value jsontext.Value `json:"value"`
}

// A Size is the token's length against what has to hold it. What is left is negative where
// it is too long.
type Size struct {
	Bytes       int `json:"bytes"`
	Cookie      int `json:"cookie"`
	CookieLeft  int `json:"cookie_left"`
	Postern     int `json:"postern"`
	PosternLeft int `json:"postern_left"`
}

// A Note is a remark. Codes are stable.
type Note struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// A Check is a question, its decision, and what about the token explains a denial.
type Check struct {
	Question jsontext.Value    `json:"question"`
	Bundle   string            `json:"bundle"`
	Decision decision.Decision `json:"decision"`
	Hints    []Note            `json:"hints"`
}
