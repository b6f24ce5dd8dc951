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

// ReadExtAuthz reads a request of Envoy's HTTP service into p: the method, the Host and,
// behind the prefix, the target of the request line are those of the request before Envoy; no
// header can say otherwise. The error is an [AmbiguousPath] where the path is at fault.
func ReadExtAuthz(p *Proxied, r *fasthttp.Request) error {
	p.Reset()
	p.Door = decision.DoorExtAuthzHTTP
	h := &r.Header
	if err := p.readFields(h); err != nil {
		return err
	}
	p.readHTTPBody(r)
	target, below := strings.CutPrefix(view(h.RequestURI()), ExtAuthzPrefix)
	if !below {
		return errors.New("the target is not below " + ExtAuthzPrefix)
	}
	host := view(h.Host())
	if host == "" {
		return errors.New("Host is missing")
	}
	return p.described(source{
		method: said{"the method", view(h.Method())},
		host:   said{"Host", host},
		target: said{"the target", target},
	})
}

// readHTTPBody reads what Envoy hands on. Its word on whether that is all may be missing:
// older ones send it only where allowed_headers has it.
func (p *Proxied) readHTTPBody(r *fasthttp.Request) {
	raw := r.Body()
	if said, whole := p.bodyWord(); len(raw) > 0 || said && !whole {
		p.hold(raw, !whole)
	}
}
