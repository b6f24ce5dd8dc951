package request

import (
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// A Credential is the session token that came with a request, or why there is none:
// exactly one of the members is set. The token is the request's memory, and changes once the
// door has answered: whoever keeps it clones it.
type Credential struct {
	Token string
	Code  decision.Code
}

// FindCredential looks for the token. A request with an Authorization header brings it
// there and nowhere else, even if what stands there is bad: the scheme must be Bearer,
// in any case (RFC 6750 section 2.1, RFC 9110 section 11.1). Without the header, the
// cookies of the given names are read. Several values that differ are ambiguous.
func FindCredential(h *fasthttp.RequestHeader, cookies []string) Credential {
	var found finder
	for _, value := range h.PeekAll(fasthttp.HeaderAuthorization) {
		found.authorization(view(value))
	}
	if !found.authorized {
		found.cookies(h, cookies)
	}
	return found.credential()
}

// FindCookie is [FindCredential] without the Authorization header, which is the client's own
// where clients bring tokens: the session then comes in a cookie alone.
func FindCookie(h *fasthttp.RequestHeader, cookies []string) Credential {
	var found finder
	found.cookies(h, cookies)
	return found.credential()
}

// Credential is [FindCredential] on the headers that a proxy handed on.
func (p *Proxied) Credential(cookies []string) Credential {
	var found finder
	for i := range p.fields {
		if f := &p.fields[i]; f.is("authorization") {
			found.authorization(f.value)
		}
	}
	if !found.authorized {
		for i := range p.fields {
			if f := &p.fields[i]; f.is("cookie") {
				found.cookie(f.value, cookies)
			}
		}
	}
	return found.credential()
}

// A finder is told of headers one by one.
type finder struct {
	// value is that of the Authorization header, or the token of a cookie.
	value string
	// authorized is whether there was an Authorization header, and seen whether there was a
	// cookie; ambiguous is whether there were two that differ.
	authorized, seen, ambiguous bool
}

func (f *finder) authorization(value string) {
	if f.authorized && value != f.value {
		f.ambiguous = true
	}
	f.value, f.authorized = value, true
}

// cookies reads every Cookie header of a request.
func (f *finder) cookies(h *fasthttp.RequestHeader, names []string) {
	for _, value := range h.PeekAll(fasthttp.HeaderCookie) {
		f.cookie(view(value), names)
	}
}

// cookie reads a Cookie header: a client may send a name twice, in one header or in several,
// and each copy counts.
func (f *finder) cookie(header string, names []string) {
	for more := true; more; {
		var pair string
		pair, header, more = strings.Cut(header, ";")
		if joinedWith(pair, names) {
			f.ambiguous = true
		}
		name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !ok || !named(name, names) {
			continue
		}
		if f.seen && value != f.value {
			f.ambiguous = true
		}
		f.value, f.seen = value, true
	}
}

// credential is what was found.
func (f *finder) credential() Credential {
	switch {
	case f.ambiguous:
		return Credential{Code: decision.CredentialsAmbiguous}
	case f.authorized:
		return bearer(f.value)
	case f.value == "":
		return Credential{Code: decision.TokenMissing}
	default:
		return Credential{Token: f.value}
	}
}

// bearer reads the value of an Authorization header.
func bearer(value string) Credential {
	scheme, token, _ := strings.Cut(value, " ")
	if !SameName(scheme, "bearer") {
		return Credential{Code: decision.TokenMalformed}
	}
	// RFC 9110 section 11.4 lets one or more spaces stand before the token.
	token = strings.Trim(token, " ")
	if token == "" {
		return Credential{Code: decision.TokenMissing}
	}
	if strings.IndexByte(token, ',') >= 0 {
		// Proxies join repeated headers with a comma, which no token has.
		return Credential{Code: decision.CredentialsAmbiguous}
	}
	return Credential{Token: token}
}

// joinedWith reports whether a cookie of the given names stands beside something else, with a
// comma between them: Envoy joins several Cookie headers so.
func joinedWith(pair string, names []string) bool {
	if strings.IndexByte(pair, ',') < 0 {
		return false
	}
	for part := range strings.SplitSeq(pair, ",") {
		if name, _, ok := strings.Cut(strings.Trim(part, " \t"), "="); ok && named(name, names) {
			return true
		}
	}
	return false
}

func named(name string, names []string) bool {
	for _, n := range names {
		if name == n {
			return true
		}
	}
	return false
}
