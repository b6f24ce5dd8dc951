package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"

	"github.com/valyala/fasthttp"

	"postern/sidecar/config"
	"postern/sidecar/openapi"
	"postern/sidecar/response"
)

// openAPIPath is where the description of this listener is.
const openAPIPath = "/openapi.json"

// A description is what the decision listener says of itself. It stays while the process
// runs: what it depends on is read at start.
type description struct {
	body []byte
	etag string
}

// describe makes the description of a configuration's listener.
func describe(c *config.Config) (description, error) {
	listener := openapi.Listener{URL: c.PublicURL, Identity: map[string]string{}}
	for name, open := range map[string]bool{
		"check": c.Doors.Check, "ext_authz": c.Doors.ExtAuthz, "forward_auth": c.Doors.ForwardAuth,
		"auth_request": c.Doors.AuthRequest, "authzen": c.Doors.AuthZEN, "opa": c.Doors.OPA,
	} {
		if open {
			listener.Doors = append(listener.Doors, name)
		}
	}
	if all := cookies(c); len(all) > 0 {
		listener.Cookie = all[0]
	}
	is, usual := c.IdentityHeaders, config.Default().IdentityHeaders
	for _, part := range []struct{ name, usual config.Part }{
		{is.User, usual.User}, {is.Session, usual.Session}, {is.Org, usual.Org}, {is.Role, usual.Role}, {is.Permissions, usual.Permissions},
	} {
		listener.Identity[usual.Name(part.usual)] = is.Name(part.name)
	}
	body, err := listener.Describe()
	if err != nil {
		return description{}, err
	}
	digest := sha256.Sum256(body)
	return description{body: body, etag: `"` + hex.EncodeToString(digest[:16]) + `"`}, nil
}

// serve answers GET /openapi.json. It says nothing of who asks, and needs no credential.
func (d description) serve(ctx *fasthttp.RequestCtx) {
	if !ctx.IsGet() && !ctx.IsHead() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		response.Refusal(ctx, fasthttp.StatusMethodNotAllowed, "the method is GET or HEAD")
		return
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderETag, d.etag)
	h.Set(fasthttp.HeaderCacheControl, "max-age=300")
	if d.held(ctx.Request.Header.PeekAll(fasthttp.HeaderIfNoneMatch)) {
		h.SetNoDefaultContentType(true)
		ctx.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	h.SetContentType("application/json")
	ctx.Response.SetBodyRaw(d.body)
}

// held reports whether a client has this description (RFC 9110 section 13.1.2): tags are
// compared weakly, and no tag of ours has a comma.
func (d description) held(lists [][]byte) bool {
	for _, list := range lists {
		for tag := range bytes.SplitSeq(list, []byte{','}) {
			tag = bytes.TrimPrefix(bytes.Trim(tag, " \t"), []byte("W/"))
			if string(tag) == d.etag || string(tag) == "*" {
				return true
			}
		}
	}
	return false
}
