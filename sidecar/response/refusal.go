package response

import (
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// A Deny is how a route refuses a session that may not go on: by another status, or by a
// redirect. The zero value is the usual 403.
type Deny struct {
	Status   int
	Redirect string
}

// A refusal is a denial as a client of the proxy is to get it.
type refusal struct {
	status  int
	headers []decision.Pair
	body    string
}

// set gives a header its one value.
func (r *refusal) set(name, value string) {
	r.headers = slices.DeleteFunc(r.headers, func(p decision.Pair) bool { return strings.EqualFold(p.Name, name) })
	r.headers = append(r.headers, decision.Pair{Name: name, Value: value})
}

// fill gives a header a value where it has none.
func (r *refusal) fill(name, value string) {
	if !has(r.headers, name) {
		r.headers = append(r.headers, decision.Pair{Name: name, Value: value})
	}
}

// Which statuses of a policy a door can send as a denial. To a proxy that asks over HTTP
// the status is the decision, so that a 2xx would allow, and a 1xx is no answer.
var (
	// relayed: what is no 2xx denies.
	relayed = func(status int) bool { return status >= 300 && status <= 599 }
	// judged: 5xx is our failure besides, which lets requests through where Envoy's
	// failure_mode_allow is set.
	judged = func(status int) bool { return status >= 300 && status <= 499 }
)

// refuse is how a denial is sent by a door that can send some statuses. What a policy or a
// route asks for and the door cannot send becomes 403.
func (p Proxy) refuse(a ProxyAnswer, sendable func(status int) bool) refusal {
	r := refusal{body: a.Edits.Body}
	for _, pair := range a.Edits.Headers {
		if pair.Value != "" {
			r.headers = append(r.headers, pair)
		}
	}
	status, location := p.refused(a)
	r.status = status
	// What is configured as the status of an outage is sent as it is.
	if a.Decision.Status != fasthttp.StatusServiceUnavailable && !sendable(status) {
		r.status = fasthttp.StatusForbidden
	}
	if location != "" {
		r.set(fasthttp.HeaderLocation, location)
	}
	if r.status == fasthttp.StatusUnauthorized {
		r.fill(fasthttp.HeaderWWWAuthenticate, challenge(a.Decision))
	}
	// A 404 or a redirect may be cached where nothing forbids it (RFC 9110 section 15.1).
	r.set(fasthttp.HeaderCacheControl, noStore)
	if !a.ID.None() {
		r.set(HeaderDecisionID, a.ID.String())
	}
	if r.body != "" && !has(r.headers, fasthttp.HeaderContentType) {
		r.set(fasthttp.HeaderContentType, "text/plain; charset=utf-8")
		r.set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	}
	return r
}

// refused is the status of a denial, and where it redirects to. A route's own deny is for
// sessions that may not go on, not for those that are missing or for requests that cannot
// be read.
func (p Proxy) refused(a ProxyAnswer) (status int, location string) {
	switch d := a.Decision; {
	case d.Status == fasthttp.StatusUnauthorized && a.SignIn != "":
		return fasthttp.StatusFound, a.SignIn
	case d.Status == fasthttp.StatusUnauthorized, d.Status == fasthttp.StatusBadRequest:
		return d.Status, ""
	case d.Status == fasthttp.StatusServiceUnavailable && p.Unavailable != 0:
		return p.Unavailable, ""
	case d.Status != fasthttp.StatusForbidden:
		return fasthttp.StatusForbidden, ""
	case a.Edits.Status != 0:
		return a.Edits.Status, ""
	case a.Deny.Redirect != "":
		return fasthttp.StatusFound, a.Deny.Redirect
	case a.Deny.Status != 0:
		return a.Deny.Status, ""
	default:
		return fasthttp.StatusForbidden, ""
	}
}

// write sends a refusal over HTTP.
func (r refusal) write(ctx *fasthttp.RequestCtx) {
	h := &ctx.Response.Header
	for _, pair := range r.headers {
		h.Del(pair.Name)
	}
	addAll(h, r.headers)
	ctx.SetStatusCode(r.status)
	ctx.SetBodyString(r.body)
}

// challenge is what a 401 says (RFC 6750 section 3.1): no error where no token was sent.
func challenge(d decision.Decision) string {
	if slices.ContainsFunc(d.Reasons, func(r decision.Reason) bool { return r.Code == decision.TokenMissing }) || d.Status != fasthttp.StatusUnauthorized {
		return "Bearer"
	}
	return `Bearer error="invalid_token"`
}
