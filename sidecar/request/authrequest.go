package request

import (
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// The headers that the auth-request door reads, and no others.
const (
	originalMethod = "X-Original-Method"
	originalURI    = "X-Original-Uri"
	originalURL    = "X-Original-Url"
)

// FromAuthRequest reads what an nginx configuration says of the request before it:
// X-Original-Method, and either X-Original-URI (path and query) or X-Original-URL
// (absolute), each once. Both are one too many: nginx passes on what its configuration
// does not overwrite, so one of them may be the client's. The error is an [AmbiguousPath]
// where the path is at fault.
func FromAuthRequest(h *fasthttp.RequestHeader) (Proxied, error) {
	p := Proxied{Door: decision.DoorAuthRequest}
	var err error
	if p.fields, err = fieldsOf(h); err != nil {
		return p, err
	}
	var from source
	if from.method, err = p.one(originalMethod); err != nil {
		return p, err
	}
	relative, absolute := p.has(originalURI), p.has(originalURL)
	switch {
	case relative && absolute:
		return p, errors.New(originalURI + " and " + originalURL + " are both there")
	case absolute:
		var url said
		if url, err = p.one(originalURL); err != nil {
			return p, err
		}
		if err = from.split(url); err != nil {
			return p, err
		}
	default:
		if from.target, err = p.one(originalURI); err != nil {
			return p, err
		}
	}
	return p, p.described(from)
}

// split takes an absolute URL apart, as text: what stands behind the authority is the raw
// target. One without a path is refused as a path like any other.
func (from *source) split(url said) error {
	scheme, rest, _ := strings.Cut(url.value, "://")
	if scheme == "" || rest == "" {
		return errors.New(url.name + " is no absolute URL")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if rest[:end] == "" {
		return errors.New(url.name + " has no host")
	}
	if strings.Contains(rest[end:], ","+scheme+"://") {
		return errors.New(url.name + " seems to be several, joined by a comma")
	}
	from.scheme = said{url.name, scheme}
	from.host = said{url.name, rest[:end]}
	from.target = said{url.name, rest[end:]}
	return nil
}
