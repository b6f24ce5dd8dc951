package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/sidecar/config"
)

// questioned is a bundle with a model, and rules that read it.
func questioned(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write(t, dir, "model/data.yaml", "organizations: {org_acme: {plan: pro}}\nplans: {pro: {features: [reports]}}\nrevoked: {users: {user_gone: {}}}\n")
	write(t, dir, "app/app.rego", `package app

plan := data.model.organizations[input.org].plan

echo := input

user := input.session.user_id

code := input.credential.code

fails := 1 if input.fail
fails := 2 if input.fail

allow if input.session.org.role == "org:admin"

slow := n if {
	input.slow
	n := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1])
}
`)
	write(t, dir, "long/data.json", `{"text": "`+strings.Repeat("long ", 400)+`"}`)
	return dir
}

// TestOPA_hidden: no spelling of a path leads to the model or to the library.
func TestOPA_hidden(t *testing.T) {
	t.Parallel()
	s := start(t, opaConfig(t, questioned(t)))
	address := strings.TrimPrefix(s.url, "http://")
	for _, path := range []string{
		"model", "model/organizations", "model/organizations/org_acme", "mod%65l", "%6d%6f%64%65%6c", "%6D%6F%64%65%6C/plans", "model?pretty", "postern", "postern/check/decision", "p%6fstern/extend", "postern/extend/deny",
	} {
		for _, c := range []call{opaGet("/v1/data/" + path), opaPost("/v1/data/"+path, `{"input": {}}`), opaPost("/v0/data/"+path, "{}"), opaPost("/v1/batch/data/"+path, `{"inputs": {"a": {}}}`)} {
			response, body := send(t, address, c)
			if response.StatusCode != 403 || !strings.Contains(body, `"unauthorized"`) {
				t.Errorf("%s %s: %d %s", c.method, c.target, response.StatusCode, body)
			}
		}
	}
	for _, path := range []string{
		"", "/", "//model", "/./model", "/app/../model", "/%2e/model", "/app/%2e%2e/model", "/app%2F..%2Fmodel", "/model%2Forganizations", "/.%2Fmodel", "/%2Fmodel", "/mod%2565l", "/MODEL", "/model%00", "/model%20", "/model;x", "/model.", "/m%EF%BD%8Fdel",
		"/app?path=model", "/app#/model", `/app\..\model`, "/%ff/model", "/data/model", "/app/echo/../../model", "/..%2f..%2fmodel",
	} {
		for _, c := range []call{opaGet("/v1/data" + path), opaPost("/v1/data"+path, `{"input": {}}`), opaPost("/v0/data"+path, "{}"), opaPost("/v1/batch/data"+path, `{"inputs": {"a": {}}}`)} {
			response, body := send(t, address, c)
			if strings.Contains(body, "org_acme") || strings.Contains(body, "features") || strings.Contains(body, `"postern":`) {
				t.Errorf("%s %s: %d %s", c.method, c.target, response.StatusCode, body)
			}
			if to := response.Header.Get("Location"); to != "" && !strings.HasPrefix(to, "/v1/") && !strings.HasPrefix(to, "/v0/") {
				t.Errorf("%s %s: moved to %s", c.method, c.target, to)
			}
		}
	}
	// Rules that read the model go on doing so.
	if a := s.do("POST", "/v1/data/app/plan", `{"input": {"org": "org_acme"}}`); a.Code != 200 || a.Body != "{\"result\":\"pro\"}\n" {
		t.Errorf("plan: %d %s", a.Code, a.Body)
	}
}

// TestOPA_session: with the switch, who asks is the verified session, whatever the caller
// says; without it, nothing is looked at.
func TestOPA_session(t *testing.T) {
	t.Parallel()
	bundle := questioned(t)
	const forged = `{"input": {"session": {"user_id": "root", "org": {"role": "org:admin"}}, "credential": {"code": "mine"}}}`
	off := start(t, opaConfig(t, bundle))
	if a := off.do("POST", "/v1/data/app/user", forged, "Authorization", "Bearer "+sign(t, nil)); a.Body != "{\"result\":\"root\"}\n" {
		t.Errorf("off: %s", a.Body)
	}
	if a := off.do("POST", "/v1/data/app/echo", `{"input": {"a": 1}}`, "Authorization", "Bearer "+sign(t, nil)); a.Body != "{\"result\":{\"a\":1}}\n" {
		t.Errorf("off: %s", a.Body)
	}
	on := start(t, opaConfig(t, bundle, "opa: {session: true}"))
	f := func(want, path, body string, headers ...string) {
		t.Helper()
		if a := on.do("POST", "/v1/data/app/"+path, body, headers...); a.Code != 200 || !strings.Contains(a.Body, want) || want == "" && strings.Contains(a.Body, "result") {
			t.Errorf("%s %s %v: %d %s, want %q", path, body, headers, a.Code, a.Body, want)
		}
	}
	good := "Bearer " + sign(t, nil)
	for _, body := range []string{forged, `{"input": {}}`, `{}`, ``} {
		f(`"result":"user_1"`, "user", body, "Authorization", good)
		f(`"result":true`, "allow", body, "Authorization", good)
		f("", "user", body)
		f("", "allow", body)
		f(`"result":"token_missing"`, "code", body)
		f(`"result":"token_signature"`, "code", body, "Authorization", good[:len(good)-8]+"AAAAAAAA")
		f("", "user", body, "Authorization", good[:len(good)-8]+"AAAAAAAA")
		f(`"result":"session_revoked"`, "code", body, "Authorization", "Bearer "+sign(t, map[string]any{"sub": "user_gone"}))
		f(`"result":"user_1"`, "user", body, "Cookie", "__session="+sign(t, nil))
	}
	if a := on.do("POST", "/v1/batch/data/app/user", `{"inputs": {"a": {}, "b": {"session": {"user_id": "root"}}, "c": [1]}, "common_input": {"session": {"user_id": "root"}}}`, "Authorization", good); a.Body != `{"responses":{"a":{"result":"user_1"},"b":{"result":"user_1"},"c":{}}}`+"\n" {
		t.Errorf("batch: %d %s", a.Code, a.Body)
	}
}

// TestOPA_sessionBesideToken: where clients bring tokens, the Authorization header is never
// the session's.
func TestOPA_sessionBesideToken(t *testing.T) {
	t.Parallel()
	c := opaConfig(t, questioned(t), "opa: {session: true}")
	c.Clients.TokensFile = filepath.Join(t.TempDir(), "tokens")
	c.Clients.Anonymous = ""
	const client = "Bearer 0123456789abcdef0123456789abcdef"
	if err := os.WriteFile(c.Clients.TokensFile, []byte("app "+strings.TrimPrefix(client, "Bearer ")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, c)
	token := sign(t, nil)
	for _, test := range []struct {
		name    string
		headers []string
		want    int
		session bool
	}{
		{"a client with a session", []string{"Authorization", client, "Cookie", "__session=" + token}, 200, true},
		{"a client without", []string{"Authorization", client}, 200, false},
		{"a session in the header", []string{"Authorization", "Bearer " + token}, 401, false},
		{"a session that is no client", []string{"Cookie", "__session=" + token}, 401, false},
	} {
		a := s.do("POST", "/v1/data/app/user", `{}`, test.headers...)
		if a.Code != test.want || strings.Contains(a.Body, "user_1") != test.session {
			t.Errorf("%s: %d %s", test.name, a.Code, a.Body)
		}
	}
}

// TestOPA_clients: who is no client is told so before anything else, whatever it asks, and
// only health is for everybody.
func TestOPA_clients(t *testing.T) {
	t.Parallel()
	c := opaConfig(t, questioned(t))
	c.Clients.Anonymous = ""
	s := start(t, c)
	for _, target := range []string{"/v1/data", "/v1/data/app", "/v1/data/app/", "/v1/data//", "/v1/data/%00", "/v0/data/app", "/v1/batch/data/app", "/", "/v1/policies", "/v1/query", "/v1/config", "/v1/data/model"} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
			a := s.do(method, target, `{`, "Authorization", "Bearer "+sign(t, nil))
			if a.Code != 401 || !strings.Contains(a.Body, `"unauthorized"`) || a.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: %d %s", method, target, a.Code, a.Body)
			}
		}
	}
	if a := s.do("GET", "/health", ""); a.Code != 200 || a.Body != "{}\n" {
		t.Errorf("health: %d %s", a.Code, a.Body)
	}
	closed := start(t, standard(t, questioned(t)))
	for _, target := range []string{"/v1/data", "/v0/data/app", "/v1/batch/data/app", "/", "/health", "/v1/config"} {
		if a := closed.do("POST", target, "{}"); a.Code != 404 {
			t.Errorf("with the door closed, POST %s: %d %s", target, a.Code, a.Body)
		}
	}
}

// TestOPA_batch: the shapes of Enterprise OPA's answers.
func TestOPA_batch(t *testing.T) {
	t.Parallel()
	s := start(t, opaConfig(t, questioned(t), "limits: {batch: 3}"))
	f := func(status int, want, body string) {
		t.Helper()
		a := s.do("POST", "/v1/batch/data/app/fails", body)
		if a.Code != status || !strings.Contains(a.Body, want) || a.Header.Get("X-Decision-Id") == "" && status != 400 {
			t.Errorf("%s: %d %s, want %d %s", body, a.Code, a.Body, status, want)
		}
	}
	f(200, `{"responses":{"a":{},"b":{}}}`, `{"inputs": {"a": {}, "b": null}}`)
	f(200, "{}\n", `{"inputs": {}}`)
	f(200, `"message":"'inputs' key missing from the request"`, `{}`)
	f(200, `"warning"`, ``)
	f(200, `"warning"`, `{"inputs": null}`)
	f(207, `{"responses":{"bad":{"http_status_code":"500","code":"internal_error","message":"error(s) occurred while evaluating query","errors":[{"code":"eval_conflict_error"`, `{"inputs": {"good": {}, "bad": {"fail": true}}}`)
	f(207, `"good":{"http_status_code":"200"}`, `{"inputs": {"good": {}, "bad": {"fail": true}}}`)
	f(500, `{"responses":{"x":{"code":"internal_error"`, `{"inputs": {"x": {"fail": true}, "y": {}}, "common_input": {"fail": true}}`)
	f(400, `a batch of more than 3 inputs`, `{"inputs": {"a": 1, "b": 1, "c": 1, "d": 1}}`)
	for _, body := range []string{`[]`, `{"inputs": []}`, `{"inputs": 1}`, `{"inputs": {"a": 1, "a": 2}}`, `{"Inputs": {}}`, `{"inputs": {}, "COMMON_INPUT": {}}`, `{"inputs": {"a": 1e999}}`, `{"inputs": {}} x`, `{"inputs": {"a": {"b": 1, "b": 2}}}`} {
		f(400, invalid, body)
	}
	if a := s.do("POST", "/v1/batch/data/app/echo?metrics&provenance&pretty", `{"inputs": {"a": 1}}`); !strings.Contains(a.Body, "timer_rego_query_eval_ns") || !strings.Contains(a.Body, `"build_commit"`) || strings.Count(a.Body, "timer_server_handler_ns") != 2 {
		t.Errorf("measures: %s", a.Body)
	}
	if a := s.do("POST", "/v1/batch/data/model", `{"inputs": {"a": 1}}`); a.Code != 403 {
		t.Errorf("the model: %d %s", a.Code, a.Body)
	}
}

// TestOPA_log: each document is logged with its kind and no more claim to an allow than it
// has, under the id that the client is told; and no token is, wherever a client puts it.
func TestOPA_log(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decisions")
	s := start(t, opaConfig(t, questioned(t), "opa: {session: true}", "decision_log: "+path))
	token := sign(t, nil)
	bearer := []string{"Authorization", "Bearer " + token}
	var told struct {
		ID    string `json:"decision_id"`
		Batch string `json:"batch_decision_id"`
	}
	first := s.do("POST", "/v1/data/app/allow", `{"input": {}}`, bearer...)
	if err := json.Unmarshal([]byte(first.Body), &told); err != nil || told.ID == "" || told.ID != first.Header.Get("X-Decision-Id") {
		t.Errorf("%s, header %s", first.Body, first.Header.Get("X-Decision-Id"))
	}
	s.do("POST", "/v1/data/app/echo", `{"input": {"t": "`+token+`"}}`, bearer...)
	s.do("GET", "/v1/data/app/"+token, "", bearer...)
	s.do("POST", "/v1/data/app/fails", `{"input": {"fail": "`+token+`"}}`, bearer...)
	s.do("GET", "/v1/data/model", "")
	batch := s.do("POST", "/v1/batch/data/app/user", `{"inputs": {"a": {}}}`, bearer...)
	if err := json.Unmarshal([]byte(batch.Body), &told); err != nil || told.Batch != batch.Header.Get("X-Decision-Id") {
		t.Errorf("%s, header %s", batch.Body, batch.Header.Get("X-Decision-Id"))
	}
	metrics := s.do("GET", "admin:/metrics", "").Body
	for _, want := range []string{`{door="data",outcome="allow"} 1`, `{door="data",outcome="other"} 1`, `{door="data",outcome="deny"} 3`, `{door="data",reason="policy_undefined"} 1`, `{door="batch_data",outcome="other"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		told.ID, `"door":"data","question":{"path":["app","allow"]},`, `"result":"true"`, `"result":"object"`, `"result":"undefined"`, `"question":{"path":["app","[token]"]}`, `"allow":false,"status":403,"reasons":[{"code":"policy_denied"`,
		`"item":0,"question":{"path":["app","user"],"batch_decision_id":"` + told.Batch + `"}`, `"user":"user_1"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the decision log lacks %s:\n%s", want, text)
		}
	}
	if strings.Contains(string(text)+s.log.String(), token[:40]) {
		t.Error("a token is in a log")
	}
	if n := strings.Count(string(text), `"allow":true`); n != 1 {
		t.Errorf("%d records allow, want 1:\n%s", n, text)
	}
}

// TestOPA_trouble: what cannot be answered is an error of OPA's form, and never a document.
func TestOPA_trouble(t *testing.T) {
	t.Parallel()
	f := func(s *sidecar, status int, code, target, body string) {
		t.Helper()
		if a := s.do("POST", target, body); a.Code != status || !strings.Contains(a.Body, `"code": "`+code+`"`) || strings.Contains(a.Body, "result") || strings.Contains(a.Body, `"allow"`) {
			t.Errorf("%s: %d %s, want %d %s", target, a.Code, a.Body, status, code)
		}
	}
	empty := start(t, opaConfig(t, filepath.Join(t.TempDir(), "nothing")))
	for _, target := range []string{"/v1/data/app/echo", "/v0/data/app/echo", "/", "/v1/data"} {
		f(empty, 503, "internal_error", target, `{}`)
	}
	f(empty, 503, "internal_error", "/v1/batch/data/app/echo", `{"inputs": {"a": 1}}`)
	for target, want := range map[string]int{"/health": 200, "/health?bundles": 500, "/health?bundle=true": 500, "/health?plugins": 500, "/health?plugins&exclude-plugin=bundle": 200, "/health/ready": 500} {
		if a := empty.do("GET", target, ""); a.Code != want {
			t.Errorf("without a bundle, %s: %d %s, want %d", target, a.Code, a.Body, want)
		}
	}
	hurried := start(t, opaConfig(t, questioned(t), "policy: {deadline: 50ms}"))
	f(hurried, 500, "internal_error", "/v1/data/app/slow", `{"input": {"slow": true}}`)
	if a := hurried.do("POST", "/v1/data/app/slow", `{"input": {"slow": true}}`); !strings.Contains(a.Body, `"eval_cancel_error"`) {
		t.Errorf("a timeout: %s", a.Body)
	}
	began := time.Now()
	inputs := `"a0": {}`
	for i := range 90 {
		inputs += fmt.Sprintf(`, "a%d": {}`, i+1)
	}
	hurried.do("POST", "/v1/batch/data/app/slow", `{"common_input": {"slow": true}, "inputs": {`+inputs+`}}`)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("a batch of bombs took %v", took)
	}
	busy := startBusy(t, opaConfig(t, gated(t), "limits: {concurrency: 1}"))
	done := make(chan struct{})
	busy.occupy(func() { busy.askDoor("/forward-auth", "/public/x", ""); close(done) })
	f(busy.sidecar, 503, "internal_error", "/v1/data/app/echo", `{}`)
	busy.release()
	<-done
}

// TestOPA_reload: while bundles come and go, each answer is made of one of them.
func TestOPA_reload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(n int) {
		next := t.TempDir()
		write(t, next, "app/app.rego", fmt.Sprintf("package app\n\na := %d\n\nb := data.n.c if input\n", n))
		write(t, next, "n/data.json", fmt.Sprintf(`{"c": %d}`, n))
		link := filepath.Join(dir, "next")
		if err := os.Symlink(next, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(dir, "bundle")); err != nil {
			t.Fatal(err)
		}
	}
	put(0)
	s := start(t, opaConfig(t, filepath.Join(dir, "bundle")))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var all struct {
					Responses map[string]struct{ Result struct{ A, B int } }
				}
				a := s.do("POST", "/v1/batch/data/app", `{"inputs": {"x": 1, "y": 2, "z": 3}}`)
				if err := json.Unmarshal([]byte(a.Body), &all); err != nil || len(all.Responses) != 3 {
					t.Errorf("%d %s", a.Code, a.Body)
					return
				}
				for _, one := range all.Responses {
					if x := all.Responses["x"].Result; one.Result != x || x.A != x.B {
						t.Errorf("two bundles in one answer: %s", a.Body)
						return
					}
				}
			}
		})
	}
	for n := range 20 {
		put(n + 1)
		s.server.Reload(t.Context())
	}
	close(stop)
	readers.Wait()
}

// TestOPA_gzip: a long answer is packed where the client takes that.
func TestOPA_gzip(t *testing.T) {
	t.Parallel()
	s := start(t, opaConfig(t, questioned(t)))
	address := strings.TrimPrefix(s.url, "http://")
	for accept, want := range map[string]string{"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.000": "", "br": "", "": "", "xgzip": ""} {
		response, body := send(t, address, call{"GET", "/v1/data/long/text", "", []string{"Accept-Encoding: " + accept}})
		if got := response.Header.Get("Content-Encoding"); got != want || want == "" != strings.HasPrefix(body, `{"result":"long`) || response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	// What is no gzip at all is refused, where OPA's handler panics.
	if response, body := send(t, address, call{"POST", "/v1/data/app/echo", `{"input": 1}`, []string{"Content-Encoding: gzip"}}); response.StatusCode != 400 || !strings.Contains(body, invalid) {
		t.Errorf("no gzip: %d %s", response.StatusCode, body)
	}
	if response, body := send(t, address, call{"POST", "/v1/data/app/echo", `{"input": 1}`, []string{"Content-Encoding: br"}}); response.StatusCode != 400 || !strings.Contains(body, invalid) {
		t.Errorf("another encoding: %d %s", response.StatusCode, body)
	}
	if response, _ := send(t, address, call{"GET", "/v1/data/app/nothing", "", []string{"Accept-Encoding: gzip"}}); response.Header.Get("Content-Encoding") != "" {
		t.Error("a short answer is packed")
	}
}

// TestAdmin_config: the configuration is shown to people, and not to clients.
func TestAdmin_config(t *testing.T) {
	t.Parallel()
	s := start(t, opaConfig(t, questioned(t)))
	var shown struct{ Result map[string]config.Value }
	a := s.do("GET", "admin:/v1/config", "")
	if err := json.Unmarshal([]byte(a.Body), &shown); err != nil || shown.Result["opa.default_decision"].Value != "system/main" {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if a := s.do("GET", "/v1/config", ""); a.Code != 404 || strings.Contains(a.Body, "system/main") {
		t.Errorf("on the decision listener: %d %s", a.Code, a.Body)
	}
}
