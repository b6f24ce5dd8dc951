package request

import (
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// ExtAuthzPrefix is the path_prefix of Envoy's http_service: what follows is the request's
// own target.
const ExtAuthzPrefix = "/ext_authz"

// FromExtAuthz reads a request of Envoy's HTTP service: the method, the Host and, behind
// the prefix, the target of the request line are those of the request before Envoy; no
// header can say otherwise. The error is an [AmbiguousPath] where the path is at fault.
func FromExtAuthz(r *fasthttp.Request) (Proxied, error) {
	h := &r.Header
	p := Proxied{Door: decision.DoorExtAuthzHTTP}
	var err error
	if p.fields, err = fieldsOf(h); err != nil {
		return p, err
	}
	p.Body = httpBody(r, p.fields)
	target, below := strings.CutPrefix(string(h.RequestURI()), ExtAuthzPrefix)
	if !below {
		return p, errors.New("the target is not below " + ExtAuthzPrefix)
	}
	host := string(h.Host())
	if host == "" {
		return p, errors.New("Host is missing")
	}
	return p, p.described(source{
		method: said{"the method", string(h.Method())},
		host:   said{"Host", host},
		target: said{"the target", target},
	})
}

// httpBody is what Envoy hands on. Its word on whether that is all may be missing: older
// ones send it only where allowed_headers has it.
func httpBody(r *fasthttp.Request, fields []field) *Body {
	raw := r.Body()
	said, whole := bodyWord(fields)
	if len(raw) == 0 && (!said || whole) {
		return nil
	}
	return &Body{Raw: raw, Partial: !whole}
}
