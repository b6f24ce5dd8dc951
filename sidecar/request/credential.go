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
	return fromCookies(h.PeekAll(fasthttp.HeaderCookie), cookies)
}

// Credential is [FindCredential] on the headers that a proxy handed on.
func (p Proxied) Credential(cookies []string) Credential {
	var authorization, cookie [][]byte
	for _, f := range p.fields {
		switch {
		case f.is("authorization"):
			authorization = append(authorization, f.value)
		case f.is("cookie"):
			cookie = append(cookie, f.value)
		}
	}
	if len(authorization) > 0 {
		return fromAuthorization(authorization)
	}
	return fromCookies(cookie, cookies)
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
func fromCookies(headers [][]byte, names []string) Credential {
	var token []byte
	found := false
	for _, header := range headers {
		for pair := range bytes.SplitSeq(header, []byte{';'}) {
			if joinedWith(pair, names) {
				return Credential{Code: decision.CredentialsAmbiguous}
			}
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

// joinedWith reports whether a cookie of the given names stands beside something else, with a
// comma between them: Envoy joins several Cookie headers so.
func joinedWith(pair []byte, names []string) bool {
	if bytes.IndexByte(pair, ',') < 0 {
		return false
	}
	for part := range bytes.SplitSeq(pair, []byte{','}) {
		if name, _, ok := bytes.Cut(bytes.Trim(part, " \t"), []byte{'='}); ok && named(name, names) {
			return true
		}
	}
	return false
}

func named(name []byte, names []string) bool {
	for _, n := range names {
		if string(name) == n {
			return true
		}
	}
	return false
}
