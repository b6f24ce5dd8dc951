package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// forwardAuth answers /forward-auth, for Traefik, Caddy and HAProxy.
func (s *Server) forwardAuth(ctx *fasthttp.RequestCtx) {
	a := s.begin(ctx, request.ForwardAuth)
	asked, err := request.FromForwardAuth(&ctx.Request.Header)
	d, deny := s.routed(&a, asked, err)
	s.record(a, nil, nil, d)
	response.ForwardAuth(ctx, a.id, d, deny)
}

// routed decides on a request that a proxy asks about, or that it failed to describe.
func (s *Server) routed(a *asking, asked request.Proxied, unreadable error) (decision.Decision, response.Deny) {
	a.proxied = &asked
	var ambiguous request.AmbiguousPath
	switch {
	case errors.As(unreadable, &ambiguous):
		return decision.Because(decision.PathAmbiguous, unreadable.Error()), response.Deny{}
	case unreadable != nil:
		return decision.Because(decision.RequestMalformed, unreadable.Error()), response.Deny{}
	case a.snapshot == nil:
		return decision.Because(decision.NotReady, ""), response.Deny{}
	}
	d, governs, cause := a.snapshot.policy.Route(context.Background(), a.input, asked)
	s.complain(*a, d, cause)
	if governs.Route == nil {
		return d, response.Deny{}
	}
	a.pattern = governs.Route.Match
	if broken(d) {
		return d, response.Deny{}
	}
	return d, response.Deny(governs.Route.Deny)
}

// broken reports whether it is policy that failed, and not the session.
func broken(d decision.Decision) bool {
	return slices.ContainsFunc(d.Reasons, func(r decision.Reason) bool {
		return r.Code == decision.PolicyError || r.Code == decision.PolicyTimeout || r.Code == decision.PolicyUndefined
	})
}

// complain logs what kept policy from an answer.
func (s *Server) complain(a asking, d decision.Decision, cause error) {
	if cause == nil {
		return
	}
	level := slog.LevelWarn
	if d.Reasons[0].Code == decision.PolicyUndefined {
		level = slog.LevelDebug // OPA policies without a default deny so all day
	}
	s.log.Log(context.Background(), level, "policy", "decision", a.id, "reason", d.Reasons[0].Code, "error", cause)
}

// refuseProxy denies a request that was not looked at.
func refuseProxy(ctx *fasthttp.RequestCtx, id string, d decision.Decision) {
	response.ForwardAuth(ctx, id, d, response.Deny{})
}
