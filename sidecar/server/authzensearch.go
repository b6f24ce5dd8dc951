package server

import (
	"context"

	"github.com/valyala/fasthttp"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/response"
)

// search answers POST /access/v1/search/…. What fails has no results, and an empty list would
// say that there are none: it is an error.
func (s *Server) search(ctx *fasthttp.RequestCtx, p accessPoint) {
	a := s.beginClient(ctx, p.name)
	if a.snapshot == nil {
		s.accessNotReady(ctx, &a, nil)
		return
	}
	if !a.snapshot.policy.Searches(p.searches) {
		s.unasked(ctx, p.name, fasthttp.StatusNotFound, "this search is not offered")
		return
	}
	asked, page, err := authzen.ParseSearch(p.searches, ctx.PostBody())
	if err != nil {
		s.unasked(ctx, p.name, fasthttp.StatusBadRequest, err.Error())
		return
	}
	question := s.accessQuestion(&asked.Evaluation, p.searches)
	a.input = s.about(a.input, asked.Subject)
	if a.input.Credential == decision.NotReady {
		s.accessNotReady(ctx, &a, question)
		return
	}
	found, cause := a.snapshot.policy.Search(context.Background(), a.input, asked)
	if cause != nil {
		d := policy.Refusal(cause)
		s.complain(&a, d, cause)
		s.record(&a, noItem, question, d)
		status, message := unfound(d)
		response.AccessError(ctx, a.id, status, message)
		return
	}
	window, err := page.Window(asked, found)
	if err != nil {
		s.unasked(ctx, p.name, fasthttp.StatusBadRequest, err.Error())
		return
	}
	if d := s.record(&a, noItem, question, neither); denies(d) {
		status, message := unfound(d)
		response.AccessError(ctx, a.id, status, message)
		return
	}
	response.Access(ctx, a.id, window.AppendJSON(nil))
}

// unfound is how a search is answered that failed: with 503 where it may go well again.
func unfound(d decision.Decision) (status int, message string) {
	switch d.Reasons[0].Code {
	case decision.NotReady, decision.Overloaded, decision.PolicyTimeout:
		return fasthttp.StatusServiceUnavailable, "nothing can be found now: try again"
	case decision.RequestMalformed:
		return fasthttp.StatusBadRequest, "policy cannot be asked this"
	default:
		return fasthttp.StatusInternalServerError, "the search failed"
	}
}
