// Package response is what each protocol's answer looks like for a Decision. It is the
// last stage: what is in a Decision reaches JSON callers whole, and strangers behind a
// proxy only as a status.
package response

import (
	stdjson "encoding/json"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// HeaderDecisionID names the header that identifies the logged decision.
const HeaderDecisionID = "X-Decision-Id"

const contentType = "application/json"

// Answer answers POST /v1/check: 200 for every decision, whatever it is.
func Answer(ctx *fasthttp.RequestCtx, id decision.ID, a *decision.Answer) {
	head(ctx, fasthttp.StatusOK, id)
	ctx.Response.SetBodyRaw(a.Text(render))
}

// Answers answers POST /v1/checks, in the order of the questions.
func Answers(ctx *fasthttp.RequestCtx, id decision.ID, all []*decision.Answer) {
	head(ctx, fasthttp.StatusOK, id)
	ctx.Response.AppendBodyString(`{"results":[`)
	for i, a := range all {
		if i > 0 {
			ctx.Response.AppendBodyString(",")
		}
		ctx.Response.AppendBody(a.Text(render))
	}
	ctx.Response.AppendBodyString(`]}`)
}

// Decision answers POST /v1/check for what nobody remembers.
func Decision(ctx *fasthttp.RequestCtx, id decision.ID, d decision.Decision) {
	Answer(ctx, id, &decision.Answer{Decision: d})
}

// unwritable is the denial in the place of what cannot be written.
const unwritable = `{"allow":false,"status":403,"reasons":[{"code":"policy_error"}]}`

// render is a decision as JSON callers get it.
func render(d decision.Decision) []byte {
	text, err := json.Marshal(d, encoding)
	if err != nil {
		return []byte(unwritable)
	}
	return text
}

// A Session is the answer to GET /v1/session: the document that policy sees, and what it
// amounts to under the model.
type Session struct {
	Session     any      `json:"session"`
	Permissions []string `json:"permissions"`
	Role        *string  `json:"role"`
	Features    []string `json:"features"`
	Plan        *string  `json:"plan"`
}

// WriteSession answers GET /v1/session where there is a session.
func WriteSession(ctx *fasthttp.RequestCtx, id decision.ID, s Session) {
	write(ctx, fasthttp.StatusOK, id, s)
}

// NoSession answers GET /v1/session where there is none, with the decision's status:
// 401, or 503 where nothing can be decided now.
func NoSession(ctx *fasthttp.RequestCtx, id decision.ID, d decision.Decision) {
	if d.Status == fasthttp.StatusUnauthorized {
		ctx.Response.Header.Set(fasthttp.HeaderWWWAuthenticate, challenge(d))
	}
	write(ctx, d.Status, id, struct {
		Reasons []decision.Reason `json:"reasons"`
	}{d.Reasons})
}

// Refusal answers what is no question of the protocol, with a status of HTTP's own: 400
// for a body that is none, 404, 405, 413, 431, and so on. It is a denial like any other.
func Refusal(ctx *fasthttp.RequestCtx, status int, message string) {
	write(ctx, status, decision.ID{}, decision.Because(decision.RequestMalformed, message))
}

// encoding is how values become JSON. Reasons may hold texts that a policy made of any
// bytes: one that is no UTF-8 must not cost the caller the decision. The numbers of a
// session keep their digits, and its members have one order.
var encoding = json.JoinOptions(
	jsontext.AllowInvalidUTF8(true),
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, n stdjson.Number) error {
		return e.WriteValue(jsontext.Value(n))
	})),
)

// write sends a value as JSON. What cannot be written is a denial.
func write(ctx *fasthttp.RequestCtx, status int, id decision.ID, value any) {
	body, err := json.Marshal(value, encoding)
	if err != nil {
		status = fasthttp.StatusInternalServerError
		body = []byte(unwritable)
	}
	head(ctx, status, id)
	ctx.SetBody(body)
}

// head begins an answer of JSON.
func head(ctx *fasthttp.RequestCtx, status int, id decision.ID) {
	h := &ctx.Response.Header
	h.SetContentType(contentType)
	h.Set(fasthttp.HeaderCacheControl, noStore)
	identify(h, id)
	ctx.SetStatusCode(status)
}

// identify names the logged decision.
func identify(h *fasthttp.ResponseHeader, id decision.ID) {
	if !id.None() {
		h.SetBytesV(HeaderDecisionID, id[:])
	}
}
