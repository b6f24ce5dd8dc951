package server_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/sidecar/config"
)

// A witness asks a server, and holds what comes back against the contract.
type witness struct {
	*sidecar
	*contract
}

// ask wants one status.
func (w witness) ask(want int, method, target, body string, headers ...string) answer {
	w.t.Helper()
	e := &exchange{method: method, target: target, body: body, headers: headers, answer: w.do(method, target, body, headers...)}
	w.judge(want, e)
	return e.answer
}

func (w witness) judge(want int, e *exchange) {
	w.t.Helper()
	if e.Code != want {
		w.t.Errorf("%s %.100s %.200s: %d %s, want %d", e.method, e.target, e.body, e.Code, e.Body, want)
	}
	if err := w.hold(e); err != nil {
		w.t.Errorf("%s %.100s %.200s: %d %v %s: %v", e.method, e.target, e.body, e.Code, e.Header, e.Body, err)
	}
}

// send sends what comes before a request's end, with %s for its target, and judges the
// answer.
func (w witness) send(want int, method, target, text string) {
	w.t.Helper()
	c := w.dial()
	if _, err := fmt.Fprintf(c, text, target); err != nil {
		w.t.Error(err)
		return
	}
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		w.t.Errorf("%s %s: %v", method, target, err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Error(err)
	}
	w.judge(want, &exchange{method: method, target: target, answer: answer{Code: res.StatusCode, Header: res.Header, Body: string(body)}})
}

// TestOpenAPI: what the doors of apps and proxies answer is what is described, and all that
// is described takes place.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s := start(t, standard(t, gated(t), "sign_in_url: https://accounts.example.com/sign-in", "limits: {body: 1KiB}"))
	w := witness{s, contractOf(s)}
	bearer := []string{"Authorization", "Bearer " + sign(t, nil)}
	w.describes()
	w.checks(bearer)
	w.sessions(bearer)
	w.proxies(bearer)
	var troubles sync.WaitGroup
	for _, trouble := range []func(*testing.T, *contract, []string){notReady, overfull, panicking, choosing} {
		troubles.Go(func() { trouble(t, w.contract, bearer) })
	}
	troubles.Go(w.slow)
	troubles.Wait()
	w.covered(t, map[string]string{
		"GET /v1/session 500": "no session is known that cannot be written",
	}, "description", "check", "ext_authz", "forward_auth", "auth_request")
}

// describes asks for the description.
func (w witness) describes() {
	w.t.Helper()
	a := w.ask(200, "GET", "/openapi.json", "")
	w.ask(200, "HEAD", "/openapi.json", "")
	for _, tag := range []string{a.Header.Get("ETag"), `"a", W/` + a.Header.Get("ETag"), "*"} {
		w.ask(304, "GET", "/openapi.json", "", "If-None-Match", tag)
		w.ask(304, "HEAD", "/openapi.json", "", "If-None-Match", tag)
	}
	w.ask(200, "GET", "/openapi.json", "", "If-None-Match", `"a"`)
	w.ask(405, "POST", "/openapi.json", "{}")
	w.strange("GET", "/openapi.json")
	for _, path := range []string{"/", "/openapi.yaml", "/openapi.json/", "/OpenAPI.json", "/v1/Check", "/v1/check/", "/ext_authz2", "/healthz"} {
		w.ask(404, "GET", path, "")
	}
}

// strange sends what no door that reads its body looks at.
func (w witness) strange(method, target string) {
	w.t.Helper()
	w.ask(431, method, target, "", "X-Long", strings.Repeat("a", 20_000))
	w.ask(413, method, target, strings.Repeat("a", 2000))
	w.send(400, method, target, method+" %s HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n")
	w.send(505, method, target, method+" %s HTTP/1.2\r\nHost: a\r\n\r\n")
}

func (w witness) checks(bearer []string) {
	w.t.Helper()
	for _, question := range []string{
		`{}`, `{"role":"org:admin"}`, `{"role":"owner"}`, `{"role":null}`, `{"permission":"org:reports:read"}`,
		`{"permission":"org:none:read"}`, `{"feature":"none"}`, `{"plan":"none"}`, `{"reverification":"strict"}`,
		`{"reverification":{"level":"first_factor","afterMinutes":0.5}}`, `{"any":[]}`, `{"all":[{"any":[{"role":"a"},{"plan":"b"}]},{}]}`,
		`{"role":"org:admin","resource":{"type":"invoice"},"context":{"a":[1]}}`, `{"action":"organization.create"}`, `{"action":"x"}`,
		`{"action":"membership.invite","resource":{"role":"org:admin","members":1,"pending":0,"email":"a@b.example"}}`,
	} {
		for _, headers := range [][]string{
			nil, bearer, {"Cookie", "__session=" + sign(w.t, nil)}, {"Authorization", "Bearer x"}, {"Authorization", "Basic eDp5"},
			{"Authorization", "Bearer " + sign(w.t, map[string]any{"o": nil})},
			{"Authorization", "Bearer " + sign(w.t, map[string]any{"exp": time.Now().Unix() - 60})},
			{"Authorization", "Bearer x", "Authorization", "Bearer y"},
		} {
			w.ask(200, "POST", "/v1/check", question, headers...)
			w.ask(200, "POST", "/v1/checks", `{"checks":[`+question+`,`+question+`]}`, headers...)
		}
	}
	for _, body := range []string{``, `[]`, `{"roles":"a"}`, `{"role":"a"} 1`, `{"any":[],"role":"a"}`, `{"checks":{}}`} {
		w.ask(400, "POST", "/v1/check", body, bearer...)
		w.ask(400, "POST", "/v1/checks", body, bearer...)
	}
	for _, path := range []string{"/v1/check", "/v1/checks"} {
		w.ask(405, "GET", path, "")
		w.strange("POST", path)
	}
}

func (w witness) sessions(bearer []string) {
	w.t.Helper()
	w.ask(200, "GET", "/v1/session", "", bearer...)
	for _, changes := range []map[string]any{
		{"o": nil}, {"fea": nil, "pla": nil}, {"metadata": map[string]any{"a": []any{nil, 1e300, "b"}}},
		{"act": map[string]any{"sub": "user_2", "sid": "sess_2"}}, {"sid": nil}, {"v": nil, "org_id": "org_1", "org_role": "org:admin"},
	} {
		w.ask(200, "GET", "/v1/session", "", "Authorization", "Bearer "+sign(w.t, changes))
	}
	w.ask(401, "GET", "/v1/session", "")
	w.ask(401, "GET", "/v1/session", "", "Authorization", "Bearer x")
	w.ask(405, "POST", "/v1/session", "")
	w.strange("GET", "/v1/session")
}

// methods are those that OpenAPI has words for.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}

func (w witness) proxies(bearer []string) {
	w.t.Helper()
	page := []string{"Accept", "text/html"}
	for _, c := range []struct {
		target  string
		status  int
		nginx   int
		headers []string
	}{
		{"/public/x", 200, 200, nil},
		{"/public/x?a=b", 200, 200, bearer},
		{"/public/x", 200, 200, []string{"Authorization", "Bearer " + sign(w.t, map[string]any{"o": nil, "sub": "a,b\u00e9"})}},
		{"/owner", 401, 401, nil},
		{"/owner", 401, 401, []string{"Authorization", "Bearer x"}},
		{"/owner", 302, 401, page},
		{"/owner", 302, 403, bearer},
		{"/nowhere", 403, 403, bearer},
		{"/o/org_globex/", 404, 403, bearer},
		{"/public/../owner", 400, 403, bearer},
	} {
		for _, method := range methods {
			if method == "POST" && slices.Equal(c.headers, page) {
				continue // no page is asked for
			}
			if !(slices.Equal(c.headers, page) && method != "GET" && method != "HEAD") {
				w.ask(c.status, method, "/ext_authz"+c.target, "", c.headers...)
			}
			w.ask(c.status, method, "/forward-auth", "", asked("GET", c.target, c.headers...)...)
			w.ask(c.nginx, method, "/auth-request", "", append([]string{"X-Original-Method", "GET", "X-Original-Uri", c.target}, c.headers...)...)
			w.ask(c.nginx, method, "/auth-request", "", append([]string{"X-Original-Method", "GET", "X-Original-Url", "https://a.example" + c.target}, c.headers...)...)
		}
	}
	w.ask(400, "GET", "/forward-auth", "")
	w.ask(403, "GET", "/auth-request", "")
	long := []string{"X-Long", strings.Repeat("a", 20_000)}
	for _, method := range methods {
		if method != "HEAD" { // how long the answer's body is cannot be told without the request
			w.send(400, method, "/ext_authz/public/x", method+" %s HTTP/1.2\r\nHost: a\r\n\r\n")
		}
		w.ask(431, method, "/ext_authz/public/x", "", long...)
		w.ask(413, method, "/ext_authz/public/x", strings.Repeat("a", 2000))
	}
	w.ask(431, "GET", "/forward-auth", "", long...)
	w.ask(403, "GET", "/auth-request", "", long...)
	w.send(505, "GET", "/forward-auth", "GET %s HTTP/1.2\r\nHost: a\r\n\r\n")
	w.send(403, "GET", "/auth-request", "GET %s HTTP/1.2\r\nHost: a\r\n\r\n")
}

// TestOpenAPI_doors: what is described is what is open, and its name is the configured one.
func TestOpenAPI_doors(t *testing.T) {
	for door, paths := range map[string]string{
		"check": "/v1/check /v1/checks /v1/session", "ext_authz": "/ext_authz/{path}", "forward_auth": "/forward-auth", "auth_request": "/auth-request",
	} {
		c := standard(t, gated(t), "public_url: https://pdp.example.com", "identity_headers: {prefix: x-our-}")
		c.Issuers.List[0].Cookie = "ours"
		c.Doors = config.Doors{Check: door == "check", ExtAuthz: door == "ext_authz", ForwardAuth: door == "forward_auth", AuthRequest: door == "auth_request"}
		s := start(t, c)
		described := contractOf(s)
		if got := strings.Join(slices.Sorted(maps.Keys(described.Paths.Map())), " "); got != strings.Join(slices.Sorted(slices.Values(append(strings.Fields(paths), "/openapi.json"))), " ") {
			t.Errorf("%s: paths %s", door, got)
		}
		if got := described.Servers[0].URL; got != "https://pdp.example.com" {
			t.Errorf("%s: server %s", door, got)
		}
		if got := described.Components.SecuritySchemes["sessionCookie"].Value.Name; got != "ours" {
			t.Errorf("%s: cookie %s", door, got)
		}
		w := witness{s, described}
		w.ask(404, "POST", "/v1/nothing", "{}")
		if door == "forward_auth" {
			w.ask(200, "GET", "/forward-auth", "", asked("GET", "/public/x", "Cookie", "ours="+sign(t, nil))...)
		}
	}
}
