package server_test

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// slow sends the beginnings of requests.
func (w witness) slow() {
	var all sync.WaitGroup
	begin := func(want int, method, target string) {
		all.Go(func() { w.send(want, method, target, method+" %s HTTP/1.1\r\nHost: a\r\nX-Slow: ") })
	}
	begin(408, "GET", "/openapi.json")
	begin(408, "POST", "/v1/check")
	begin(408, "POST", "/v1/checks")
	begin(408, "GET", "/v1/session")
	begin(408, "GET", "/forward-auth")
	begin(403, "GET", "/auth-request")
	for _, method := range methods {
		begin(408, method, "/ext_authz/public/x")
	}
	all.Wait()
}

// everywhere asks once at every door that can answer for a trouble, and wants a decision's
// status of apps, and two of proxies.
func (w witness) everywhere(session, proxy, nginx int, bearer []string) {
	w.t.Helper()
	if a := w.ask(200, "POST", "/v1/check", `{"role":"org:admin"}`, bearer...); a.Decision.Status != session {
		w.t.Errorf("check: %s, want a decision of %d", a.Body, session)
	}
	w.ask(200, "POST", "/v1/checks", `{"checks":[{"role":"org:admin"}]}`, bearer...)
	w.ask(session, "GET", "/v1/session", "", bearer...)
	for _, method := range methods {
		w.ask(proxy, method, "/ext_authz/reports/7", "", bearer...)
	}
	w.ask(proxy, "GET", "/forward-auth", "", asked("GET", "/reports/7", bearer...)...)
	w.ask(nginx, "GET", "/auth-request", "", append([]string{"X-Original-Method", "GET", "X-Original-Uri", "/reports/7"}, bearer...)...)
}

// notReady is a server without a bundle.
func notReady(t *testing.T, c *contract, bearer []string) {
	missing := filepath.Join(t.TempDir(), "missing")
	witness{start(t, standard(t, missing, "unavailable_status: 503")), c}.everywhere(503, 503, 403, bearer)
	witness{start(t, standard(t, missing)), c}.everywhere(503, 403, 403, bearer)
}

// overfull is a server that is busy with the one request that it takes.
func overfull(t *testing.T, c *contract, bearer []string) {
	s := startBusy(t, standard(t, gated(t), "limits: {concurrency: 1}"))
	s.occupy(func() { _, _ = s.try("GET", "/v1/session", "", bearer...) })
	w := witness{s.sidecar, c}
	w.everywhere(503, 403, 403, bearer)
	w.ask(200, "GET", "/openapi.json", "")
	s.release()
}

// panicking is a server with a bug.
func panicking(t *testing.T, c *contract, bearer []string) {
	var armed atomic.Bool
	s := startAt(t, standard(t, gated(t)), func() time.Time {
		if armed.Load() {
			panic("the clock is broken")
		}
		return time.Now()
	})
	armed.Store(true)
	witness{s, c}.everywhere(403, 403, 403, bearer)
	armed.Store(false)
}

// choosing is a server whose policy says what a denial looks like.
func choosing(t *testing.T, c *contract, bearer []string) {
	dir := gated(t)
	write(t, dir, "mine.rego", `package mine

rule := {"allowed": false, "http_status": to_number(input.request.headers["x-status"]), "body": object.get(input.request.headers, "x-body", "")}
`)
	w := witness{start(t, standard(t, dir, "entrypoints: {route: mine/rule}")), c}
	for status, at := range map[string][2]int{"307": {307, 307}, "403": {403, 403}, "409": {409, 409}, "502": {403, 502}, "204": {403, 403}} {
		headers := append([]string{"X-Status", status}, bearer...)
		for range 2 {
			for _, method := range methods {
				w.ask(at[0], method, "/ext_authz/x", "", headers...)
			}
			w.ask(at[1], "GET", "/forward-auth", "", asked("GET", "/x", headers...)...)
			w.ask(403, "GET", "/auth-request", "", append([]string{"X-Original-Method", "GET", "X-Original-Uri", "/x"}, headers...)...)
			headers = append(headers, "X-Body", "not today")
		}
	}
}
