package token

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/phrase"
)

// Limits of a [Verifier].
const (
	// DefaultMaxBytes is the size limit of a token where none is given.
	DefaultMaxBytes = 8 << 10
	maxMaxBytes     = 1 << 20
	// MaxClockSkew is the largest difference of clocks that an [Issuer] may allow.
	MaxClockSkew = 10 * time.Minute
)

// An Issuer is one source of tokens and what is expected of them.
type Issuer struct {
	// Issuer is compared with iss, byte by byte. It is never empty.
	Issuer string
	// Keys verify this issuer's tokens, and no other's.
	Keys *Keys
	// AuthorizedParties lists what azp may be. AnyParty, instead of a list, drops the check.
	AuthorizedParties []string
	AnyParty          bool
	// Audience lists what aud must name one of. Empty: aud is not looked at.
	Audience []string
	// Algorithms lists what alg may be, of RS, PS and ES with 256, 384 or 512, and EdDSA.
	// Empty: RS256 alone.
	Algorithms []string
	// ClockSkew is how far the issuer's clock may be off, in either direction, up to
	// [MaxClockSkew]. Zero is zero.
	ClockSkew time.Duration
}

// An issuer is a checked Issuer that owns its slices.
type issuer struct {
	name       string
	keys       *Keys
	parties    []string
	anyParty   bool
	audience   []string
	algorithms []string
	skew       time.Duration
}

// A Verifier holds the issuers by name. It is immutable; the key sets behind it are not.
type Verifier struct {
	maxBytes int
	issuers  map[string]*issuer
}

// NewVerifier makes a verifier for tokens of at most maxBytes (0: [DefaultMaxBytes]) from
// the given issuers. It reports every mistake in them, joined. Without issuers it is a
// verifier that refuses every token.
func NewVerifier(maxBytes int, issuers ...Issuer) (*Verifier, error) {
	if maxBytes == 0 {
		maxBytes = DefaultMaxBytes
	}
	var errs []error
	if maxBytes < 0 || maxBytes > maxMaxBytes {
		errs = append(errs, fmt.Errorf("token size limit of %d bytes: want 1 to %d", maxBytes, maxMaxBytes))
	}
	v := &Verifier{maxBytes: maxBytes, issuers: make(map[string]*issuer, len(issuers))}
	for i, is := range issuers {
		where := fmt.Sprintf("issuer %d (%s)", i+1, phrase.Quote(is.Issuer))
		for _, err := range is.mistakes() {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
		if _, twice := v.issuers[is.Issuer]; twice {
			errs = append(errs, fmt.Errorf("%s: listed twice", where))
		}
		v.issuers[is.Issuer] = is.own()
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return v, nil
}

// mistakes returns all that is wrong with is by itself.
func (is Issuer) mistakes() []error {
	var errs []error
	wrong := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(is.Issuer == "", "no name")
	wrong(is.Keys == nil, "no keys")
	if is.Keys != nil && is.Keys.invalid != nil {
		errs = append(errs, is.Keys.invalid)
	}
	wrong(len(is.AuthorizedParties) == 0 && !is.AnyParty, "no authorized parties: list them, or say any")
	wrong(len(is.AuthorizedParties) > 0 && is.AnyParty, "authorized parties and any: only one of the two")
	wrong(slices.Contains(is.AuthorizedParties, ""), "an empty authorized party")
	wrong(slices.Contains(is.Audience, ""), "an empty audience")
	wrong(is.ClockSkew < 0 || is.ClockSkew > MaxClockSkew, "clock skew %v: want 0 to %v", is.ClockSkew, MaxClockSkew)
	for _, alg := range is.Algorithms {
		wrong(!knownAlgorithm(alg), "algorithm %s: want one of %v", phrase.Quote(alg), algorithms)
	}
	return errs
}

// own copies is into what the verifier keeps.
func (is Issuer) own() *issuer {
	algs := slices.Clone(is.Algorithms)
	if len(algs) == 0 {
		algs = []string{"RS256"}
	}
	return &issuer{
		name:       is.Issuer,
		keys:       is.Keys,
		parties:    slices.Clone(is.AuthorizedParties),
		anyParty:   is.AnyParty,
		audience:   slices.Clone(is.Audience),
		algorithms: algs,
		skew:       is.ClockSkew,
	}
}

// Verify returns what raw says if everything about it is right at now, or an [*Error]
// with the first thing that is wrong. The order is fixed: form, issuer, algorithm and
// type, key, signature, and only then claims, which nobody vouches for before. The issuer
// is the exception, since it decides which keys may vouch. Verify never waits for the
// network; a key it does not know makes [Keys.Run] look for it.
func (v *Verifier) Verify(raw string, now time.Time) (*Claims, error) {
	c := compacts.Get().(*compact)
	defer c.done()
	if err := c.parse(raw, v.maxBytes); err != nil {
		return nil, refuse(decision.TokenMalformed, "%w", err)
	}
	p, err := parsePayload(c.payload)
	if err != nil {
		return nil, refuse(decision.TokenMalformed, "payload: %w", err)
	}
	if err := c.header.intact(); err != nil {
		return nil, refuse(decision.TokenMalformed, "%w", err)
	}
	is, known := v.issuers[p.iss.value]
	if !known || !p.iss.ok {
		return nil, refuse(decision.TokenIssuer, "iss %s is not a configured issuer", phrase.Quote(p.iss.value))
	}
	if err := c.header.accepted(is.algorithms); err != nil {
		return nil, err
	}
	set, err := is.keys.verify(c)
	if err != nil {
		return nil, err
	}
	return v.believe(is, set, c, p, now)
}

// believe checks the claims of a token whose signature is good.
func (v *Verifier) believe(is *issuer, set *KeySet, c *compact, p payload, now time.Time) (*Claims, error) {
	if p.sub.value == "" {
		return nil, refuse(decision.TokenClaims, "sub is not a non-empty string")
	}
	claims := &Claims{
		Issuer:  is.name,
		Subject: p.sub.value,
		Payload: jsontext.Value(c.payload),
		Size:    c.size,
		issuer:  is,
		keys:    set,
	}
	if err := p.dates(claims); err != nil {
		return nil, err
	}
	if err := v.CheckTimes(claims, now); err != nil {
		return nil, err
	}
	if err := p.party(is.parties, is.anyParty); err != nil {
		return nil, err
	}
	if err := p.audience(is.audience); err != nil {
		return nil, err
	}
	return claims, nil
}

// CheckTimes refuses c, with an [*Error], if its time is over or has not come at now. It
// is to be asked again whenever a verified token is used. A token is expired at exp plus
// the clock skew exactly (RFC 7519 section 4.1.4: "on or after"), and usable from nbf and
// iat minus the skew exactly. Claims that another verifier made are refused: its issuers
// may be configured otherwise.
func (v *Verifier) CheckTimes(c *Claims, now time.Time) error {
	is := v.issuers[c.Issuer]
	if is == nil || is != c.issuer {
		return refuse(decision.TokenIssuer, "verified under another configuration of %s", phrase.Quote(c.Issuer))
	}
	return c.current(is.skew, now)
}

// current refuses c where now is outside its times, give or take the skew.
func (c *Claims) current(skew time.Duration, now time.Time) error {
	if exp := time.Unix(c.Expires, 0); !exp.Add(skew).After(now) {
		return refuse(decision.TokenExpired, "expired at %s", exp.UTC().Format(time.RFC3339))
	}
	if from := time.Unix(c.usableFrom, 0); from.Add(-skew).After(now) {
		return refuse(decision.TokenNotYetValid, "not valid before %s", from.UTC().Format(time.RFC3339))
	}
	return nil
}
