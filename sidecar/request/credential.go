package request

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// A Credential is the session token that came with a request, or why there is none:
// exactly one of the members is set. It owns its memory.
type Credential struct {
	Token string
	Code  decision.Code
}

// FindCredential looks for the token. A request with an Authorization header brings it
// there and nowhere else, even if what stands there is bad: the scheme must be Bearer,
// in any case (RFC 6750 section 2.1, RFC 9110 section 11.1). Without the header, the
// cookies of the given names are read. Several values that differ are ambiguous.
func FindCredential(h *fasthttp.RequestHeader, cookies []string) Credential {
	if values := h.PeekAll(fasthttp.HeaderAuthorization); len(values) > 0 {
		return fromAuthorization(values)
	}
	return fromCookies(h, cookies)
}

func fromAuthorization(values [][]byte) Credential {
	for _, v := range values[1:] {
		if !bytes.Equal(v, values[0]) {
			return Credential{Code: decision.CredentialsAmbiguous}
		}
	}
	scheme, token, _ := bytes.Cut(values[0], []byte{' '})
	if !bytes.EqualFold(scheme, []byte("bearer")) {
		return Credential{Code: decision.TokenMalformed}
	}
	// RFC 9110 section 11.4 lets one or more spaces stand before the token.
	token = bytes.Trim(token, " ")
	if len(token) == 0 {
		return Credential{Code: decision.TokenMissing}
	}
	if bytes.IndexByte(token, ',') >= 0 {
		// Proxies join repeated headers with a comma, which no token has.
		return Credential{Code: decision.CredentialsAmbiguous}
	}
	return Credential{Token: string(token)}
}

// fromCookies reads every Cookie header itself: a client may send a name twice, in one
// header or in several, and each copy counts.
func fromCookies(h *fasthttp.RequestHeader, names []string) Credential {
	var token []byte
	found := false
	for _, header := range h.PeekAll(fasthttp.HeaderCookie) {
		for pair := range bytes.SplitSeq(header, []byte{';'}) {
			name, value, ok := bytes.Cut(bytes.Trim(pair, " \t"), []byte{'='})
			if !ok || !named(name, names) {
				continue
			}
			if found && !bytes.Equal(token, value) {
				return Credential{Code: decision.CredentialsAmbiguous}
			}
			token, found = value, true
		}
	}
	if len(token) == 0 {
		return Credential{Code: decision.TokenMissing}
	}
	return Credential{Token: string(token)}
}

func named(name []byte, names []string) bool {
	for _, n := range names {
		if string(name) == n {
			return true
		}
	}
	return false
}
