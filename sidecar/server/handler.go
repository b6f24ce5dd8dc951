package server

import (
	"bytes"
	"errors"
	"maps"
	"net"
	"runtime/debug"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// A door answers one endpoint. It is called with a request that it may keep nothing of.
type door struct {
	name   decision.Door
	method string // empty for any
	serve  func(ctx *fasthttp.RequestCtx)
	// refuse writes a denial for a request that was not looked at: overload, or a panic.
	refuse func(ctx *fasthttp.RequestCtx, id decision.ID, d decision.Decision)
	// unread answers a request that could not be read, and counts it; nil where turnAway does.
	unread func(ctx *fasthttp.RequestCtx, status int, message string)
}

// The paths of two doors of proxies. Envoy's is request.ExtAuthzPrefix.
const (
	forwardAuthPath = "/forward-auth"
	authRequestPath = "/auth-request"
)

// doors are the endpoints of the decision listener by path. Paths are compared as they
// were sent: no decoding, no dot segments, no case folding.
func (s *Server) doors() map[string]door {
	open := map[string]door{}
	if s.config.Doors.Check {
		open["/v1/check"] = door{name: decision.DoorCheck, method: fasthttp.MethodPost, serve: s.check, refuse: response.Decision}
		open["/v1/checks"] = door{name: decision.DoorChecks, method: fasthttp.MethodPost, serve: s.checks, refuse: response.Decision}
		open["/v1/session"] = door{name: decision.DoorSession, method: fasthttp.MethodGet, serve: s.session, refuse: response.NoSession}
	}
	if s.config.Doors.ForwardAuth {
		open[forwardAuthPath] = s.proxyDoor(decision.DoorForwardAuth, s.answers.ForwardAuth, request.ReadForwardAuth)
	}
	if s.config.Doors.AuthRequest {
		open[authRequestPath] = s.proxyDoor(decision.DoorAuthRequest, s.answers.AuthRequest, request.ReadAuthRequest)
	}
	if s.config.Doors.ExtAuthz {
		open[request.ExtAuthzPrefix] = s.proxyDoor(decision.DoorExtAuthzHTTP, s.answers.ExtAuthz, request.ReadExtAuthz)
	}
	if s.config.Doors.AuthZEN {
		maps.Copy(open, s.accessDoors())
	}
	if s.config.Doors.OPA {
		maps.Copy(open, s.opaDoors())
	}
	return open
}

// subtrees are the doors below whose path every other is theirs too: Envoy's, and OPA's.
var subtrees = [...]string{
	request.ExtAuthzPrefix, dataPath, batchPath, dataPathV0, healthPath, "/v1/policies", "/v1/query", "/v1/compile",
}

// doorOf is the key of the door that a request's target leads to: its path, or the one of
// the subtrees that it is in. It is a part of target.
func doorOf(target []byte) []byte {
	for _, prefix := range subtrees {
		n := len(prefix)
		if len(target) >= n && string(target[:n]) == prefix && (len(target) == n || target[n] == '/' || target[n] == '?') {
			return target[:n]
		}
	}
	path, _, _ := bytes.Cut(target, []byte{'?'})
	return path
}

// handler is the way of every request on the decision listener.
func (s *Server) handler() fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if p := ctx.Request.Header.Protocol(); string(p) != "HTTP/1.1" && string(p) != "HTTP/1.0" {
			s.turnAway(ctx, fasthttp.StatusHTTPVersionNotSupported, "HTTP/1.1 is spoken here")
			return
		}
		if status, message := misframed(&ctx.Request.Header); status != 0 {
			s.turnAway(ctx, status, message)
			return
		}
		key := doorOf(ctx.Request.Header.RequestURI())
		lastOfBodiless(ctx, key)
		if string(key) == openAPIPath {
			s.description.serve(ctx)
			return
		}
		d, ok := s.open[string(key)]
		if !ok {
			response.Refusal(ctx, fasthttp.StatusNotFound, "no such endpoint")
			return
		}
		if d.method != "" && string(ctx.Method()) != d.method {
			ctx.Response.Header.Set(fasthttp.HeaderAllow, d.method)
			response.Refusal(ctx, fasthttp.StatusMethodNotAllowed, "the method is "+d.method)
			return
		}
		s.enter(ctx, d)
	}
}

// enter serves a request at an HTTP door, within the limit on concurrency.
func (s *Server) enter(ctx *fasthttp.RequestCtx, d door) {
	s.admitted(d.name, func() { d.serve(ctx) }, func(code decision.Code) {
		ctx.Response.Reset()
		s.refuse(ctx, d, code)
	})
}

// admitted serves a request, or refuses it: where serving panics, and at once where more are
// decided than may be, since an unbounded queue would answer nobody in time.
func (s *Server) admitted(door decision.Door, serve func(), refuse func(decision.Code)) {
	defer func() {
		if p := recover(); p != nil {
			s.metrics.panics.Inc()
			s.log.Error("handler panicked", "door", door, "panic", p, "stack", string(debug.Stack()))
			refuse(decision.PolicyError)
		}
	}()
	defer s.inFlight.Add(-1)
	if s.inFlight.Add(1) > int64(s.config.Limits.Concurrency) {
		refuse(decision.Overloaded)
		return
	}
	serve()
}

// Why a request was not read.
const (
	bodyTooLarge   = "the body is longer than limits.body"
	headersTooLong = "the headers are longer than limits.header"
)

// unreadable answers what fasthttp could not parse, in place of its bare texts, and
// closes the connection.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var network *net.OpError
	switch {
	case errors.As(err, &small):
		s.turnAway(ctx, fasthttp.StatusRequestHeaderFieldsTooLarge, headersTooLong)
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		s.turnAway(ctx, fasthttp.StatusRequestEntityTooLarge, bodyTooLarge)
	case errors.As(err, &network) && network.Timeout():
		s.turnAway(ctx, fasthttp.StatusRequestTimeout, "the request did not arrive in time")
	default:
		s.turnAway(ctx, fasthttp.StatusBadRequest, "no readable HTTP/1.1 request")
	}
}
