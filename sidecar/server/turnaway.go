package server

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// proxyDoors are the doors whose answers proxies relay, by their paths.
var proxyDoors = map[string]decision.Door{
	forwardAuthPath:        decision.DoorForwardAuth,
	authRequestPath:        decision.DoorAuthRequest,
	request.ExtAuthzPrefix: decision.DoorExtAuthzHTTP,
}

// turnAway refuses a request that no door has looked at, ends its connection, and says why
// to an app. Proxies relay what they are told to strangers, and take some statuses for our
// failure, so that they get a status that denies, and no text: why is in the decision log.
func (s *Server) turnAway(ctx *fasthttp.RequestCtx, status int, message string) {
	hangUp(ctx)
	denied := decision.Because(decision.RequestMalformed, message)
	path := doorOf(meant(ctx))
	if unread := s.open[string(path)].unread; unread != nil {
		unread(ctx, status, message)
		return
	}
	door, ok := proxyDoors[string(path)]
	switch {
	case !ok:
		s.metrics.counted(noDoor, denied)
		response.Refusal(ctx, status, message)
		return
	case door == decision.DoorAuthRequest:
		status = fasthttp.StatusForbidden // nginx knows 401 and 403
	case door == decision.DoorExtAuthzHTTP && status >= fasthttp.StatusInternalServerError:
		status = fasthttp.StatusBadRequest
	}
	response.Bare(ctx, s.unseen(s.place(&ctx.Request.Header), door, denied), status)
}

// meant is the target of a request. What cannot be parsed has none for fasthttp, and says
// in its first bytes where it was meant to go; where several came at once, the first does,
// which changes no more than the words of a denial.
func meant(ctx *fasthttp.RequestCtx) []byte {
	target := ctx.Request.Header.RequestURI()
	c, ok := ctx.Conn().(*conn)
	if !ok || len(target) > 1 {
		return target
	}
	_, target, _ = bytes.Cut(c.opening.text[:c.opening.length], []byte{' '})
	target, _, _ = bytes.Cut(target, []byte{' '})
	return target
}
