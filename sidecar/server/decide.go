package server

import (
	"context"
	"time"

	"github.com/valyala/fasthttp"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/response"
	"postern/sidecar/telemetry"
)

// batchDeadlines is how many deadlines a whole batch may take.
const batchDeadlines = 10

// endOfBatch is when the evaluations of a whole batch must have ended.
func (s *Server) endOfBatch(began time.Time) time.Time {
	return began.Add(batchDeadlines * s.config.Policy.Deadline)
}

// check answers POST /v1/check. The request's own context is not handed on: it ends when
// a drain begins, and what was taken is answered.
func (s *Server) check(ctx *fasthttp.RequestCtx) {
	q, err := s.questions.Check(ctx.PostBody())
	if err != nil {
		s.malformed(ctx, decision.DoorCheck, err)
		return
	}
	a := s.begin(ctx, decision.DoorCheck)
	answer := s.recorded(&a, noItem, q.Normal(), s.decide(context.Background(), &a, q))
	response.Answer(ctx, a.id, answer)
}

// checks answers POST /v1/checks: every question on one snapshot, for one session.
func (s *Server) checks(ctx *fasthttp.RequestCtx) {
	questions, err := s.questions.Checks(ctx.PostBody())
	if err != nil {
		s.malformed(ctx, decision.DoorChecks, err)
		return
	}
	a := s.begin(ctx, decision.DoorChecks)
	a.input.Until = s.endOfBatch(a.began)
	defer s.endBatch(s.beginBatch(&a))
	var few [32]*decision.Answer // most batches need no more
	answers := few[:0]
	for i := range questions {
		a.began = time.Now()
		answer := s.decide(context.Background(), &a, &questions[i])
		answers = append(answers, s.recorded(&a, i, questions[i].Normal(), answer))
	}
	response.Answers(ctx, a.id, answers)
}

// session answers GET /v1/session.
func (s *Server) session(ctx *fasthttp.RequestCtx) {
	a := s.begin(ctx, decision.DoorSession)
	if a.snapshot == nil {
		s.noSession(ctx, a, decision.Because(decision.NotReady, ""))
		return
	}
	effective, d, err := a.snapshot.policy.Effective(context.Background(), a.input)
	if err != nil {
		s.log.Warn("session", "decision", a.id, "error", err)
	}
	if !d.Allow {
		s.noSession(ctx, a, d)
		return
	}
	document, err := a.input.Subject.JSON()
	if err != nil {
		s.log.Error("session document", "decision", a.id, "error", err)
		s.noSession(ctx, a, decision.Because(decision.PolicyError, ""))
		return
	}
	if d = s.record(&a, noItem, nil, d); !d.Allow {
		response.NoSession(ctx, a.id, d)
		return
	}
	response.WriteSession(ctx, a.id, response.Session{
		Session:     document,
		Permissions: effective.Permissions,
		Role:        effective.Role,
		Features:    effective.Features,
		Plan:        effective.Plan,
	})
}

func (s *Server) noSession(ctx *fasthttp.RequestCtx, a asking, d decision.Decision) {
	response.NoSession(ctx, a.id, s.record(&a, noItem, nil, d))
}

// An asking is one request that is being answered: who asks, on which snapshot.
type asking struct {
	id       decision.ID
	door     decision.Door
	began    time.Time
	snapshot *snapshot // nil while none is loaded
	input    policy.Input
	client   string // who asks about others, see beginClient
	// proxied is the request that a proxy asks about, nil where an app asks, and good until it
	// is answered; pattern is the route that governs it.
	proxied *request.Proxied
	pattern string
	// logged is whether the route asks for a record of what it allows.
	logged bool
	// result is the kind of document that an OPA client is given, empty where it asked for none.
	result string
	// place is where in a trace the request is, batch what its span says where it is a batch,
	// and span the id of the span of the item that is recorded.
	place telemetry.Place
	batch *batch
	span  telemetry.ItemID
	// What was put to policy, as far as anything was; see [asking.whole].
	check      *request.Question
	evaluation *authzen.Evaluation
	data       *policy.DataQuestion
	routed     bool
	// captured is how much of that is logged, of all items of a batch.
	captured int
}

// begin reads what every door needs. The snapshot is loaded once, here.
func (s *Server) begin(ctx *fasthttp.RequestCtx, door decision.Door) asking {
	a := s.beginWith(door, request.FindCredential(&ctx.Request.Header, s.cookies))
	a.place = s.place(&ctx.Request.Header)
	return a
}

func (s *Server) beginWith(door decision.Door, credential request.Credential) asking {
	return asking{
		id:       decision.NewID(),
		door:     door,
		began:    time.Now(),
		snapshot: s.deciding(),
		input:    s.authenticate(credential, s.now()),
	}
}

// decide answers one question.
func (s *Server) decide(ctx context.Context, a *asking, q *request.Question) *decision.Answer {
	if a.snapshot == nil {
		return &decision.Answer{Decision: decision.Because(decision.NotReady, "")}
	}
	a.check = q
	answer, cause := a.snapshot.policy.Check(ctx, a.input, q)
	s.complain(a, answer.Decision, cause)
	return answer
}

// malformed answers a body that is no question.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, door decision.Door, err error) {
	s.metrics.counted(door, decision.Because(decision.RequestMalformed, ""))
	response.Refusal(ctx, fasthttp.StatusBadRequest, err.Error())
}

// refuse answers without a look at the request.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, d door, code decision.Code) {
	denied := decision.Because(code, "")
	d.refuse(ctx, s.unseen(s.place(&ctx.Request.Header), d.name, denied), denied)
}
