package request

import (
	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// The headers that the forward-auth door reads, and no others: a client's header of
// another proxy's must not choose what is judged.
const (
	forwardedMethod = "X-Forwarded-Method"
	forwardedURI    = "X-Forwarded-Uri"
	forwardedHost   = "X-Forwarded-Host"
	forwardedProto  = "X-Forwarded-Proto"
)

// ReadForwardAuth reads into p what Traefik, Caddy and HAProxy say of the request before
// them: X-Forwarded-Method and X-Forwarded-Uri, which must be there once, and
// X-Forwarded-Host and X-Forwarded-Proto, which may. The error is an [AmbiguousPath] where
// the path is at fault.
func ReadForwardAuth(p *Proxied, r *fasthttp.Request) (err error) {
	p.Reset()
	p.Door = decision.DoorForwardAuth
	if err = p.readFields(&r.Header); err != nil {
		return err
	}
	var from source
	if from.method, err = p.one(forwardedMethod); err != nil {
		return err
	}
	if from.target, err = p.one(forwardedURI); err != nil {
		return err
	}
	if from.scheme, err = p.optional(forwardedProto); err != nil {
		return err
	}
	if from.host, err = p.optional(forwardedHost); err != nil {
		return err
	}
	return p.described(from)
}
