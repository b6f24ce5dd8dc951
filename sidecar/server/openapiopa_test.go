package server_test

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/sidecar/config"
)

// dataPaths are OPA's endpoints with a body, with a document that each has an answer for.
var dataPaths = []string{
	"/v1/data", "/v1/data/app/echo", "/v0/data", "/v0/data/app/echo", "/v1/batch/data", "/v1/batch/data/app/echo", "/",
}

// asks is a configuration whose OPA answers clients on this machine.
func asks(t *testing.T, more ...string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", "plans: {pro: {features: [reports]}}\n")
	write(t, dir, "app.rego", `package app

echo := object.get(input, "a", "none")

fails := 1 if input.fail

fails := 2 if input.fail

fails := 3 if not input.fail
`)
	write(t, dir, "system.rego", `package system

main := {"allow": true}

health.live if true

health.down := false
`)
	write(t, dir, "long/data.json", `{"text":"`+strings.Repeat("long ", 400)+`"}`)
	c := standard(t, dir, more...)
	c.Doors.OPA, c.Clients.Anonymous = true, config.AnonymousLoopback
	return c
}

// TestOpenAPI_opa is TestOpenAPI for OPA's door.
func TestOpenAPI_opa(t *testing.T) {
	t.Parallel()
	log := "decision_log: " + filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, asks(t, "limits: {body: 1KiB}", log))
	w := witness{s, contractOf(s)}
	for _, path := range dataPaths {
		question := `{"a":1}`
		if strings.HasPrefix(path, "/v1/") {
			question = `{"input":{"a":1},"inputs":{"x":{"a":1},"y":{}},"common_input":{"b":[]}}`
		}
		for _, query := range []string{"", "?pretty", "?pretty=true&metrics&instrument&provenance", "?strict-builtin-errors=true", "?explain=off"} {
			w.ask(200, "POST", path+query, question)
			w.ask(200, "POST", path+query, "{}", "Accept-Encoding", "identity")
		}
		w.ask(400, "POST", path, `{"a":1,"a":2}`)
		w.ask(400, "POST", path+"?explain=full", question)
		w.ask(405, "DELETE", path, "")
		w.ask(405, "PUT", path, "{}")
		w.strange("POST", path)
	}
	w.ask(200, "POST", "/v1/data/app/echo", "")
	w.ask(200, "POST", "/v1/data/app/none", "null")
	w.ask(200, "POST", "/v1/batch/data/app/echo", "")
	w.ask(200, "POST", "/v1/batch/data/app", `{"inputs":{"x":null,"y":7},"common_input":null}`)
	w.ask(207, "POST", "/v1/batch/data/app/fails?metrics&provenance", `{"inputs":{"x":{"fail":true},"y":{}}}`)
	w.ask(500, "POST", "/v1/batch/data/app/fails", `{"inputs":{"x":{"fail":true}}}`)
	for _, target := range []string{"/v1/data/app/echo?input=%7B%22a%22%3A1%7D", "/v1/data/app?metrics&provenance=true", "/v1/data", "/v1/data/long", "/v1/data/none"} {
		w.ask(200, "GET", target, "")
		w.ask(200, "GET", target, "", "Accept-Encoding", "gzip") // and the client leaves it packed
	}
	for _, path := range []string{"/v1/data", "/v1/data/app/echo"} {
		w.ask(400, "GET", path+"?input=%7B", "")
		w.strange("GET", path)
	}
	for _, path := range []string{"GET /v1/data/", "POST /v1/data/", "POST /v0/data/", "POST /v1/batch/data/"} {
		method, path, _ := strings.Cut(path, " ")
		body := `{"input":{"fail":true},"inputs":{"x":{"fail":true}},"fail":true}`
		if method == "GET" {
			body = ""
		}
		w.ask(301, method, path+"app/", body)
		w.ask(307, method, path+"app//echo", body)
		w.ask(403, method, path+"model/plans", body)
		w.ask(500, method, path+"app/fails?input=%7B%22fail%22:true%7D", body)
	}
	w.ask(207, "POST", "/v1/batch/data", `{"inputs":{"x":{"fail":true},"y":{}}}`)
	w.ask(404, "POST", "/v0/data/app/none", "{}")
	w.health()
	var troubles sync.WaitGroup
	for _, trouble := range []func(*testing.T, *contract){dataUnknown, dataUndefined, dataNotReady, dataOverfull, dataPanicking} {
		troubles.Go(func() { trouble(t, w.contract) })
	}
	for _, path := range dataPaths {
		troubles.Go(func() { w.send(408, "POST", path, "POST %s HTTP/1.1\r\nHost: a\r\nX-Slow: ") })
	}
	for _, path := range []string{"/v1/data", "/v1/data/app", "/health", "/health/live"} {
		troubles.Go(func() { w.send(408, "GET", path, "GET %s HTTP/1.1\r\nHost: a\r\nX-Slow: ") })
	}
	troubles.Wait()
	for _, path := range []string{"/v1/policies", "/v1/policies/a", "/v1/query", "/v1/compile", "/v1/config", "/v1/status"} {
		a := w.do("GET", path, "")
		if err := w.shape("#/components/responses/OPAHidden", "application/json", a.Body); a.Code != 404 || err != nil {
			t.Errorf("GET %s: %d %s: %v", path, a.Code, a.Body, err)
		}
	}
	w.covered(t, map[string]string{}, "opa")
}

// health asks whether all is well.
func (w witness) health() {
	w.t.Helper()
	for _, path := range []string{"/health", "/health?bundles", "/health?bundle=true&plugins&exclude-plugin=keys", "/health/live"} {
		w.ask(200, "GET", path, "")
	}
	w.ask(500, "GET", "/health/down", "")
	w.ask(500, "GET", "/health/none", "")
	w.send(400, "GET", "/health/%zz", "GET %s HTTP/1.1\r\nHost: a\r\n\r\n")
	w.ask(301, "GET", "/health/live/", "")
	w.ask(307, "GET", "/health//live", "")
	for _, path := range []string{"/health", "/health/live"} {
		w.ask(405, "POST", path, "")
		w.strange("GET", path)
	}
}

// dataAll wants one status of everything.
func (w witness) dataAll(want int) {
	w.t.Helper()
	for _, path := range dataPaths {
		w.ask(want, "POST", path, `{"inputs":{"x":{}}}`)
	}
	w.ask(want, "GET", "/v1/data", "")
	w.ask(want, "GET", "/v1/data/app", "")
}

func dataUnknown(t *testing.T, c *contract) {
	conf := asks(t)
	conf.Clients.Anonymous = ""
	witness{start(t, conf), c}.dataAll(401)
}

// dataUndefined is a server without a default decision.
func dataUndefined(t *testing.T, c *contract) {
	conf := asks(t)
	conf.Bundles[0].Path = gated(t)
	witness{start(t, conf), c}.ask(404, "POST", "/", "{}")
}

func dataNotReady(t *testing.T, c *contract) {
	conf := asks(t)
	conf.Bundles[0].Path = filepath.Join(t.TempDir(), "missing")
	w := witness{start(t, conf), c}
	w.dataAll(503)
	w.ask(200, "GET", "/health", "")
	w.ask(500, "GET", "/health?bundles", "")
	w.ask(500, "GET", "/health/live", "")
}

func dataOverfull(t *testing.T, c *contract) {
	s := startBusy(t, asks(t, "limits: {concurrency: 1}"))
	s.occupy(func() { _, _ = s.try("GET", "/v1/session", "") })
	w := witness{s.sidecar, c}
	w.dataAll(503)
	w.ask(503, "GET", "/health", "")
	w.ask(503, "GET", "/health/live", "")
	s.release()
}

func dataPanicking(t *testing.T, c *contract) {
	var armed atomic.Bool
	s := startAt(t, asks(t), func() time.Time {
		if armed.Load() {
			panic("the clock is broken")
		}
		return time.Now()
	})
	armed.Store(true)
	w := witness{s, c}
	w.dataAll(500)
	w.ask(500, "GET", "/health/live", "")
	armed.Store(false)
}

// TestOpenAPI_opaWrong: an answer that is not as described is found.
func TestOpenAPI_opaWrong(t *testing.T) {
	s := start(t, asks(t))
	w := witness{s, contractOf(s)}
	f := func(path, body string, wrongs ...func(*exchange)) {
		t.Helper()
		for i, wrong := range wrongs {
			e := &exchange{method: "POST", target: path, body: body, answer: w.do("POST", path, body)}
			if err := w.hold(e); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if wrong(e); w.hold(e) == nil {
				t.Errorf("%s: wrong answer %d is taken for right: %d %v %s", path, i, e.Code, e.Header, e.Body)
			}
		}
	}
	is := func(body string) func(*exchange) { return func(e *exchange) { e.Body = body } }
	f("/v1/data/app/echo?metrics", `{"input":{}}`,
		is(`[]`), is(`{"results":1}`), is(`{"warning":"a"}`), is(`{"provenance":{}}`), is(`{"metrics":{}}`), is(`{"code":"internal_error","message":"a"}`),
		func(e *exchange) { e.Header.Del("Vary") }, func(e *exchange) { e.Header.Del("X-Decision-Id") }, func(e *exchange) { e.Code = 201 }, func(e *exchange) { e.body = `[]` })
	f("/v1/data/model", `{}`, is(`{"code":"hidden","message":"a"}`), is(`{"code":"unauthorized"}`), is(`{"code":"unauthorized","message":"a","result":1}`))
	f("/v1/batch/data/app/fails", `{"inputs":{"x":{"fail":true},"y":{}}}`,
		is(`{"responses":{"x":{"code":"internal_error","message":"a","result":1}}}`), is(`{"responses":[]}`), is(`{"responses":{"x":{"http_status_code":200}}}`), is(`{"responses":{"x":{"code":"internal_error"}}}`),
		func(e *exchange) { e.body = `{"inputs":[]}` })
	f("/v0/data/app/none", `{}`, is(``), is(`{}`))
}
