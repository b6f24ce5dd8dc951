package response

import (
	"maps"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// HeaderRequestID names the header by which callers of AuthZEN know their request. Every
// answer of that door repeats it.
const HeaderRequestID = "X-Request-ID"

// AuthZEN is how AuthZEN's evaluations are answered.
type AuthZEN struct {
	// Reasons is whether callers are told why they are denied.
	Reasons bool
}

// Evaluation appends the answer to one evaluation: a member decision, and a context where
// the policy tells one, or reasons are told.
func (z AuthZEN) Evaluation(dst []byte, a *decision.Answer) []byte {
	context := a.Context
	if _, own := context["reasons"]; z.Reasons && !a.Allow && !own {
		context = maps.Clone(context)
		if context == nil {
			context = map[string]any{}
		}
		context["reasons"] = a.Reasons
	}
	if context == nil {
		return append(strconv.AppendBool(append(dst, `{"decision":`...), a.Allow), '}')
	}
	text, err := json.Marshal(context, encoding)
	if err != nil {
		return append(dst, `{"decision":false}`...)
	}
	dst = strconv.AppendBool(append(dst, `{"decision":`...), a.Allow)
	return append(append(append(dst, `,"context":`...), text...), '}')
}

// Failure appends the denial of an item of a batch that could not be decided, with the
// status that it would have had alone.
func (AuthZEN) Failure(dst []byte, status int, message string) []byte {
	dst = append(dst, `{"decision":false,"context":{"error":{"status":`...)
	dst = append(strconv.AppendInt(dst, int64(status), 10), `,"message":`...)
	// The error says that what is no UTF-8 was replaced.
	dst, _ = jsontext.AppendQuote(dst, message)
	return append(dst, "}}}"...)
}

// Access answers what AuthZEN asked with 200 and a JSON object.
func Access(ctx *fasthttp.RequestCtx, id decision.ID, body []byte) {
	head(ctx, fasthttp.StatusOK, id)
	repeatRequestID(ctx)
	ctx.Response.SetBodyRaw(body)
}

// AccessError answers what was not decided: with a status of 400 or more, and a message for
// the caller.
func AccessError(ctx *fasthttp.RequestCtx, id decision.ID, status int, message string) {
	head(ctx, status, id)
	ctx.Response.Header.SetContentType("text/plain; charset=utf-8")
	repeatRequestID(ctx)
	ctx.Response.SetBodyString(message)
}

// repeatRequestID sends the request's ids back as they are.
func repeatRequestID(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Del(HeaderRequestID)
	for _, value := range ctx.Request.Header.PeekAll(HeaderRequestID) {
		ctx.Response.Header.AddBytesV(HeaderRequestID, value)
	}
}
