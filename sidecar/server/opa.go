package server

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/opaapi"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// The paths of OPA's doors. What is below them is theirs too.
const (
	dataPath   = "/v1/data"
	dataPathV0 = "/v0/data"
	batchPath  = "/v1/batch/data"
	healthPath = "/health"
)

// notHere are endpoints of OPA that are not answered, with why.
var notHere = map[string]string{
	"/v1/policies": "policies come from the bundle, and are not shown or changed here",
	"/v1/query":    "queries are not taken from clients: ask for a document at /v1/data",
	"/v1/compile":  "queries are not taken from clients: ask for a document at /v1/data",
	"/v1/config":   "the configuration is shown by the admin listener",
	"/v1/status":   "the status is shown by the admin listener",
}

// opaDoors are the endpoints of OPA's REST API, by path.
func (s *Server) opaDoors() map[string]door {
	open := map[string]door{
		dataPath:   s.opaDoor(decision.DoorData, dataPath, s.data, fasthttp.MethodGet, fasthttp.MethodPost),
		dataPathV0: s.opaDoor(decision.DoorData, dataPathV0, s.dataV0, fasthttp.MethodPost),
		batchPath:  s.opaDoor(decision.DoorBatchData, batchPath, s.dataBatch, fasthttp.MethodPost),
		"/":        s.opaDoor(decision.DoorData, "/", s.dataDefault, fasthttp.MethodPost),
		healthPath: {name: decision.DoorData, serve: s.opaHealth, refuse: s.opaUnseen, unread: s.opaUnread(decision.DoorData)},
	}
	for path, why := range notHere {
		open[path] = s.opaDoor(decision.DoorData, path, func(ctx *fasthttp.RequestCtx) {
			s.opaRefused(ctx, fasthttp.StatusNotFound, opaapi.CodeResourceNotFound, why)
		}, fasthttp.MethodGet, fasthttp.MethodPost)
	}
	return open
}

// opaDoor admits the client before it looks at anything else.
func (s *Server) opaDoor(name decision.Door, prefix string, serve func(*fasthttp.RequestCtx), methods ...string) door {
	admitted := func(ctx *fasthttp.RequestCtx) {
		if !s.admit(ctx, name) {
			s.opaRefused(ctx, fasthttp.StatusUnauthorized, opaapi.CodeUnauthorized, "request rejected by administrative policy: the client is not known")
			return
		}
		if !slices.Contains(methods, string(ctx.Method())) {
			s.metrics.counted(name, decision.Because(decision.RequestMalformed, ""))
			ctx.Response.Header.Set(fasthttp.HeaderAllow, strings.Join(methods, ", "))
			s.opaRefused(ctx, fasthttp.StatusMethodNotAllowed, opaapi.CodeInvalidOperation, otherMethod(string(ctx.Method()), methods))
			return
		}
		if to, status := opaapi.Moved(string(ctx.Request.Header.RequestURI()), prefix); status != 0 {
			response.Moved(ctx, status, to)
			return
		}
		serve(ctx)
	}
	return door{name: name, serve: admitted, refuse: s.opaUnseen, unread: s.opaUnread(name)}
}

// otherMethod is why a method is not answered. OPA's writes have a reason of their own.
func otherMethod(method string, methods []string) string {
	switch method {
	case fasthttp.MethodPut, fasthttp.MethodPatch, fasthttp.MethodDelete:
		return "data and policies come from the bundle, and are not changed here"
	default:
		return "the method is " + strings.Join(methods, " or ")
	}
}

// opaUnseen answers a request that was not looked at.
func (s *Server) opaUnseen(ctx *fasthttp.RequestCtx, id decision.ID, d decision.Decision) {
	status := fasthttp.StatusInternalServerError
	if d.Status == fasthttp.StatusServiceUnavailable {
		status = fasthttp.StatusServiceUnavailable
	}
	s.opaSend(ctx, status, id, opaapi.Error{Code: opaapi.CodeInternal, Message: d.Reasons[0].Message}, true)
}

// opaRefused answers what is no question.
func (s *Server) opaRefused(ctx *fasthttp.RequestCtx, status int, code, message string) {
	s.opaSend(ctx, status, decision.ID{}, opaapi.Error{Code: code, Message: message}, true)
}

// opaUnread is how a door answers what could not be read.
func (s *Server) opaUnread(name decision.Door) func(*fasthttp.RequestCtx, int, string) {
	return func(ctx *fasthttp.RequestCtx, status int, message string) {
		s.metrics.counted(name, decision.Because(decision.RequestMalformed, ""))
		s.opaRefused(ctx, status, opaapi.CodeInvalidParameter, message)
	}
}

// opaMalformed counts and answers what is no question.
func (s *Server) opaMalformed(ctx *fasthttp.RequestCtx, door decision.Door, err error) {
	s.opaUnread(door)(ctx, fasthttp.StatusBadRequest, err.Error())
}

// opaSend sends a message.
func (s *Server) opaSend(ctx *fasthttp.RequestCtx, status int, id decision.ID, message any, pretty bool) {
	body, err := opaapi.Render(message, pretty)
	if err != nil {
		s.log.Error("opa answer", "decision", id, "error", err)
		status, body = fasthttp.StatusInternalServerError, []byte(`{"code":"internal_error","message":"the answer cannot be written"}`)
	}
	response.OPA(ctx, status, id, body)
}

// opaFailed answers a question that came to no document.
func (s *Server) opaFailed(ctx *fasthttp.RequestCtx, a *asking, err error) {
	status, message := opaError(err)
	s.opaSend(ctx, status, a.id, message, true)
}

// opaError is an error of [policy.Policy.Data] as OPA says it.
func opaError(err error) (status int, e opaapi.Error) {
	var failed *policy.DataError
	if !errors.As(err, &failed) {
		return fasthttp.StatusInternalServerError, opaapi.Error{Code: opaapi.CodeInternal, Message: "the document could not be evaluated"}
	}
	e = opaapi.Error{Code: opaapi.CodeInternal, Message: failed.Message}
	for _, d := range failed.Details {
		detail := opaapi.Detail{Code: d.Code, Message: d.Message}
		if d.File != "" || d.Row != 0 {
			detail.Location = &opaapi.Location{File: d.File, Row: d.Row, Col: d.Col}
		}
		e.Errors = append(e.Errors, detail)
	}
	switch failed.Code {
	case decision.PolicyDenied:
		e.Code = opaapi.CodeUnauthorized
		return fasthttp.StatusForbidden, e
	case decision.RequestMalformed:
		e.Code = opaapi.CodeInvalidParameter
		return fasthttp.StatusBadRequest, e
	case decision.NotReady, decision.Overloaded:
		return fasthttp.StatusServiceUnavailable, e
	default:
		return fasthttp.StatusInternalServerError, e
	}
}

// beginOPA begins to answer a client. Its session is of no interest unless opa.session says
// so; where clients bring tokens, it is in the cookie.
func (s *Server) beginOPA(ctx *fasthttp.RequestCtx, door decision.Door) asking {
	a := s.beginClient(ctx, door)
	if !s.config.OPA.Session {
		return a
	}
	find := request.FindCredential
	if s.config.Clients.TokensFile != "" {
		find = request.FindCookie
	}
	a.input = s.authenticate(find(&ctx.Request.Header, s.cookies), a.input.Now)
	return a
}

// document evaluates and records one question.
func (s *Server) document(a *asking, item int, batch decision.ID, q *policy.DataQuestion) (*policy.Document, error) {
	q.Session = s.config.OPA.Session
	found, err := s.evaluated(a, q)
	d, kind := policy.Says(found, err)
	a.data, a.result = q, kind
	var failed *policy.DataError
	switch {
	case errors.As(err, &failed):
		s.complain(a, d, failed.Unwrap())
	case err != nil:
		s.complain(a, d, err)
	}
	if answer := s.record(a, item, opaapi.Asked(q.Path, batch.String()), d); denies(answer) && !denies(d) {
		return nil, &policy.DataError{Code: answer.Reasons[0].Code, Message: answer.Reasons[0].Message}
	}
	return found, err
}

func (s *Server) evaluated(a *asking, q *policy.DataQuestion) (*policy.Document, error) {
	if a.snapshot == nil {
		return nil, &policy.DataError{Code: decision.NotReady, Message: "no policy is loaded yet"}
	}
	return a.snapshot.policy.Data(context.Background(), a.input, q)
}

// provenance is what decides, nil where nobody asked.
func (s *Server) provenance(a *asking, wanted bool) *opaapi.Provenance {
	if !wanted {
		return nil
	}
	p := &opaapi.Provenance{Version: policy.OPAVersion(), Bundles: map[string]opaapi.Bundle{}}
	if a.snapshot != nil {
		p.Bundles[strings.Join(s.source.Names(), ",")] = opaapi.Bundle{Revision: a.snapshot.bundle.Revision}
	}
	return p
}

// logged is an id for an answer's body, which has one where there is a log to find it in.
func (s *Server) logged(id decision.ID) string {
	if s.audit == nil {
		return ""
	}
	return id.String()
}
