package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"postern/sidecar/phrase"
)

// algorithms are the signature algorithms that an issuer may use (RFC 7518 section 3.1,
// RFC 8037): all asymmetric.
var algorithms = []string{
	"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
}

// Algorithms returns the signature algorithms that issuers[].algorithms may name.
func Algorithms() []string { return slices.Clone(algorithms) }

// MaxClockSkew is the largest issuers[].clock_skew: a larger difference of clocks is
// rather a mistake.
const MaxClockSkew = 10 * time.Minute

func (k checker) issuers() {
	if len(k.Issuers.List) == 0 && !k.Issuers.None {
		k.needs("issuers", "none is given: say --issuer with its keys and authorized parties, or issuers in the file (the word %s makes every session null)", None)
	}
	if len(k.Issuers.List) > 0 && k.Issuers.None {
		k.wrong("issuers", "%s contradicts a list of issuers", None)
	}
	for i, issuer := range k.Issuers.List {
		key := index("issuers", i)
		k.issuer(key, issuer)
		for j, other := range k.Issuers.List[:i] {
			if issuer.Issuer != "" && issuer.Issuer == other.Issuer {
				k.wrong(join(key, "issuer"), "%s is given twice, first by %s", show(issuer.Issuer), index("issuers", j))
			}
		}
	}
}

func (k checker) issuer(key string, i Issuer) {
	if i.Issuer == "" {
		k.needs(join(key, "issuer"), "is missing: say the exact iss of its tokens")
	}
	k.optional(join(key, "issuer"), i.Issuer, checkIssuerName)
	k.keys(key, i)
	k.parties(join(key, "authorized_parties"), i.AuthorizedParties)
	if i.Audience != nil && len(i.Audience) == 0 {
		k.wrong(join(key, "audience"), "is empty: name at least one, or leave it out to accept any")
	}
	k.unique(join(key, "audience"), i.Audience, checkName)
	if len(i.Algorithms) == 0 {
		k.wrong(join(key, "algorithms"), "is empty: name at least one")
	}
	k.unique(join(key, "algorithms"), i.Algorithms, checkAlgorithm)
	k.claims(join(key, "claims"), i.Claims)
	k.must(join(key, "cookie"), checkCookie(i.Cookie))
	if i.ClockSkew < 0 || i.ClockSkew > MaxClockSkew {
		k.wrong(join(key, "clock_skew"), "%s is not from 0s to %s", i.ClockSkew, MaxClockSkew)
	}
}

// keys wants exactly one source of keys.
func (k checker) keys(key string, i Issuer) {
	jwks, pem := join(key, "jwks"), join(key, "public_key")
	switch {
	case i.JWKS != "" && i.PublicKey != "":
		k.wrong(pem, "stands beside jwks: an issuer has one or the other")
	case i.JWKS == "" && i.PublicKey == "" && !k.blames(pem) && !slices.Contains(k.misspelt, pem):
		k.needs(jwks, "neither jwks nor public_key is given: an issuer needs one of them")
	}
	k.optional(pem, i.PublicKey, checkPath)
	if i.Remote() {
		k.must(jwks, checkSecureURL(i.JWKS))
		return
	}
	k.optional(jwks, i.JWKS, checkPath)
}

func (k checker) parties(key string, p Parties) {
	switch {
	case p.Any && len(p.Origins) > 0:
		k.wrong(key, "any contradicts a list of origins")
	case !p.Any && len(p.Origins) == 0:
		k.needs(key, "no authorized party is given: list the origins that tokens may be made for, or say any")
	}
	k.unique(key, p.Origins, checkOrigin)
}

func (k checker) claims(key string, c Claims) {
	switch c.Profile {
	case ClaimsClerk, ClaimsOIDC:
		return
	case ClaimsMapping:
	default:
		k.wrong(key, "is neither clerk, oidc nor a mapping")
		return
	}
	m := c.Mapping
	if m == (Mapping{}) {
		k.wrong(key, "is an empty mapping: no session would have more than its user")
	}
	for _, p := range []struct{ key, pointer string }{
		{"user_id", m.UserID}, {"session_id", m.SessionID}, {"status", m.Status},
		{"org.id", m.Org.ID}, {"org.slug", m.Org.Slug}, {"org.role", m.Org.Role}, {"org.permissions", m.Org.Permissions},
		{"features.org", m.Features.Org}, {"features.user", m.Features.User},
		{"plans.org", m.Plans.Org}, {"plans.user", m.Plans.User},
		{"metadata", m.Metadata}, {"actor", m.Actor}, {"factor_age", m.FactorAge},
	} {
		k.optional(join(key, p.key), p.pointer, checkPointer)
	}
	if m.Org.ID == "" && m.Org != (OrgMapping{}) {
		k.lacks(join(key, "org.id"), "is missing beside other members of org")
	}
}

var escapes = regexp.MustCompile(`~(?:[^01]|$)`)

// checkPointer checks a JSON pointer's form (RFC 6901 section 3).
func checkPointer(pointer string) error {
	if !strings.HasPrefix(pointer, "/") {
		return fmt.Errorf("%s is no JSON pointer: it must begin with a slash", show(pointer))
	}
	if escapes.MatchString(pointer) {
		return fmt.Errorf("%s is no JSON pointer: ~ must be written ~0, and a slash within a name ~1", show(pointer))
	}
	if hasControl(pointer) {
		return fmt.Errorf("%s has control characters", show(pointer))
	}
	return nil
}

// checkIssuerName accepts any text that can be compared: iss is a URL with Clerk, and
// whatever its issuer likes elsewhere.
func checkIssuerName(name string) error {
	if hasControl(name) || strings.ContainsFunc(name, unicode.IsSpace) {
		return fmt.Errorf("%s has spaces or control characters", show(name))
	}
	if looksSecret(name) {
		return errors.New("is a secret: want the iss of its tokens, such as https://clerk.example.com")
	}
	if isURL(name) {
		if _, err := checkURL(name, "https", "http"); err != nil {
			return err
		}
	}
	return nil
}

func checkAlgorithm(name string) error {
	if slices.Contains(algorithms, name) {
		return nil
	}
	if strings.HasPrefix(name, "HS") {
		return fmt.Errorf("%s is not supported: whoever can verify with a shared secret can sign", show(name))
	}
	return fmt.Errorf("%s is not supported: want one of %s%s", show(name), strings.Join(algorithms, ", "), phrase.DidYouMean(phrase.Suggest(name, algorithms)))
}

var origin = regexp.MustCompile(`^([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?$`)

// checkOrigin wants what a browser sends as Origin, which azp repeats.
func checkOrigin(text string) error {
	m := origin.FindStringSubmatch(text)
	switch {
	case m != nil:
	case strings.Contains(text, "*"):
		return fmt.Errorf("%s is no origin: there are no patterns; list the origins, or say any", show(text))
	case strings.Contains(text, ","):
		return fmt.Errorf("%s is no origin: give several one by one", show(text))
	case origin.MatchString(strings.ToLower(text)):
		return fmt.Errorf("%s is no origin: browsers write it in lower case", show(text))
	case isURL(text):
		return fmt.Errorf("%s is no origin: want scheme://host[:port] without a path, not even a slash", show(text))
	default:
		return fmt.Errorf("%s is no origin: want scheme://host[:port]", show(text))
	}
	if m[1] == "https" && m[3] == "443" || m[1] == "http" && m[3] == "80" {
		return fmt.Errorf("%s is no origin: browsers leave the scheme's own port out", show(text))
	}
	if m[3] == "" {
		return nil
	}
	if n, err := parseWhole(m[3]); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%s is no origin: the port must be a number from 1 to 65535", show(text))
	}
	return nil
}

// cookieName is a token (RFC 6265 section 4.1.1, RFC 9110 section 5.6.2).
var cookieName = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$")

func checkCookie(name string) error {
	if looksSecret(name) {
		return errors.New("is a secret or a token: want the name of a cookie")
	}
	if cookieName.MatchString(name) {
		return nil
	}
	return fmt.Errorf("%s is no name of a cookie: want letters, digits and -_.!#$%%&'*+^`|~", show(name))
}
