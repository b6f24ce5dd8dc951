package token

import (
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
)

// An Inspection is what a token says about itself. Nobody vouches for any of it.
type Inspection struct {
	// Header and Payload are the objects as they were signed. Payload is nil if it is not
	// a strict JSON object.
	Header, Payload jsontext.Value
	// Algorithm, Type, Category and KeyID are the header's alg, typ, cat and kid, Issuer is
	// the payload's iss; each is empty where it is absent or not a string.
	Algorithm, Type, Category, KeyID, Issuer string

	header  header
	payload payload
}

// Inspect takes raw apart without verifying anything, for diagnostics. The error says in
// what way raw is not a strict compact JWS with a claims set; what could be read up to
// there is returned with it. The size limit is 1 MiB, not a verifier's.
func Inspect(raw string) (Inspection, error) {
	c, err := parseCompact(raw, maxMaxBytes)
	if err != nil {
		return Inspection{}, err
	}
	in := Inspection{
		Header:    c.head,
		Algorithm: c.header.alg.value,
		Type:      c.header.typ.value,
		Category:  c.header.cat.value,
		KeyID:     c.header.kid.value,
		header:    c.header,
	}
	p, err := parsePayload(c.payload)
	if err != nil {
		return in, fmt.Errorf("payload: %w", err)
	}
	in.Payload, in.Issuer, in.payload = c.payload, p.iss.value, p
	return in, c.header.intact()
}

// Objections are what a verifier would hold against the token whoever signed it, each an
// [*Error]: its header under these algorithms (none: RS256 alone), its user, and its times
// at now. They are complete only where [Inspect] had no error; a verifier stops at the
// first.
func (in Inspection) Objections(algorithms []string, skew time.Duration, now time.Time) []error {
	if len(algorithms) == 0 {
		algorithms = []string{"RS256"}
	}
	var all []error
	if in.Header != nil {
		all = append(all, in.header.signedBy(algorithms), in.header.ofSession())
	}
	if in.Payload != nil {
		if in.payload.sub.value == "" {
			all = append(all, refuse(decision.TokenClaims, "sub is not a non-empty string"))
		}
		var c Claims
		err := in.payload.dates(&c)
		if err == nil {
			err = c.current(skew, now)
		}
		all = append(all, err)
	}
	return slices.DeleteFunc(all, func(err error) bool { return err == nil })
}
