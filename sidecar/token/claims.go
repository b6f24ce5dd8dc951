package token

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/phrase"
)

// endOfTime is the first second of the year 10000. A date beyond it is a trick or a unit
// mistake (milliseconds), and some readers of such a date compare it wrongly.
const endOfTime = 253402300800

// A payload is what Postern reads of a claims set, before anything in it is believed. The
// raw values alias the decoded token and are nil where the claim is absent.
type payload struct {
	iss, sub, azp      text
	exp, nbf, iat, aud jsontext.Value
}

// parsePayload reads the strictly parsed claims set in data (RFC 7519 section 4).
func parsePayload(data []byte) (payload, error) {
	var p payload
	err := eachMember(data, func(name []byte, value jsontext.Value) error {
		switch string(name) {
		case "iss":
			p.iss = textOf(value)
		case "sub":
			p.sub = textOf(value)
		case "azp":
			p.azp = textOf(value)
		case "exp":
			p.exp = value
		case "nbf":
			p.nbf = value
		case "iat":
			p.iat = value
		case "aud":
			p.aud = value
		}
		return nil
	})
	return p, err
}

// dates fills the times of c: exp is required, nbf and iat are not.
func (p payload) dates(c *Claims) error {
	if p.exp == nil {
		return refuse(decision.TokenClaims, "exp is missing")
	}
	exp, _, err := numericDate(p.exp)
	if err != nil {
		return refuse(decision.TokenClaims, "exp: %w", err)
	}
	c.Expires = exp
	if p.nbf != nil {
		_, up, err := numericDate(p.nbf)
		if err != nil {
			return refuse(decision.TokenClaims, "nbf: %w", err)
		}
		c.NotBefore, c.usableFrom = up, up
	}
	if p.iat != nil {
		down, up, err := numericDate(p.iat)
		if err != nil {
			return refuse(decision.TokenClaims, "iat: %w", err)
		}
		c.IssuedAt, c.usableFrom = down, max(c.usableFrom, up)
	}
	return nil
}

// numericDate reads a NumericDate (RFC 7519 section 2), rounded down and rounded up to
// whole seconds. A fraction is allowed; an exponent, a sign, 0, and anything after the year
// 9999 are not, nor is any type but a number.
func numericDate(value jsontext.Value) (down, up int64, err error) {
	if value.Kind() != '0' {
		return 0, 0, errors.New("not a number")
	}
	whole, fraction, _ := bytes.Cut(value, []byte{'.'})
	if !digits(whole) || !digits(fraction) {
		return 0, 0, errors.New("a number with a sign or an exponent")
	}
	down, err = strconv.ParseInt(string(whole), 10, 64)
	if err != nil || down <= 0 || down >= endOfTime {
		return 0, 0, errors.New("not after 1970-01-01T00:00:00Z and before the year 10000")
	}
	if len(bytes.Trim(fraction, "0")) > 0 {
		return down, down + 1, nil
	}
	return down, down, nil
}

// digits reports whether b holds ASCII digits and nothing else.
func digits(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < '0' || r > '9' })
}

// party refuses a token that was minted for an origin that is not listed. With anyParty
// azp may be absent or say anything, as long as it is a string.
func (p payload) party(listed []string, anyParty bool) error {
	switch {
	case p.azp.present && !p.azp.ok:
		return refuse(decision.TokenAuthorizedParty, "azp is not a string")
	case anyParty:
		return nil
	case !p.azp.present:
		return refuse(decision.TokenAuthorizedParty, "azp is missing")
	case !slices.Contains(listed, p.azp.value):
		return refuse(decision.TokenAuthorizedParty, "azp %s is not an authorized party", phrase.Quote(p.azp.value))
	}
	return nil
}

// audience refuses a token that is not for one of the listed audiences. With none listed
// aud is not read. Otherwise it is a string, or an array of nothing but strings
// (RFC 7519 section 4.1.3), with one that is listed.
func (p payload) audience(listed []string) error {
	if len(listed) == 0 {
		return nil
	}
	if p.aud == nil {
		return refuse(decision.TokenAudience, "aud is missing")
	}
	named := []string{textOf(p.aud).value}
	if p.aud.Kind() != '"' {
		var err error
		if named, err = stringList(p.aud); err != nil {
			return refuse(decision.TokenAudience, "aud: %w", err)
		}
	}
	if !slices.ContainsFunc(named, func(a string) bool { return slices.Contains(listed, a) }) {
		return refuse(decision.TokenAudience, "aud names none of the accepted audiences")
	}
	return nil
}
