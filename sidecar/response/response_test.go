package response

import (
	"testing"

	"github.com/valyala/fasthttp"

	"postern/sidecar/decision"
)

// someID names a decision in tests.
var someID = decision.NewID()

func TestAnswers(t *testing.T) {
	role := "org:admin"
	f := func(name string, answer func(*fasthttp.RequestCtx), status int, body string) {
		t.Helper()
		var ctx fasthttp.RequestCtx
		answer(&ctx)
		if ctx.Response.StatusCode() != status || string(ctx.Response.Body()) != body {
			t.Errorf("%s: %d %s\nwant %d %s", name, ctx.Response.StatusCode(), ctx.Response.Body(), status, body)
		}
		h := &ctx.Response.Header
		if string(h.ContentType()) != "application/json" || string(h.Peek("Cache-Control")) != "no-store" {
			t.Errorf("%s: headers\n%s", name, h)
		}
	}
	denied := decision.Denied(decision.Reason{Code: decision.RoleRequired, Role: "<org:\"owner\">", Message: "no\r\nno"})
	f("allow", func(ctx *fasthttp.RequestCtx) { Decision(ctx, someID, decision.Allowed()) },
		200, `{"allow":true,"status":200,"reasons":[]}`)
	f("deny", func(ctx *fasthttp.RequestCtx) { Decision(ctx, someID, denied) },
		200, `{"allow":false,"status":403,"reasons":[{"code":"role_required","role":"<org:\"owner\">","message":"no\r\nno"}]}`)
	f("batch", func(ctx *fasthttp.RequestCtx) {
		Answers(ctx, someID, []*decision.Answer{{Decision: decision.Allowed()}, {Decision: denied}})
	},
		200, `{"results":[{"allow":true,"status":200,"reasons":[]},{"allow":false,"status":403,"reasons":[{"code":"role_required","role":"<org:\"owner\">","message":"no\r\nno"}]}]}`)
	f("empty batch", func(ctx *fasthttp.RequestCtx) { Answers(ctx, someID, nil) }, 200, `{"results":[]}`)
	f("session", func(ctx *fasthttp.RequestCtx) {
		WriteSession(ctx, someID, Session{Session: map[string]any{"user_id": "u"}, Permissions: []string{}, Role: &role, Features: []string{"f"}})
	}, 200, `{"session":{"user_id":"u"},"permissions":[],"role":"org:admin","features":["f"],"plan":null}`)
	f("no session", func(ctx *fasthttp.RequestCtx) {
		NoSession(ctx, someID, decision.Because(decision.TokenExpired, "late"))
	}, 401, `{"reasons":[{"code":"token_expired","message":"late"}]}`)
	f("refusal", func(ctx *fasthttp.RequestCtx) { Refusal(ctx, 413, "too long") },
		413, `{"allow":false,"status":400,"reasons":[{"code":"request_malformed","message":"too long"}]}`)
	f("what cannot be written", func(ctx *fasthttp.RequestCtx) { WriteSession(ctx, someID, Session{Session: func() {}}) },
		500, `{"allow":false,"status":403,"reasons":[{"code":"policy_error"}]}`)
}

func TestHeaders(t *testing.T) {
	f := func(answer func(*fasthttp.RequestCtx), id, challenge string) {
		t.Helper()
		var ctx fasthttp.RequestCtx
		answer(&ctx)
		h := &ctx.Response.Header
		if string(h.Peek(HeaderDecisionID)) != id || string(h.Peek("WWW-Authenticate")) != challenge {
			t.Errorf("headers\n%s\nwant id %q and challenge %q", h, id, challenge)
		}
	}
	f(func(ctx *fasthttp.RequestCtx) { Decision(ctx, someID, decision.Decision{}) }, someID.String(), "")
	f(func(ctx *fasthttp.RequestCtx) {
		NoSession(ctx, someID, decision.Denied(decision.Reason{Code: decision.TokenMissing}))
	}, someID.String(), "Bearer")
	f(func(ctx *fasthttp.RequestCtx) {
		NoSession(ctx, someID, decision.Denied(decision.Reason{Code: decision.NotReady}))
	}, someID.String(), "")
	f(func(ctx *fasthttp.RequestCtx) { Refusal(ctx, 404, "no") }, "", "")
}
