//go:build !race

package server

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// TestWarm_allocates: on a session that was seen before, with a question that was answered
// before, the whole way of a request takes no memory of its own; and once for a route with
// a parameter, which net/http's mux takes.
func TestWarm_allocates(t *testing.T) {
	s, bearer := ready(t)
	handler := s.handler()
	f := func(name, request string, want float64) {
		t.Helper()
		allocates(t, handler, name, request, want)
	}
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, bearer, len(body), body)
	}
	f("check", post("/v1/check", `{"permission":"org:reports:read"}`), 0)
	f("a denied check", post("/v1/check", `{"permission":"org:reports:delete"}`), 0)
	f("a check of a verification", post("/v1/check", `{"reverification":"strict"}`), 0)
	f("checks", post("/v1/checks", `{"checks":[{"permission":"org:reports:read"},{"role":"org:owner"}]}`), 0)
	f("ext_authz", "GET /ext_authz/health HTTP/1.1\r\nHost: a\r\n"+bearer+"\r\n", 1)
	f("ext_authz with a parameter", "GET /ext_authz/invoices/7 HTTP/1.1\r\nHost: a\r\n"+bearer+"\r\n", 1)
	f("forward-auth", "GET /forward-auth HTTP/1.1\r\nHost: p\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: a\r\nX-Forwarded-Uri: /invoices/7\r\n"+bearer+"\r\n", 1)
	f("auth-request", "GET /auth-request HTTP/1.1\r\nHost: p\r\nX-Original-Method: GET\r\nX-Original-URI: /invoices/7\r\n"+bearer+"\r\n", 1)
}

// allocates holds a request, once it was answered before, to taking memory at most want times.
func allocates(t *testing.T, handler fasthttp.RequestHandler, name, request string, want float64) {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, nil, nil)
	if err := ctx.Request.Read(bufio.NewReader(strings.NewReader(request))); err != nil {
		t.Fatal(err)
	}
	ask := func() {
		ctx.Response.Reset()
		handler(&ctx)
		if ctx.Response.StatusCode() != 200 {
			t.Fatalf("%s: %s", name, &ctx.Response)
		}
	}
	for range 3 {
		ask()
	}
	if got := testing.AllocsPerRun(200, ask); got > want {
		t.Errorf("%s allocates %v times, want %v", name, got, want)
	}
}
