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

// ReadAuthRequest reads into p what an nginx configuration says of the request before it:
// X-Original-Method, and either X-Original-URI (path and query) or X-Original-URL
// (absolute), each once. Both are one too many: nginx passes on what its configuration
// does not overwrite, so one of them may be the client's. The error is an [AmbiguousPath]
// where the path is at fault.
func ReadAuthRequest(p *Proxied, r *fasthttp.Request) (err error) {
	p.Reset()
	p.Door = decision.DoorAuthRequest
	if err = p.readFields(&r.Header); err != nil {
		return err
	}
	var from source
	if from.method, err = p.one(originalMethod); err != nil {
		return err
	}
	relative, absolute := p.has(originalURI), p.has(originalURL)
	switch {
	case relative && absolute:
		return errors.New(originalURI + " and " + originalURL + " are both there")
	case absolute:
		var url said
		if url, err = p.one(originalURL); err != nil {
			return err
		}
		if err = from.split(url); err != nil {
			return err
		}
	default:
		if from.target, err = p.one(originalURI); err != nil {
			return err
		}
	}
	return p.described(from)
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
	if joinedURLs(rest[end:], scheme) {
		return errors.New(url.name + " seems to be several, joined by a comma")
	}
	from.scheme = said{url.name, scheme}
	from.host = said{url.name, rest[:end]}
	from.target = said{url.name, rest[end:]}
	return nil
}

// joinedURLs reports whether another URL of the scheme stands behind a comma.
func joinedURLs(s, scheme string) bool {
	for {
		_, after, found := strings.Cut(s, ",")
		if !found {
			return false
		}
		if rest, ok := strings.CutPrefix(after, scheme); ok && strings.HasPrefix(rest, "://") {
			return true
		}
		s = after
	}
}
