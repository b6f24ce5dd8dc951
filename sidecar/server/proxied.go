package server

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/valyala/fasthttp"

	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// ProxyAnswers is how a configuration has proxies answered.
func ProxyAnswers(c *config.Config) response.Proxy {
	h := c.IdentityHeaders
	return response.Proxy{
		Identity: response.IdentityHeaders{
			User: h.Name(h.User), Session: h.Name(h.Session), Org: h.Name(h.Org), Role: h.Name(h.Role), Permissions: h.Name(h.Permissions),
		},
		Unavailable: c.UnavailableStatus,
	}
}

// proxyDoor is a door of HTTP that proxies ask at: how it reads a request, and how it
// answers.
func (s *Server) proxyDoor(name decision.Door, answer func(*fasthttp.RequestCtx, response.ProxyAnswer), read func(*request.Proxied, *fasthttp.Request) error) door {
	return door{
		name: name,
		serve: func(ctx *fasthttp.RequestCtx) {
			asked := borrow()
			err := read(asked, &ctx.Request)
			answer(ctx, s.proxied(context.Background(), asked, err))
			giveBack(asked)
		},
		refuse: func(ctx *fasthttp.RequestCtx, id decision.ID, d decision.Decision) {
			answer(ctx, response.ProxyAnswer{ID: id, Decision: d})
		},
	}
}

// described are requests that were answered, for the next ones to be read into.
var described = sync.Pool{New: func() any { return new(request.Proxied) }}

func borrow() *request.Proxied { return described.Get().(*request.Proxied) }

// giveBack ends the use of a request and of all that looks into it. One that a panic leaves
// behind is not given back.
func giveBack(asked *request.Proxied) {
	asked.Reset()
	described.Put(asked)
}

// proxied is the way of every request that a proxy asks about, or that it failed to
// describe. The request is not the answer's: what it keeps of it, it has copied.
func (s *Server) proxied(ctx context.Context, asked *request.Proxied, unreadable error) response.ProxyAnswer {
	a := s.beginWith(asked.Door, asked.Credential(s.cookies))
	a.proxied, a.place = asked, s.proxiedPlace(ctx, asked)
	answer := response.ProxyAnswer{ID: a.id}
	if fault := s.fault(a, unreadable); fault != nil {
		answer.Decision = *fault
	} else {
		s.route(ctx, &a, &answer)
	}
	if answer.Decision.Status == fasthttp.StatusUnauthorized && s.config.SignInURL != "" && asked.Page() {
		answer.SignIn = response.SignIn(s.config.SignInURL, asked.ReturnURL())
	}
	if d := s.record(&a, noItem, nil, answer.Decision); denies(d) && answer.Decision.Allow {
		answer = response.ProxyAnswer{ID: a.id, Decision: d}
	}
	return answer
}

// fault is the denial of a request that is not put to policy.
func (s *Server) fault(a asking, unreadable error) *decision.Decision {
	because := func(code decision.Code, message string) *decision.Decision {
		d := decision.Because(code, message)
		return &d
	}
	if unreadable != nil {
		var ambiguous request.AmbiguousPath
		if errors.As(unreadable, &ambiguous) {
			return because(decision.PathAmbiguous, unreadable.Error())
		}
		return because(decision.RequestMalformed, unreadable.Error())
	}
	if err := a.proxied.CheckIdentity(s.identity); err != nil {
		return because(decision.RequestMalformed, err.Error())
	}
	if err := a.proxied.CheckUpgrade(); err != nil {
		return because(decision.RequestMalformed, err.Error())
	}
	if a.snapshot == nil {
		return because(decision.NotReady, "")
	}
	return nil
}

// route asks policy, and gathers what the answer needs besides. All of it has one deadline:
// a proxy waits for no more.
func (s *Server) route(ctx context.Context, a *asking, answer *response.ProxyAnswer) {
	a.input.Until, a.routed = s.until(ctx, a.began), true
	routed, cause := a.snapshot.policy.Route(ctx, a.input, *a.proxied)
	answer.Decision, answer.Edits = routed.Decision, routed.Answer.Edits
	if governs := routed.Governs.Route; governs != nil {
		a.pattern, a.logged = governs.Match, governs.Logged
		answer.Deny = response.Deny(governs.Deny)
	}
	if err := s.answers.Carries(a.door, routed.Allow, routed.Answer.Edits); err != nil {
		cause = err
		answer.Decision = decision.Because(decision.PolicyError, "the policy asks for what this door cannot do; the log says what")
		answer.Edits = decision.Edits{}
	}
	if answer.Decision.Allow {
		cause = s.identify(ctx, a, answer)
	}
	if broken(answer.Decision) {
		answer.Deny = response.Deny{} // which is for sessions
	}
	s.complain(a, answer.Decision, cause)
}

// maxMargin is what remains at most of a call's deadline when its evaluation is given up.
const maxMargin = 20 * time.Millisecond

// until is when the evaluations for a request must have ended. Where the call has a deadline
// of its own, there is room behind them for the denial to arrive before the caller gives up:
// then it would be an error.
func (s *Server) until(ctx context.Context, began time.Time) time.Time {
	until := began.Add(s.config.Policy.Deadline)
	end, ok := ctx.Deadline()
	if !ok {
		return until
	}
	if end = end.Add(-min(time.Until(end)/5, maxMargin)); end.Before(until) {
		return end
	}
	return until
}

// identify adds who the session is.
func (s *Server) identify(ctx context.Context, a *asking, answer *response.ProxyAnswer) error {
	identity, d, err := a.snapshot.policy.Identity(ctx, a.input)
	if !d.Allow {
		answer.Decision, answer.Edits = d, decision.Edits{}
		return err
	}
	answer.Upstream = identity.Headers(func(i decision.Identity) (any, bool) {
		u := s.answers.Upstream(i)
		return u, u.Short()
	}).(*response.Upstream)
	if err := answer.Upstream.Fits(); err != nil {
		answer.Decision, answer.Edits = decision.Because(decision.PolicyError, err.Error()), decision.Edits{}
		return err
	}
	return nil
}

// broken reports whether it is policy that failed, and not the session.
func broken(d decision.Decision) bool {
	return slices.ContainsFunc(d.Reasons, func(r decision.Reason) bool {
		return r.Code == decision.PolicyError || r.Code == decision.PolicyTimeout || r.Code == decision.PolicyUndefined
	})
}

// complain logs what kept policy from an answer.
func (s *Server) complain(a *asking, d decision.Decision, cause error) {
	if cause == nil {
		return
	}
	level := slog.LevelWarn
	if d.Reasons[0].Code == decision.PolicyUndefined {
		level = slog.LevelDebug // OPA policies without a default deny so all day
	}
	s.log.Log(context.Background(), level, "policy", "decision", a.id, "reason", d.Reasons[0].Code, "error", cause)
}
