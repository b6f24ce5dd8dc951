package server

import (
	"bytes"
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// An accessPoint is one endpoint of AuthZEN.
type accessPoint struct {
	path string
	name decision.Door
	// searches is what a search looks for, empty for evaluations.
	searches authzen.Kind
	// listed is how the metadata calls it.
	listed string
}

// accessPoints are AuthZEN's endpoints, in the order of the metadata.
var accessPoints = [...]accessPoint{
	{"/access/v1/evaluation", decision.DoorEvaluation, "", "access_evaluation_endpoint"},
	{"/access/v1/evaluations", decision.DoorEvaluations, "", "access_evaluations_endpoint"},
	{"/access/v1/search/subject", decision.DoorSearchSubject, authzen.Subjects, "search_subject_endpoint"},
	{"/access/v1/search/resource", decision.DoorSearchResource, authzen.Resources, "search_resource_endpoint"},
	{"/access/v1/search/action", decision.DoorSearchAction, authzen.Actions, "search_action_endpoint"},
}

// accessDoors are AuthZEN's endpoints, at their paths and below the path of the public URL,
// which a proxy may take off or leave, and the metadata.
func (s *Server) accessDoors() map[string]door {
	open := map[string]door{}
	for _, p := range accessPoints {
		d := s.accessDoor(p)
		open[p.path], open[s.access.base+p.path] = d, d
	}
	for _, path := range s.access.metadata {
		open[path] = door{name: noDoor, serve: s.answerMetadata, refuse: refuseAccess, unread: s.accessUnread(noDoor)}
	}
	return open
}

// accessUnread is how a door answers what could not be read.
func (s *Server) accessUnread(name decision.Door) func(*fasthttp.RequestCtx, int, string) {
	return func(ctx *fasthttp.RequestCtx, status int, message string) { s.unasked(ctx, name, status, message) }
}

// accessDoor is the door of an endpoint. It is for clients that were let in: a session that
// comes with a request is nobody here.
func (s *Server) accessDoor(p accessPoint) door {
	answer := map[decision.Door]func(*fasthttp.RequestCtx){
		decision.DoorEvaluation:  s.evaluation,
		decision.DoorEvaluations: s.evaluations,
	}[p.name]
	if p.searches != "" {
		answer = func(ctx *fasthttp.RequestCtx) { s.search(ctx, p) }
	}
	return door{
		name: p.name,
		serve: func(ctx *fasthttp.RequestCtx) {
			if !ctx.IsPost() {
				ctx.Response.Header.Set(fasthttp.HeaderAllow, fasthttp.MethodPost)
				s.unasked(ctx, p.name, fasthttp.StatusMethodNotAllowed, "the method is POST")
				return
			}
			if !s.admit(ctx, p.name) {
				response.AccessError(ctx, decision.ID{}, fasthttp.StatusUnauthorized, "this is for known clients; a session is none")
				return
			}
			if !isJSON(ctx.Request.Header.ContentType()) {
				s.unasked(ctx, p.name, fasthttp.StatusBadRequest, "the Content-Type is not application/json")
				return
			}
			answer(ctx)
		},
		refuse: refuseAccess,
		unread: s.accessUnread(p.name),
	}
}

// isJSON reports whether a media type is JSON's, whatever its case and its parameters (RFC
// 9110 section 8.3.1). JSON is UTF-8 whatever a charset says (RFC 8259 section 8.1).
func isJSON(mediaType []byte) bool {
	name, _, _ := bytes.Cut(mediaType, []byte{';'})
	return request.SameName(bytes.Trim(name, " \t"), "application/json")
}

// unasked answers what is no question.
func (s *Server) unasked(ctx *fasthttp.RequestCtx, door decision.Door, status int, message string) {
	s.metrics.counted(door, decision.Because(decision.RequestMalformed, ""))
	response.AccessError(ctx, decision.ID{}, status, message)
}

// refuseAccess answers a request that was not looked at.
func refuseAccess(ctx *fasthttp.RequestCtx, id decision.ID, d decision.Decision) {
	status, message := undecided(d)
	if status == 0 {
		status, message = fasthttp.StatusInternalServerError, "internal error"
	}
	response.AccessError(ctx, id, status, message)
}

// undecided is the status of a question that could not be decided, with what its caller may
// know of that; 0 where there is a decision.
func undecided(d decision.Decision) (status int, message string) {
	switch d.Status {
	case fasthttp.StatusServiceUnavailable:
		return d.Status, "nothing can be decided now: try again"
	case fasthttp.StatusBadRequest:
		return d.Status, "policy cannot be asked this"
	default:
		return 0, ""
	}
}

// evaluation answers POST /access/v1/evaluation.
func (s *Server) evaluation(ctx *fasthttp.RequestCtx) {
	e, err := authzen.ParseEvaluation(ctx.PostBody())
	if err != nil {
		s.unasked(ctx, decision.DoorEvaluation, fasthttp.StatusBadRequest, err.Error())
		return
	}
	s.evaluateOne(ctx, decision.DoorEvaluation, e)
}

func (s *Server) evaluateOne(ctx *fasthttp.RequestCtx, door decision.Door, e *authzen.Evaluation) {
	a := s.beginClient(ctx, door)
	answer := s.evaluate(&a, noItem, e)
	if status, message := undecided(answer.Decision); status != 0 {
		response.AccessError(ctx, a.id, status, message)
		return
	}
	response.Access(ctx, a.id, s.access.told.Evaluation(nil, answer))
}

// evaluations answers POST /access/v1/evaluations: every item on one snapshot, within one
// deadline.
func (s *Server) evaluations(ctx *fasthttp.RequestCtx) {
	b, err := authzen.ParseBatch(ctx.PostBody(), s.config.Limits.Batch)
	if err != nil {
		s.unasked(ctx, decision.DoorEvaluations, fasthttp.StatusBadRequest, err.Error())
		return
	}
	if b.Lone != nil {
		s.evaluateOne(ctx, decision.DoorEvaluations, b.Lone)
		return
	}
	a := s.beginClient(ctx, decision.DoorEvaluations)
	if a.snapshot == nil {
		s.accessNotReady(ctx, &a, nil)
		return
	}
	a.input.Until = s.endOfBatch(a.began)
	defer s.endBatch(s.beginBatch(&a))
	body := []byte(`{"evaluations":[`)
	for i := range b.Items {
		if i > 0 {
			body = append(body, ',')
		}
		var allow bool
		if body, allow = s.item(&a, body, i, &b.Items[i]); b.Semantic.Ends(allow) {
			break
		}
	}
	response.Access(ctx, a.id, append(body, "]}"...))
}

// item appends the answer to an item of a batch.
func (s *Server) item(a *asking, body []byte, place int, item *authzen.Item) (_ []byte, allow bool) {
	a.began = time.Now()
	if item.Fault != nil {
		a.input, a.evaluation = policy.Input{Now: a.input.Now, Until: a.input.Until}, nil
		s.record(a, place, nil, decision.Because(decision.RequestMalformed, item.Fault.Error()))
		return s.access.told.Failure(body, fasthttp.StatusBadRequest, item.Fault.Error()), false
	}
	answer := s.evaluate(a, place, &item.Evaluation)
	if status, message := undecided(answer.Decision); status != 0 {
		return s.access.told.Failure(body, status, message), false
	}
	return s.access.told.Evaluation(body, answer), answer.Allow
}

// evaluate answers one evaluation, and records it.
func (s *Server) evaluate(a *asking, place int, e *authzen.Evaluation) *decision.Answer {
	answer := &decision.Answer{Decision: decision.Because(decision.NotReady, "")}
	if a.snapshot != nil {
		a.input, a.evaluation = s.about(a.input, e.Subject), e
		var cause error
		answer, cause = a.snapshot.policy.Evaluate(context.Background(), a.input, e)
		s.complain(a, answer.Decision, cause)
	}
	return s.recorded(a, place, s.accessQuestion(e, ""), answer)
}

// about is the input about a subject: a session, whose token is its id and is verified, or
// another, whom the client vouches for.
func (s *Server) about(in policy.Input, subject authzen.Entity) policy.Input {
	if subject.Type != authzen.SessionType {
		return policy.Input{Trusted: true, Now: in.Now, Until: in.Until}
	}
	credential := request.Credential{Token: subject.ID}
	if subject.ID == "" {
		credential.Code = decision.TokenMissing
	}
	of := s.authenticate(credential, in.Now)
	of.Until = in.Until
	return of
}

// accessNotReady answers, and records, that nothing can be decided yet.
func (s *Server) accessNotReady(ctx *fasthttp.RequestCtx, a *asking, question jsontext.Value) {
	d := decision.Because(decision.NotReady, "")
	s.record(a, noItem, question, d)
	refuseAccess(ctx, a.id, d)
}

// accessQuestion is what the decision log keeps of an evaluation, or of a search: names and
// no properties, and nothing of a session, whose id is its token. It is nil where nothing is
// logged.
func (s *Server) accessQuestion(e *authzen.Evaluation, searched authzen.Kind) jsontext.Value {
	if s.audit == nil {
		return nil
	}
	entity := func(dst []byte, e authzen.Entity, named bool) []byte {
		dst, _ = jsontext.AppendQuote(append(dst, `{"type":`...), e.Type)
		if named {
			dst, _ = jsontext.AppendQuote(append(dst, `,"id":`...), e.ID)
		}
		return append(dst, '}')
	}
	text := entity([]byte(`{"subject":`), e.Subject, searched != authzen.Subjects && e.Subject.Type != authzen.SessionType)
	if searched != authzen.Actions {
		text, _ = jsontext.AppendQuote(append(text, `,"action":{"name":`...), e.Action.Name)
		text = append(text, '}')
	}
	text = entity(append(text, `,"resource":`...), e.Resource, searched != authzen.Resources)
	return append(text, '}')
}
