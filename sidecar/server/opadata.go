package server

import (
	"bytes"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
	"postern/sidecar/opaapi"
	"postern/sidecar/policy"
)

// The measures that this side takes, by OPA's names.
const (
	metricInput   = "timer_rego_input_parse_ns"
	metricHandler = "timer_server_handler_ns"
)

// opaQuestion reads what all questions have: the path behind a prefix, and the query.
func opaQuestion(ctx *fasthttp.RequestCtx, prefix string) (*policy.DataQuestion, opaapi.Options, error) {
	target, query, _ := strings.Cut(string(ctx.Request.Header.RequestURI()), "?")
	options, err := opaapi.ReadOptions(query)
	if err != nil {
		return nil, options, err
	}
	names, err := opaapi.Names(strings.TrimPrefix(strings.TrimPrefix(target, prefix), "/"))
	if err != nil {
		return nil, options, err
	}
	return &policy.DataQuestion{Path: names, Strict: options.Strict, Metrics: options.Metrics, Instrument: options.Instrument}, options, nil
}

// opaBody is the JSON of the body, nil where there is none.
func (s *Server) opaBody(ctx *fasthttp.RequestCtx) (jsontext.Value, error) {
	h := &ctx.Request.Header
	// Several encodings are one list (RFC 9110 section 8.4), whatever others see of them.
	encoding := bytes.Join(h.PeekAll(fasthttp.HeaderContentEncoding), []byte(","))
	return opaapi.Body(ctx.PostBody(), string(encoding), string(h.ContentType()), int(s.config.Limits.Body))
}

// data answers GET and POST /v1/data. What is asked is read whole before anything is
// evaluated.
func (s *Server) data(ctx *fasthttp.RequestCtx) {
	began := time.Now()
	q, options, err := opaQuestion(ctx, dataPath)
	if err != nil {
		s.opaMalformed(ctx, decision.DoorData, err)
		return
	}
	input := options.Input
	if ctx.IsPost() {
		body, err := s.opaBody(ctx)
		if err == nil {
			input, err = opaapi.Input(body)
		}
		if err != nil {
			s.opaMalformed(ctx, decision.DoorData, err)
			return
		}
	}
	if q.Input, err = optionalValue(input); err != nil {
		s.opaMalformed(ctx, decision.DoorData, err)
		return
	}
	read := time.Since(began)
	a := s.beginOPA(ctx, decision.DoorData)
	found, err := s.document(&a, noItem, decision.ID{}, q)
	if err != nil {
		s.opaFailed(ctx, &a, err)
		return
	}
	answer := opaapi.Answer{
		DecisionID: s.logged(a.id),
		Result:     found.JSON,
		Metrics:    found.Metrics,
		Provenance: s.provenance(&a, options.Provenance),
	}
	if ctx.IsPost() && input == nil {
		answer.Warning = opaapi.InputMissing()
	}
	if answer.Metrics != nil {
		answer.Metrics[metricInput] = read.Nanoseconds()
		answer.Metrics[metricHandler] = time.Since(began).Nanoseconds()
	}
	s.opaSend(ctx, fasthttp.StatusOK, a.id, answer, options.Pretty)
}

// optionalValue reads JSON that may not be there.
func optionalValue(raw jsontext.Value) (policy.Value, error) {
	if raw == nil {
		return policy.Value{}, nil
	}
	return policy.NewValue(raw)
}

// dataV0 answers POST /v0/data: the body is the input, the answer the document.
func (s *Server) dataV0(ctx *fasthttp.RequestCtx) {
	q, options, err := opaQuestion(ctx, dataPathV0)
	if err != nil {
		s.opaMalformed(ctx, decision.DoorData, err)
		return
	}
	s.plainDocument(ctx, q, options)
}

// dataDefault answers POST /: the default decision, in the way of /v0/data.
func (s *Server) dataDefault(ctx *fasthttp.RequestCtx) {
	q, options, err := opaQuestion(ctx, "/")
	if err != nil {
		s.opaMalformed(ctx, decision.DoorData, err)
		return
	}
	q.Path = strings.Split(strings.TrimPrefix(s.config.OPA.DefaultDecision, "/"), "/")
	s.plainDocument(ctx, q, options)
}

// plainDocument answers with a bare document.
func (s *Server) plainDocument(ctx *fasthttp.RequestCtx, q *policy.DataQuestion, options opaapi.Options) {
	// None of these is in an answer without a frame, and none changes it, for OPA.
	q.Strict, q.Metrics, q.Instrument = false, false, false
	input, err := s.opaBody(ctx)
	if err == nil && input == nil && !s.config.OPA.Session {
		input = jsontext.Value("null") // which OPA takes nothing for
	}
	if err == nil {
		q.Input, err = optionalValue(input)
	}
	if err != nil {
		s.opaMalformed(ctx, decision.DoorData, err)
		return
	}
	a := s.beginOPA(ctx, decision.DoorData)
	found, err := s.document(&a, noItem, decision.ID{}, q)
	switch {
	case err != nil:
		s.opaFailed(ctx, &a, err)
	case found.JSON == nil:
		s.opaSend(ctx, fasthttp.StatusNotFound, a.id, opaapi.Error{Code: opaapi.CodeUndefinedDocument, Message: found.Undefined}, true)
	default:
		s.opaSend(ctx, fasthttp.StatusOK, a.id, jsontext.Value(found.JSON), options.Pretty)
	}
}
