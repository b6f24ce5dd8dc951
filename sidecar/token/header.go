package token

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/phrase"
)

// SessionCategory is the cat header of Clerk's session tokens. Templates, machine tokens
// and tokens whose class is not stated carry other values.
const SessionCategory = "cl_B7d4PD111AAA"

// A header is what Postern reads of a JOSE header. The members jku, jwk, x5u and x5c are
// never read, whether they are there or not: a key comes from the configuration or not
// at all (RFC 8725 section 3.10).
type header struct {
	alg, typ, cat, kid text
	// extension names a member that changes what a signature means, if there is one.
	extension string
}

// parseHeader reads the strictly parsed object in data. What its members must say is
// judged later, by [header.intact] and [header.accepted].
func parseHeader(data []byte) (header, error) {
	var h header
	err := eachMember(data, func(name []byte, value jsontext.Value) error {
		switch string(name) {
		case "alg":
			h.alg = textOf(value)
		case "typ":
			h.typ = textOf(value)
		case "cat":
			h.cat = textOf(value)
		case "kid":
			h.kid = textOf(value)
		case "crit", "b64":
			h.extension = string(name)
		}
		return nil
	})
	return h, err
}

// intact refuses a header that no JWS of ours can have. Any crit is refused, also an
// empty one: no extension is understood (RFC 7515 section 4.1.11). So is any b64, with or
// without crit (RFC 7797 section 6).
func (h header) intact() error {
	if h.extension != "" {
		return fmt.Errorf("header: the extension %s is not understood", h.extension)
	}
	if h.kid.present && !h.kid.ok {
		return errors.New("header: kid is not a string")
	}
	return nil
}

// accepted refuses a header whose algorithm is not in the issuer's list, or that does not
// say it is a session token.
func (h header) accepted(algorithms []string) error {
	if err := h.signedBy(algorithms); err != nil {
		return err
	}
	return h.ofSession()
}

// signedBy refuses an algorithm that is not listed.
func (h header) signedBy(algorithms []string) error {
	if !h.alg.ok || !slices.Contains(algorithms, h.alg.value) {
		return refuse(decision.TokenAlgorithm, "alg %s is not accepted from this issuer", phrase.Quote(h.alg.value))
	}
	return nil
}

// ofSession refuses a header that does not say it is a session token's. typ is compared
// exactly: RFC 7515 section 4.1.9 lets media types ignore case, but RFC 7519 section 5.1
// recommends this spelling, and no issuer of session tokens writes another.
func (h header) ofSession() error {
	if h.typ.present && (!h.typ.ok || h.typ.value != "JWT") {
		return refuse(decision.TokenType, "typ %s is not JWT", phrase.Quote(h.typ.value))
	}
	if h.cat.present && (!h.cat.ok || h.cat.value != SessionCategory) {
		return refuse(decision.TokenType, "cat %s is not a session's", phrase.Quote(h.cat.value))
	}
	return nil
}
