package server_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/sidecar/config"
)

// TestAuthZEN_transport holds what is the same at every endpoint, of which the certification
// repeats most.
func TestAuthZEN_transport(t *testing.T) {
	s := startCertified(t, "limits: {body: 2KiB}")
	for _, endpoint := range accessEndpoints() {
		path, body := "/access/v1/"+endpoint, accessBodies[endpoint]
		f := func(id, method, path, body, contentType string, want int) {
			t.Helper()
			headers := []string{"X-Request-ID", "id of " + id}
			if contentType != "" {
				headers = append(headers, "Content-Type", contentType)
			}
			a := s.do(method, path, body, headers...)
			if a.Code != want || a.Header.Get("X-Request-ID") != "id of "+id {
				t.Errorf("%s@%s: %d %s %v, want %d", id, endpoint, a.Code, a.Body, a.Header, want)
			}
			if a.Code != 200 && method != "HEAD" && (a.Body == "" || len(a.Body) > 120 || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain")) {
				t.Errorf("%s@%s: %q %v, want a short text", id, endpoint, a.Body, a.Header)
			}
			if a.Code == 405 && a.Header.Get("Allow") != "POST" {
				t.Errorf("%s@%s: Allow %q", id, endpoint, a.Header.Get("Allow"))
			}
		}
		const mediaType = "application/json"
		f("c-2-5-1", "POST", path, body, mediaType, 200)
		f("with a query", "POST", path+"?a=b", body, mediaType, 200)
		f("c-2-4-4", "POST", path, ``, mediaType, 400)
		f("c-2-4-2", "POST", path, `{`, mediaType, 400)
		f("s-dos-6", "POST", path, `{"more":"`+strings.Repeat("a", 3000)+`"}`, mediaType, 413)
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			f("s-http-2", method, path, "", "", 405)
		}
		f("s-ct-2", "POST", path, body, "application/json; charset=utf-8", 200)
		f("s-ct-2", "POST", path, body, "application/json ;charset=\"UTF-8\"; x=y", 200)
		f("s-ct-3", "POST", path, body, "Application/JSON", 200)
		for _, other := range []string{"", "text/plain", "text/json", "application/jsonp", "application/json2", "application/x-www-form-urlencoded", "application/problem+json", "application/json,text/plain", "multipart/form-data; boundary=a", "json", ";application/json", "*/*"} {
			f("c-2-4-3", "POST", path, body, other, 400)
		}
	}
	for _, path := range []string{
		"/access/v1", "/access/v1/", "/access/v1/evaluation/", "/access/v1//evaluation", "/access/v2/evaluation", "/Access/v1/evaluation",
		"/access/v1/%65valuation", "/access/v1/x/../evaluation", "/access/v1/evaluation;a=b", "/access/v1/search", "/access/v1/search/subjects",
	} {
		if a := s.do("POST", path, aliceReads, "Content-Type", "application/json"); a.Code != 404 {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
}

// TestAuthZEN_requestID: whatever id a request has, its answer has, and without one there is
// none (s-rid-1 to s-rid-6).
func TestAuthZEN_requestID(t *testing.T) {
	s := startCertified(t)
	for _, id := range []string{"bfe9eb29-ab87-4ca3-be83-a1d5d8305716", "MiXeD Case, \t \"quoted\" = 7; é\xff", strings.Repeat("x", 8000), ""} {
		for endpoint, body := range accessBodies {
			for want, body := range map[int]string{200: body, 400: `[]`} {
				a := s.access(endpoint, body, "X-Request-ID", id)
				if got := a.Header.Values("X-Request-ID"); a.Code != want || len(got) != 1 || got[0] != id {
					t.Errorf("%s: %d, id %q, want %d, %q", endpoint, a.Code, got, want, id)
				}
			}
		}
	}
	a := s.access("evaluation", aliceReads)
	if got := a.Header.Values("X-Request-ID"); a.Code != 200 || len(got) != 0 {
		t.Errorf("without an id: %d, %q", a.Code, got)
	}
	a = s.access("evaluation", aliceReads, "X-Request-ID", "a", "x-request-id", "b")
	if got := a.Header.Values("X-Request-ID"); a.Code != 200 || fmt.Sprint(got) != "[a b]" {
		t.Errorf("with two: %d, %q", a.Code, got)
	}
}

// TestAuthZEN_turnedAway: what no door has looked at has its id all the same, as far as its
// headers were read.
func TestAuthZEN_turnedAway(t *testing.T) {
	s := startCertified(t)
	head := "POST /access/v1/search/resource HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Request-ID: one\r\n"
	f := func(name, request string, want int, id string) {
		t.Helper()
		conn := s.dial()
		_, _ = io.WriteString(conn, request)
		text, err := io.ReadAll(conn)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		lower := strings.ToLower(string(text))
		if !strings.HasPrefix(lower, fmt.Sprintf("http/1.1 %d ", want)) || id != "" && !strings.Contains(lower, "\r\nx-request-id: "+id+"\r\n") || !strings.Contains(lower, "text/plain") {
			t.Errorf("%s: %s, want %d", name, text, want)
		}
	}
	f("two lengths", head+"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "one")
	f("two media types", head+"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 400, "one")
	f("too many headers", head+strings.Repeat("A: b\r\n", 300)+"\r\n", 431, "one")
	f("a long body", head+"Content-Length: 1073741824\r\n\r\n", 413, "one")
	f("a long body that is asked for", head+"Expect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n", 413, "one")
	f("another version", strings.Replace(head, "HTTP/1.1", "HTTP/1.2", 1)+"\r\n", 505, "one")
	f("long headers", head+"A: "+strings.Repeat("a", 20<<10)+"\r\n\r\n", 431, "")
}

// TestAuthZEN_clients: who is not let in learns nothing, and a session lets nobody in
// (s-401-1 to s-401-4).
func TestAuthZEN_clients(t *testing.T) {
	c := authzen(standard(t, certified(t)))
	c.Clients.Anonymous = ""
	s := start(t, c)
	token := sign(t, nil)
	for endpoint, body := range accessBodies {
		for _, body := range []string{body, `{`, ``} {
			for _, headers := range [][]string{nil, {"Authorization", "Bearer " + token}, {"Cookie", "__session=" + token}, {"Authorization", "undefined"}} {
				a := s.access(endpoint, body, append([]string{"X-Request-ID", "Q"}, headers...)...)
				if a.Code != 401 || a.Header.Get("WWW-Authenticate") == "" || a.Header.Get("X-Request-ID") != "Q" || strings.Contains(a.Body, "decision") {
					t.Errorf("%s %v: %d %s %v", endpoint, headers, a.Code, a.Body, a.Header)
				}
			}
		}
	}
	// A page of another host, in a browser on this machine, is no client.
	c = authzen(standard(t, certified(t)))
	c.Entrypoints.Evaluate = "pdp/decision"
	s = start(t, c)
	req, err := http.NewRequest("POST", s.url+"/access/v1/evaluation", strings.NewReader(aliceReads))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "evil.example"
	req.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(req)
	if err != nil || res.StatusCode != 401 {
		t.Errorf("for another host: %v, %v", res, err)
	}
	res.Body.Close()
}

// TestAuthZEN_closed: the door is closed unless it was opened.
func TestAuthZEN_closed(t *testing.T) {
	c := standard(t, certified(t))
	c.PublicURL, c.Clients.Anonymous = "https://pdp.example.com", config.AnonymousLoopback
	s := start(t, c)
	for endpoint, body := range accessBodies {
		if a := s.access(endpoint, body); a.Code != 404 {
			t.Errorf("%s: %d %s", endpoint, a.Code, a.Body)
		}
	}
	if a := s.do("GET", "/.well-known/authzen-configuration", ""); a.Code != 404 {
		t.Errorf("metadata: %d %s", a.Code, a.Body)
	}
}

// everywhere asks each endpoint and wants an error with the request's id.
func everywhere(t *testing.T, s *sidecar, want int) {
	t.Helper()
	for endpoint, body := range accessBodies {
		a := s.access(endpoint, body, "X-Request-ID", "Q")
		if a.Code != want || a.Header.Get("X-Request-ID") != "Q" || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") || strings.Contains(a.Body, "decision\"") {
			t.Errorf("%s: %d %s %v, want %d", endpoint, a.Code, a.Body, a.Header, want)
		}
	}
}

func TestAuthZEN_notReady(t *testing.T) {
	c := authzen(standard(t, filepath.Join(t.TempDir(), "missing")))
	c.PublicURL = "https://pdp.example.com"
	s := start(t, c)
	everywhere(t, s, 503)
	if a := s.do("GET", "/.well-known/authzen-configuration", ""); a.Code != 503 || a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("metadata: %d %s %v", a.Code, a.Body, a.Header)
	}
}

func TestAuthZEN_overloaded(t *testing.T) {
	s := startBusy(t, authzen(standard(t, certified(t), "limits: {concurrency: 1}")))
	s.occupy(func() { _, _ = s.try("POST", "/v1/check", `{"role":"admin"}`) })
	everywhere(t, s.sidecar, 503)
}

func TestAuthZEN_panic(t *testing.T) {
	var armed atomic.Bool
	s := startAt(t, authzen(standard(t, certified(t))), func() time.Time {
		if armed.Load() {
			panic("the clock is broken")
		}
		return time.Now()
	})
	armed.Store(true)
	everywhere(t, s, 500)
	armed.Store(false)
	if a := s.access("evaluation", aliceReads); a.Code != 200 {
		t.Errorf("afterwards: %d %s", a.Code, a.Body)
	}
}

// TestAuthZEN_failures: a policy that fails denies an evaluation, and a search that fails has
// no results at all.
func TestAuthZEN_failures(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "pdp.rego", `package pdp

broken := true if input.action.name

broken := false if input.resource.type

shapeless := {"surprise": input.action.name}

slow if {
	some i in numbers.range(1, 30000)
	some j in numbers.range(1, 30000)
	i * j == count(input.subject.type) * -1
}

undefined if input.never
`)
	for rule, want := range map[string]int{"broken": 500, "shapeless": 500, "undefined": 500, "slow": 503} {
		c := authzen(standard(t, dir, "policy: {deadline: 50ms}"))
		path := "pdp/" + rule
		c.Entrypoints = config.Entrypoints{Evaluate: path, Search: config.Search{Subject: path, Resource: path, Action: path}}
		s := start(t, c)
		accessCase{rule, aliceReads, no}.run(t, s, "evaluation")
		accessCase{rule, `{` + alice + `,` + reads + `,"evaluations":[{` + first + `}]}`, `{"evaluations":[` + no + `]}`}.run(t, s, "evaluations")
		for _, endpoint := range []string{"search/subject", "search/resource", "search/action"} {
			a := s.access(endpoint, accessBodies[endpoint])
			if a.Code != want || strings.Contains(a.Body, "results") || strings.Contains(a.Body, "rego") {
				t.Errorf("%s %s: %d %s, want %d", rule, endpoint, a.Code, a.Body, want)
			}
		}
		if !strings.Contains(s.log.String(), `"reason":"policy_`) {
			t.Errorf("%s: the log says nothing", rule)
		}
	}
}

// TestAuthZEN_large: where the limits allow it, long ids and long batches are answered like
// others (s-dos-7).
func TestAuthZEN_large(t *testing.T) {
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := startCertified(t, "limits: {body: 4MiB, batch: 10000}", "decision_log: "+log)
	long := strings.Repeat("é\\u0000", 1<<17)
	for _, kind := range []string{"user", "session"} {
		subject := `{"subject":{"type":"` + kind + `","id":"` + long + `"},` + reads + `,`
		accessCase{"long ids", subject + `"resource":{"type":"record","id":"` + long + `"}}`, no}.run(t, s, "evaluation")
		accessCase{"long ids", subject + `"resource":{"type":"record"}}`, `{"results":[]}`}.run(t, s, "search/resource")
	}
	items := strings.Repeat(`{},{"subject":{"type":"session","id":"x"}},`, 5000)
	want := strings.Repeat(yes+","+no+",", 5000)
	accessCase{"long batch", `{` + alice + `,` + reads + `,` + first + `,"evaluations":[` + strings.TrimSuffix(items, ",") + `]}`,
		`{"evaluations":[` + strings.TrimSuffix(want, ",") + `]}`}.run(t, s, "evaluations")
	accessCase{"a longer batch", `{` + alice + `,"evaluations":[` + items + `{}]}`, "400 more than 10000"}.run(t, s, "evaluations")
}
