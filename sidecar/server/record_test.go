package server_test

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/sidecar/audit"
	"postern/sidecar/config"
)

// audited is a bundle with a route that is only allowed where that is logged.
func audited(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
routes:
  - {match: "/audited", signed_in: true, logged: required}
  - {match: "/open", public: true, logged: required}
  - {match: "/plain", signed_in: true}
`)
	return dir
}

// logStatus is how the decision log does.
func (s *sidecar) logStatus() (status audit.Status) {
	s.t.Helper()
	var whole struct {
		DecisionLog audit.Status `json:"decision_log"`
	}
	if err := json.Unmarshal([]byte(s.do("GET", "admin:/v1/status", "").Body), &whole); err != nil {
		s.t.Fatal(err)
	}
	return whole.DecisionLog
}

// startFailing starts a server whose decision log is required and cannot be written.
func startFailing(t testing.TB, c *config.Config) *sidecar {
	t.Helper()
	path := filepath.Join(t.TempDir(), "full")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	c.DecisionLog.To, c.DecisionLog.Required = path, true
	s := start(t, c)
	eventually(t, "the log fails", func() bool {
		s.ask("", question)
		return s.logStatus().Failing
	})
	return s
}

// heal puts a file in the place of what cannot be written.
func (s *sidecar) heal(c *config.Config) {
	s.t.Helper()
	if err := os.Remove(c.DecisionLog.To); err != nil {
		s.t.Fatal(err)
	}
	s.server.Reload(context.Background())
	eventually(s.t, "the log is well", func() bool { return !s.logStatus().Failing })
}

// TestRecord_required: at every door of apps and clients, what cannot be logged is not
// given, denials stay what they are, and no shared answer keeps a trace of it. The doors of
// proxies are in TestFailmodes.
func TestRecord_required(t *testing.T) {
	t.Parallel()
	dir := certified(t)
	write(t, dir, "doc.rego", "package doc\n\nx := {\"a\": 1}\n\nallow if input.yes\n")
	c := authzen(standard(t, dir))
	c.Doors.OPA = true
	c.Entrypoints = config.Entrypoints{Evaluate: "pdp/decision", Search: config.Search{Subject: "pdp/subjects", Resource: "pdp/resources", Action: "pdp/actions"}}
	s := startFailing(t, c)
	token := "Bearer " + sign(t, nil)
	type ask struct {
		name, method, path, body string
		good                     func(answer) bool
		refused                  func(answer) bool
	}
	has := func(code int, parts ...string) func(answer) bool {
		return func(a answer) bool {
			for _, p := range parts {
				if !strings.Contains(a.Body, p) {
					return false
				}
			}
			return a.Code == code
		}
	}
	const unlogged = `{"code":"overloaded","message":"the decision cannot be logged"}`
	asks := []ask{
		{"check", "POST", "/v1/check", question, has(200, `"allow":true`), has(200, `"allow":false,"status":503`, unlogged)},
		{"checks", "POST", "/v1/checks", `{"checks":[` + question + `,{"role":"nobody"}]}`, has(200, `"allow":true`, `"role_required"`), has(200, `"allow":false,"status":503`, unlogged, `"role_required"`)},
		{"session", "GET", "/v1/session", "", has(200, `"permissions"`), has(503, unlogged)},
		{"data", "POST", "/v1/data/doc/x", `{"input":{}}`, has(200, `"result":{"a":1}`), has(503, "the decision cannot be logged")},
		{"allow", "POST", "/v1/data/doc/allow", `{"input":{"yes":true}}`, has(200, `"result":true`), has(503, "the decision cannot be logged")},
		{"v0", "POST", "/v0/data/doc/x", `{}`, has(200, `{"a":1}`), has(503, "the decision cannot be logged")},
		{"batch", "POST", "/v1/batch/data/doc/x", `{"inputs":{"a":{},"b":{}}}`, has(200, `"result":{"a":1}`), has(500, "the decision cannot be logged")},
		{"evaluation", "POST", "/access/v1/evaluation", aliceReads, has(200, `"decision":true`), has(503, "")},
	}
	for _, kind := range []string{"subject", "resource", "action"} {
		body := map[string]string{
			"subject":  `{"subject":{"type":"user"},` + reads + `,` + first + `}`,
			"resource": `{` + alice + `,` + reads + `,"resource":{"type":"record"}}`,
			"action":   `{` + alice + `,` + first + `}`,
		}[kind]
		asks = append(asks, ask{"search " + kind, "POST", "/access/v1/search/" + kind, body, has(200, `"results":[{`), has(503, "")})
	}
	send := func(a ask) answer {
		return s.do(a.method, a.path, a.body, "Authorization", token, "Content-Type", "application/json")
	}
	for range 2 {
		for _, a := range asks {
			if got := send(a); !a.refused(got) || strings.Contains(got.Body, `"results":[{`) && a.name != "checks" {
				t.Errorf("%s, while nothing can be logged: %d %s", a.name, got.Code, got.Body)
			}
		}
	}
	batch := s.do("POST", "/access/v1/evaluations", `{"evaluations":[`+aliceReads+`,`+aliceReads+`]}`, "Content-Type", "application/json")
	if batch.Code != 200 || strings.Contains(batch.Body, `"decision":true`) || strings.Count(batch.Body, `"status":503`) != 2 {
		t.Errorf("evaluations, while nothing can be logged: %d %s", batch.Code, batch.Body)
	}
	if a := s.ask("", question); a.codes() != "token_missing" {
		t.Errorf("a denial: %s", a.Body)
	}
	if number(s.families(), "postern_denial_reasons_total", "door", "check", "reason", "overloaded") < 2 {
		t.Error("the denials are not counted as such")
	}
	s.heal(c)
	for _, a := range asks {
		if got := send(a); !a.good(got) {
			t.Errorf("%s, when all is well: %d %s", a.name, got.Code, got.Body)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.DecisionLog.To)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), `"overloaded"`) || !strings.Contains(string(text), `"allow":true`) || !strings.Contains(string(text), `"engine":"opa 1.`) {
		t.Errorf("the log lacks what happened:\n%.2000s", text)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "the decision cannot be logged") && strings.Contains(line, `"result":`) {
			t.Errorf("a document that was not given is in the log: %s", line)
		}
	}
}

// TestRecord_requiredShadow: a shadow is compared with what was answered, which is a denial
// where it cannot be logged.
func TestRecord_requiredShadow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	denying(t, dir, "true")
	c := standard(t, plain(t), "shadow: {bundles: [{path: "+dir+"}], sample: 1, deadline: 10s}")
	s := startFailing(t, c)
	s.loadedShadow()
	good := sign(t, nil)
	if a := s.ask(good, question); a.codes() != "overloaded" {
		t.Fatalf("while nothing can be logged: %s", a.Body)
	}
	s.ask("", question)
	eventually(t, "all that was asked without a token is compared", func() bool {
		f := s.families()
		missing := number(f, "postern_denial_reasons_total", "door", "check", "reason", "token_missing")
		return number(f, "postern_shadow_decisions_total", "result", "reasons")+number(f, "postern_shadow_dropped_total") == missing
	})
	if n := number(s.families(), "postern_shadow_decisions_total", "result", "allow_to_deny"); n != 0 {
		t.Errorf("%v decisions were compared as allowed, which were not", n)
	}
}

// TestRecord_full: a log without room denies what is required, and counts what is lost.
func TestRecord_full(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(pipe, os.O_RDWR, 0) // which does not wait for a writer
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	s := start(t, standard(t, plain(t), "decision_log: {to: "+pipe+", buffer: 64KiB, required: true}"))
	token := sign(t, nil)
	var last answer
	eventually(t, "there is no room", func() bool {
		for range 50 {
			last = s.ask(token, `{"permission":"org:reports:read"}`)
		}
		return !last.Allow
	})
	if last.codes() != "overloaded" || last.Status != 503 {
		t.Errorf("%s", last.Body)
	}
	if s.logStatus().Lost["buffer"] == 0 {
		t.Error("the denial that had no room is not counted")
	}
	go func() { _, _ = io.Copy(io.Discard, end) }()
	eventually(t, "there is room again", func() bool { return s.ask(token, `{"permission":"org:reports:read"}`).Allow })
}

// TestRecord_route: a route can demand a log for itself.
func TestRecord_route(t *testing.T) {
	t.Parallel()
	f := func(s *sidecar, path string, want int) {
		t.Helper()
		token := "Bearer " + sign(t, nil)
		if a := s.do("GET", "/forward-auth", "", "X-Forwarded-Method", "GET", "X-Forwarded-Uri", path, "Authorization", token); a.Code != want || want != 200 && a.Header.Get("X-Postern-User") != "" {
			t.Errorf("%s: %d, want %d", path, a.Code, want)
		}
	}
	none := start(t, standard(t, audited(t)))
	f(none, "/audited", 403)
	f(none, "/open", 403)
	f(none, "/plain", 200)
	if !strings.Contains(none.log.String(), "nobody passes the routes that must be logged: /audited, /open") {
		t.Error("no warning at load")
	}
	c := standard(t, audited(t))
	well := start(t, standard(t, audited(t), "decision_log: {to: "+filepath.Join(t.TempDir(), "d")+", sample: {allow: 0}}"))
	f(well, "/audited", 200)
	f(well, "/plain", 200)
	eventually(t, "what is required is logged in spite of the sample", func() bool { return well.logStatus().Records["written"] == 1 })
	failing := startFailing(t, c)
	f(failing, "/audited", 403)
	if got := failing.metric("postern_decision_log_failing"); got != "1" {
		t.Errorf("while nothing can be written, postern_decision_log_failing is %s", got)
	}
	failing.heal(c)
	f(failing, "/audited", 200)
	if got := failing.metric("postern_decision_log_failing"); got != "0" {
		t.Errorf("when it can be written again, postern_decision_log_failing is %s", got)
	}
}

// TestRecord_sample: what is sampled out is counted, and the same id is in or out as a whole.
func TestRecord_sample(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	s := start(t, standard(t, plain(t), "decision_log: {to: "+path+", sample: {allow: 0.5, deny: 0}}"))
	token := sign(t, nil)
	for range 40 {
		s.do("POST", "/v1/checks", `{"checks":[{"permission":"org:reports:read"},{"permission":"org:reports:read"},{"role":"nobody"}]}`, "Authorization", "Bearer "+token)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var r struct {
			ID    string `json:"decision_id"`
			Allow bool
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || !r.Allow {
			t.Fatalf("%s: %v", line, err)
		}
		ids[r.ID]++
	}
	for id, n := range ids {
		if n != 2 {
			t.Errorf("%s has %d records, want 2", id, n)
		}
	}
	if len(ids) == 0 || len(ids) == 40 { // one in 10^12
		t.Errorf("%d of 40 batches", len(ids))
	}
}

// TestRecord_mask: a bundle says what is logged, of the snapshot that decided.
func TestRecord_mask(t *testing.T) {
	t.Parallel()
	dir := plain(t)
	write(t, dir, "log.rego", `package postern.log

mask contains "/user"

mask contains {"op": "upsert", "path": "/session", "value": concat("", ["sess_", substring(input.digest, 7, 4)])}

mask contains "/question/any/0/role/x" if input.question.any[0].role == "torn"

drop if input.question.any[0].role == "quiet"
`)
	path := filepath.Join(t.TempDir(), "d")
	s := start(t, standard(t, dir, "decision_log: {to: "+path+", sample: {other: 0}}"))
	token := sign(t, nil)
	s.ask(token, `{"role":"quiet"}`)
	s.ask(token, `{"role":"torn"}`)
	s.ask(token, `{"role":"loud"}`)
	eventually(t, "all is done", func() bool {
		r := s.logStatus().Records
		return r["written"] == 1 && r["reduced"] == 1 && r["dropped"] == 1
	})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 2 || strings.Contains(string(text), "user_1") || strings.Contains(string(text), "sess_1") ||
		!strings.Contains(lines[0], `"mask_error":"path"`) || strings.Contains(lines[0], "torn") ||
		!strings.Contains(lines[1], `"erased":["/user"],`) || !strings.Contains(lines[1], `"masked":["/session"],`) || !strings.Contains(lines[1], "loud") {
		t.Errorf("%s", text)
	}
	write(t, dir, "log.rego", "package postern.log\n\nmask contains \"/status\"\n")
	eventually(t, "the mask of what no mask reaches is refused", func() bool { return strings.Contains(s.log.String(), `log.rego:3:1: \"/status\" cannot be masked`) })
}

// TestRecord_maskAttacks: a mask that takes for ever, or asks for too much, costs its records
// and no decision.
func TestRecord_maskAttacks(t *testing.T) {
	t.Parallel()
	for want, rule := range map[string]string{
		"timeout": "mask contains \"/user\" if {\n\tsome i in numbers.range(1, 30000)\n\tsome j in numbers.range(1, 30000)\n\ti * j == input.status - 1000\n}",
		"size":    "mask contains sprintf(\"/question/%d\", [i]) if some i in numbers.range(1, 20000)",
		"error":   "mask contains \"/user\" if to_number(input.door) == 1",
		"shape":   "mask contains input.status",
	} {
		dir := plain(t)
		write(t, dir, "log.rego", "package postern.log\n\n"+rule+"\n")
		path := filepath.Join(t.TempDir(), "d")
		deadline := "10s"
		if want == "timeout" {
			deadline = "50ms"
		}
		s := start(t, standard(t, dir, "decision_log: {to: "+path+"}", "policy: {deadline: "+deadline+"}"))
		for range 3 {
			if a := s.ask(sign(t, nil), `{"permission":"org:reports:read"}`); want != "timeout" && !a.Allow {
				t.Errorf("%s: %s", want, a.Body)
			}
		}
		eventually(t, want, func() bool { return s.logStatus().Records["reduced"] == 3 })
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), `"mask_error":"`+want+`"}`) != 3 || strings.Contains(string(text), "user_1") {
			t.Errorf("%s: %s", want, text)
		}
	}
}

// TestRecord_reopen: Reload, which SIGHUP asks for, opens the file anew.
func TestRecord_reopen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d")
	s := start(t, standard(t, plain(t), "decision_log: "+path))
	s.ask("", question)
	eventually(t, "it is written", func() bool { return s.logStatus().Records["written"] == 1 })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	s.server.Reload(t.Context())
	eventually(t, "there is a new file", func() bool { _, err := os.Stat(path); return err == nil })
	s.ask("", question)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".1"} {
		if text, err := os.ReadFile(p); err != nil || strings.Count(string(text), "\n") != 1 {
			t.Errorf("%s: %s, %v", p, text, err)
		}
	}
}

// TestRecord_drain: what waits when the server ends is sent, and a server that does not
// answer does not hold the end up for long.
func TestRecord_drain(t *testing.T) {
	t.Parallel()
	c := standard(t, plain(t), `decision_log: {to: "http://127.0.0.1:1/", upload: {min_delay: 1ms, max_delay: 2ms, timeout: 1s}}`)
	s := start(t, c)
	s.ask("", question)
	eventually(t, "nobody takes it", func() bool { return s.logStatus().Failing })
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("stopping took %s", took)
	}
	if !strings.Contains(s.log.String(), `"msg":"records of the decision log were lost","lost":1`) {
		t.Error("the loss is not in the log")
	}
}
