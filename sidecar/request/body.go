package request

import (
	"strconv"
	"strings"

	"postern/sidecar/decision"
)

// partialBody is Envoy's word on whether a body was cut (with_request_body). It drops a
// client's own.
const partialBody = "X-Envoy-Auth-Partial-Body"

// bodyWord is what Envoy says of the body: anything at all, and that it is whole.
func (p *Proxied) bodyWord() (said, whole bool) {
	for i := range p.fields {
		if f := &p.fields[i]; f.is(partialBody) {
			said, whole = true, (whole || !said) && f.value == "false"
		}
	}
	return said, whole
}

// fits reports whether a body has as many bytes as its Content-Length promised. One that
// cannot be read promises more than any body has.
func (p *Proxied) fits(body []byte) bool {
	for i := range p.fields {
		f := &p.fields[i]
		if !f.is("content-length") {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(f.value), 10, 63)
		if err != nil || n > uint64(len(body)) {
			return false
		}
	}
	return true
}

// bodiless reports whether a request that came without a body has none: by Envoy's word, or
// by its own headers, which the other doors' proxies need not hand on. Without either, it is
// told by the method whether it may.
func (p Proxied) bodiless() bool {
	envoy := p.Door == decision.DoorExtAuthzHTTP || p.Door == decision.DoorExtAuthzGRPC
	if _, whole := p.bodyWord(); whole && envoy { // elsewhere it is the client's word
		return true
	}
	length, stated := p.value("content-length")
	if _, chunked := p.value("transfer-encoding"); chunked && p.Door != decision.DoorExtAuthzHTTP || strings.Trim(length, "0") != "" {
		return false
	}
	switch p.Method {
	case "GET", "HEAD", "OPTIONS", "TRACE", "DELETE":
		return true
	default:
		return stated && p.Door == decision.DoorExtAuthzGRPC
	}
}
