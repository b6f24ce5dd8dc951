package server_test

import (
	"strings"
	"testing"

	"postern/sidecar/decision"
)

// TestOpenAPI_wrong: an answer that is not as described is found.
func TestOpenAPI_wrong(t *testing.T) {
	s := start(t, standard(t, gated(t), "sign_in_url: https://accounts.example.com/sign-in"))
	w := witness{s, contractOf(s)}
	bearer := []string{"Authorization", "Bearer " + sign(t, nil)}
	proxied := append([]string{"X-Original-Method", "GET", "X-Original-Uri", "/public/x"}, bearer...)
	body := func(from, to string) func(*exchange) {
		return func(e *exchange) {
			if !strings.Contains(e.Body, from) {
				t.Fatalf("%s has no %s", e.Body, from)
			}
			e.Body = strings.Replace(e.Body, from, to, 1)
		}
	}
	without := func(name string) func(*exchange) { return func(e *exchange) { e.Header.Del(name) } }
	with := func(name, value string) func(*exchange) { return func(e *exchange) { e.Header.Set(name, value) } }
	f := func(name, method, target, sent string, headers []string, wrongs ...func(*exchange)) {
		t.Helper()
		for i, wrong := range wrongs {
			e := &exchange{method: method, target: target, body: sent, headers: headers, answer: w.do(method, target, sent, headers...)}
			if err := w.hold(e); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if wrong(e); w.hold(e) == nil {
				t.Errorf("%s: wrong answer %d is taken for right: %d %v %s", name, i, e.Code, e.Header, e.Body)
			}
		}
	}
	f("an allow", "POST", "/v1/check", `{"role":"org:admin"}`, bearer,
		body(`true`, `"true"`), body(`200`, `403`), body(`[]`, `[{"code":"policy_denied"}]`), body(`[]`, `null`), body(`{`, `{"x":1,`), body(`"allow":true,`, ``),
		body(`{`, `[{`), without("X-Decision-Id"), with("X-Decision-Id", "7"), without("Cache-Control"), with("Cache-Control", "max-age=1"),
		with("X-New", "a"), with("Content-Type", "text/plain"), with("Location", "/"),
		func(e *exchange) { e.Code = 201 }, func(e *exchange) { e.Code = 404 }, func(e *exchange) { e.method = "GET" }, func(e *exchange) { e.target = "/v1/other" },
		func(e *exchange) { e.body = `{"roles":"a"}` }, func(e *exchange) { e.body = `{"any":[{"action":"a"}]}` }, func(e *exchange) { e.body = "" })
	f("a denial", "POST", "/v1/check", `{"role":"owner"}`, bearer,
		body(`role_required`, `role_needed`), body(`"reasons":[`, `"reasons":[],"x":[`), body(`"code"`, `"Code"`), body(`"role":`, `"roles":`), body(`403`, `404`), body(`false`, `true`))
	f("a batch", "POST", "/v1/checks", `{"checks":[{},{"role":"org:admin"}]}`, bearer,
		body(`"results"`, `"Results"`), body(`nothing_asked`, `nothing`), body(`},{`, `},null,{`), func(e *exchange) { e.body = `{"checks":[{"role":7}]}` })
	f("a session", "GET", "/v1/session", "", bearer,
		body(`"user_id":"user_1"`, `"user_id":7`), body(`"permissions":[`, `"permissions":[null,`), body(`"plan":`, `"plans":`), body(`"org":{`, `"org":{"x":1,`))
	f("no session", "GET", "/v1/session", "", nil, without("WWW-Authenticate"), with("WWW-Authenticate", "Basic"), body(`token_missing`, `missing`))
	f("a refusal", "POST", "/v1/check", `{"roles":1}`, bearer, body(`request_malformed`, string(decision.PolicyDenied)), body(`400`, `403`), with("X-Decision-Id", "7"))
	f("another method", "GET", "/v1/check", "", nil, without("Allow"), with("Allow", "post"), func(e *exchange) { e.Code = 200 })
	f("a proxy's allow", "GET", "/auth-request", "", proxied,
		without("X-Postern-User"), with("X-Postern-User", "a b"), with("X-Postern-Users", "a"), with("Content-Type", "text/plain"),
		func(e *exchange) { e.Body = "allowed" }, func(e *exchange) { e.Code = 204 }, func(e *exchange) { e.Code = 302 }, func(e *exchange) { e.headers = nil })
	f("a redirect", "GET", "/forward-auth", "", asked("GET", "/owner", "Accept", "text/html"), without("Location"), func(e *exchange) { e.Body = "a" })
	f("the description", "GET", "/openapi.json", "", nil, without("ETag"), body(`"openapi":"3.1.`, `"openapi":"3.0.`), body(`"paths":`, `"Paths":`))
	f("no endpoint", "GET", "/nothing", "", nil, func(e *exchange) { e.Code = 200 }, func(e *exchange) { e.Body = "404" })
}

// TestConforms: what every test's answers are held against refuses wrong ones, too.
func TestConforms(t *testing.T) {
	c, err := every()
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, standard(t, gated(t)))
	good := func() *exchange {
		return &exchange{method: "POST", target: "/v1/check", answer: s.do("POST", "/v1/check", `{"role":"x"}`)}
	}
	if err := c.hold(good()); err != nil {
		t.Fatal(err)
	}
	for i, wrong := range []func(*exchange){
		func(e *exchange) { e.Code = 500 }, func(e *exchange) { e.Code = 404 }, func(e *exchange) { e.method = "PUT" }, func(e *exchange) { e.Body = "{}" },
		func(e *exchange) { e.Header.Del("X-Decision-Id") }, func(e *exchange) { e.Header.Set("Cache-Control", "public") },
	} {
		e := good()
		if wrong(e); c.hold(e) == nil {
			t.Errorf("wrong answer %d is taken for right: %d %v %s", i, e.Code, e.Header, e.Body)
		}
	}
}
