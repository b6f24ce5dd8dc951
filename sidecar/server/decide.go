package server

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"postern/sidecar/audit"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/response"
)

// batchDeadlines is how many deadlines a whole batch may take.
const batchDeadlines = 10

// check answers POST /v1/check. The request's own context is not handed on: it ends when
// a drain begins, and what was taken is answered.
func (s *Server) check(ctx *fasthttp.RequestCtx) {
	q, err := request.ParseCheck(ctx.PostBody())
	if err != nil {
		s.malformed(ctx, decision.DoorCheck, err)
		return
	}
	a := s.begin(ctx, decision.DoorCheck)
	d := s.decide(context.Background(), a, q)
	s.record(a, nil, questionJSON(q), d)
	response.Decision(ctx, a.id, d)
}

// checks answers POST /v1/checks: every question on one snapshot, for one session.
func (s *Server) checks(ctx *fasthttp.RequestCtx) {
	questions, err := request.ParseChecks(ctx.PostBody(), s.config.Limits.Batch)
	if err != nil {
		s.malformed(ctx, decision.DoorChecks, err)
		return
	}
	a := s.begin(ctx, decision.DoorChecks)
	within, cancel := context.WithTimeout(context.Background(), batchDeadlines*s.config.Policy.Deadline)
	defer cancel()
	results := make([]decision.Decision, len(questions))
	for i, q := range questions {
		a.began = time.Now()
		results[i] = s.decide(within, a, q)
		s.record(a, &i, questionJSON(q), results[i])
	}
	response.Decisions(ctx, a.id, results)
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
	s.record(a, nil, nil, d)
	response.WriteSession(ctx, a.id, response.Session{
		Session:     document,
		Permissions: effective.Permissions,
		Role:        effective.Role,
		Features:    effective.Features,
		Plan:        effective.Plan,
	})
}

func (s *Server) noSession(ctx *fasthttp.RequestCtx, a asking, d decision.Decision) {
	s.record(a, nil, nil, d)
	response.NoSession(ctx, a.id, d)
}

// An asking is one request that is being answered: who asks, on which snapshot.
type asking struct {
	id       string
	door     decision.Door
	began    time.Time
	snapshot *snapshot // nil while none is loaded
	input    policy.Input
	// proxied is the request that a proxy asks about, nil where an app asks; pattern is the
	// route that governs it.
	proxied *request.Proxied
	pattern string
}

// begin reads what every door needs. The snapshot is loaded once, here.
func (s *Server) begin(ctx *fasthttp.RequestCtx, door decision.Door) asking {
	return s.beginWith(door, request.FindCredential(&ctx.Request.Header, s.cookies))
}

func (s *Server) beginWith(door decision.Door, credential request.Credential) asking {
	return asking{
		id:       newID(),
		door:     door,
		began:    time.Now(),
		snapshot: s.current.Load(),
		input:    s.authenticate(credential, s.now()),
	}
}

// decide answers one question.
func (s *Server) decide(ctx context.Context, a asking, q request.Question) decision.Decision {
	if a.snapshot == nil {
		return decision.Because(decision.NotReady, "")
	}
	d, cause := a.snapshot.policy.Check(ctx, a.input, q)
	s.complain(a, d, cause)
	return d
}

// record counts a decision, its time and its reasons, and logs it under its id. Every
// decision passes here once, whatever it is. The question is nil where none was asked.
func (s *Server) record(a asking, item *int, question jsontext.Value, d decision.Decision) {
	took := time.Since(a.began)
	s.metrics.decided(a.door, d)
	s.metrics.took(a.door, took)
	if s.audit == nil {
		return
	}
	r := audit.Record{
		ID:          a.id,
		Time:        s.now().UTC(),
		Door:        a.door,
		Item:        item,
		Question:    question,
		Allow:       d.Allow,
		Status:      d.Status,
		Reasons:     d.Reasons,
		Nanoseconds: took.Nanoseconds(),
	}
	if sub := a.input.Subject; sub != nil {
		r.Issuer, r.User, r.Session = sub.Session.Issuer, sub.Session.UserID, sub.Session.SessionID
		if sub.Session.Org != nil {
			r.Organization = sub.Session.Org.ID
		}
	}
	if a.proxied != nil {
		r.Method, r.Host, r.Path, r.Route = a.proxied.Method, a.proxied.Host, a.proxied.Target.Path, a.pattern
	}
	if a.snapshot != nil {
		r.Revision, r.Digest = a.snapshot.bundle.Revision, a.snapshot.bundle.Digest
	}
	s.audit.Write(r)
}

// questionJSON is the question as it was understood.
func questionJSON(q request.Question) jsontext.Value {
	if q.Action == "" {
		return q.Require.AppendJSON(nil)
	}
	text, err := json.Marshal(struct {
		Action string `json:"action"`
	}{q.Action})
	if err != nil {
		return nil
	}
	return text
}

// malformed answers a body that is no question.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, door decision.Door, err error) {
	s.metrics.decided(door, decision.Because(decision.RequestMalformed, ""))
	response.Refusal(ctx, fasthttp.StatusBadRequest, err.Error())
}

// refuse answers without a look at the request.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, d door, code decision.Code) {
	denied := decision.Because(code, "")
	d.refuse(ctx, s.unseen(d.name, denied), denied)
}

// unseen records a denial of a request that was not looked at, and returns its id.
func (s *Server) unseen(door decision.Door, denied decision.Decision) string {
	a := asking{id: newID(), door: door, began: time.Now(), snapshot: s.current.Load()}
	s.record(a, nil, nil, denied)
	return a.id
}

// newID is a random UUID (RFC 9562 section 5.4). It need not be a secret.
func newID() string {
	high, low := rand.Uint64(), rand.Uint64()
	high = high&^0xf000 | 0x4000
	low = low&^(3<<62) | 2<<62
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", high>>32, high>>16&0xffff, high&0xffff, low>>48, low&(1<<48-1))
}
