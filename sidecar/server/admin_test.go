package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// families are what a scrape says, read as Prometheus reads it.
func (s *sidecar) families() map[string]*dto.MetricFamily {
	s.t.Helper()
	a := s.do("GET", "admin:/metrics", "")
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(a.Body))
	if err != nil || a.Code != 200 {
		s.t.Fatalf("metrics: %d %v", a.Code, err)
	}
	return families
}

// number is the value of one metric, with labels as names and values in turn; a
// histogram's is its count. It is -1 where there is none.
func number(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range families[name].GetMetric() {
		var has []string
		for _, l := range m.GetLabel() {
			has = append(has, l.GetName(), l.GetValue())
		}
		if !slices.Equal(has, labels) {
			continue
		}
		switch {
		case m.Counter != nil:
			return m.Counter.GetValue()
		case m.Gauge != nil:
			return m.Gauge.GetValue()
		case m.Histogram != nil:
			return float64(m.Histogram.GetSampleCount())
		}
	}
	return -1
}

func TestAdmin_endpoints(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	f := func(method, path string, want int, holds string) {
		t.Helper()
		a := s.do(method, "admin:"+path, "")
		if a.Code != want || !strings.Contains(a.Body, holds) {
			t.Errorf("%s %s: %d %.200s, want %d and %s", method, path, a.Code, a.Body, want, holds)
		}
	}
	f("GET", "/healthz", 200, `"status": "ok"`)
	f("HEAD", "/healthz", 200, "")
	f("GET", "/readyz", 200, `"ready": true`)
	f("GET", "/v1/status", 200, `"version": "test"`)
	f("GET", "/metrics", 200, "postern_ready 1")
	f("POST", "/healthz", 405, "")
	f("POST", "/v1/status", 405, "")
	for _, path := range []string{
		"/", "/nowhere", "/healthz/", "/metrics/x", "/v1/check", "/v1/checks", "/v1/session", "/debug/pprof/", "/debug/pprof/profile", "/debug/vars",
	} {
		f("GET", path, 404, "")
		f("POST", path, 404, "")
	}
}

func TestAdmin_pprof(t *testing.T) {
	c := standard(t, plain(t))
	c.Admin.PProf = true
	s := start(t, c)
	if a := s.do("GET", "admin:/debug/pprof/", ""); a.Code != 200 || !strings.Contains(a.Body, "goroutine") {
		t.Errorf("the index: %d %.200s", a.Code, a.Body)
	}
	if a := s.do("GET", "admin:/debug/pprof/goroutine?debug=1", ""); a.Code != 200 || !strings.Contains(a.Body, "goroutine profile") {
		t.Errorf("a profile: %d %.200s", a.Code, a.Body)
	}
	if a := s.do("GET", "/debug/pprof/", ""); a.Code != 404 {
		t.Errorf("on the decision listener: %d", a.Code)
	}
}

// TestAdmin_ready takes each condition of readiness away by itself.
func TestAdmin_ready(t *testing.T) {
	type readiness struct {
		Ready, Listeners, Bundle bool
		Keys                     map[string]bool
	}
	ready := func(s *sidecar) (r readiness, code int) {
		t.Helper()
		a := s.do("GET", "admin:/readyz", "")
		if err := json.Unmarshal([]byte(a.Body), &r); err != nil {
			t.Fatalf("readyz: %s: %v", a.Body, err)
		}
		return r, a.Code
	}
	if r, code := ready(start(t, standard(t, plain(t)))); code != 200 || !r.Ready || !r.Listeners || !r.Bundle || !r.Keys[issuer] {
		t.Errorf("all is well: %d %+v", code, r)
	}
	if r, code := ready(start(t, standard(t, filepath.Join(t.TempDir(), "none")))); code != 503 || r.Ready || !r.Listeners || r.Bundle || !r.Keys[issuer] {
		t.Errorf("no bundle: %d %+v", code, r)
	}
	c := standard(t, plain(t))
	c.Issuers.List[0].JWKS = write(t, t.TempDir(), "jwks.json", "{")
	s := start(t, c)
	if r, code := ready(s); code != 503 || r.Ready || !r.Listeners || !r.Bundle || r.Keys[issuer] || len(r.Keys) != 1 {
		t.Errorf("no keys: %d %+v", code, r)
	}
	if got := number(s.families(), "postern_ready"); got != 0 {
		t.Errorf("postern_ready = %v without keys, want 0", got)
	}
	s.ask(sign(t, nil), question).denied(t, "no keys", 200, "not_ready")
	replace(t, c.Issuers.List[0].JWKS, keySet(t, signer()))
	eventually(t, "the keys are there", func() bool { _, code := ready(s); return code == 200 })
}

// TestAdmin_metrics asks known questions and expects exactly their numbers.
func TestAdmin_metrics(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	good := sign(t, nil)
	for range 5 {
		s.ask(good, question)
	}
	for range 3 {
		s.ask(good, `{"any":[{"role":"a"},{"role":"b"}]}`)
	}
	s.ask("", question)
	s.ask(good, "{")
	s.ask(good[:len(good)-4]+"AAAA", question)
	s.ask(good[:len(good)-4]+"AAAA", question)
	s.do("POST", "/v1/checks", `{"checks":[{"role":"admin"},{"role":"x"},{}]}`, "Authorization", "Bearer "+good)
	s.do("GET", "/v1/session", "", "Authorization", "Bearer "+good)
	s.do("GET", "/v1/session", "")
	s.do("GET", "/nowhere", "")

	m := s.families()
	f := func(want float64, name string, labels ...string) {
		t.Helper()
		if got := number(m, name, labels...); got != want {
			t.Errorf("%s%v = %v, want %v", name, labels, got, want)
		}
	}
	f(5, "postern_decisions_total", "door", "check", "outcome", "allow")
	f(7, "postern_decisions_total", "door", "check", "outcome", "deny")
	f(1, "postern_decisions_total", "door", "checks", "outcome", "allow")
	f(2, "postern_decisions_total", "door", "checks", "outcome", "deny")
	f(1, "postern_decisions_total", "door", "session", "outcome", "allow")
	f(1, "postern_decisions_total", "door", "session", "outcome", "deny")
	f(3, "postern_denial_reasons_total", "door", "check", "reason", "role_required")
	f(1, "postern_denial_reasons_total", "door", "check", "reason", "token_missing")
	f(1, "postern_denial_reasons_total", "door", "check", "reason", "request_malformed")
	f(2, "postern_denial_reasons_total", "door", "check", "reason", "token_signature")
	f(1, "postern_denial_reasons_total", "door", "checks", "reason", "nothing_asked")
	f(11, "postern_decision_duration_seconds", "door", "check")
	f(3, "postern_decision_duration_seconds", "door", "checks")
	f(2, "postern_decision_duration_seconds", "door", "session")
	f(9, "postern_token_cache_hits_total") // 8 checks, one batch and one session, less the first
	f(3, "postern_token_cache_misses_total")
	f(0, "postern_token_cache_evictions_total")
	f(1, "postern_ready")
	f(1, "postern_keys", "issuer", issuer)
	f(1, "postern_key_reloads_total", "issuer", issuer, "result", "ok")
	f(1, "postern_bundle_reloads_total", "result", "ok")
	f(0, "postern_bundle_reloads_total", "result", "error")
	f(0, "postern_requests_in_flight")
	f(0, "postern_abandoned_evaluations")
	f(0, "postern_decision_log_lost_total", "cause", "buffer")
	f(0, "postern_decision_log_records_total", "outcome", "written")
	f(0, "postern_decision_log_buffer_bytes")
	f(0, "postern_decision_log_uploads_total", "result", "ok")

	labels := map[string][]string{
		"postern_abandoned_evaluations": nil, "postern_bundle_age_seconds": nil, "postern_bundle_last_reload_successful": nil,
		"postern_build_info": {"go", "opa", "version"}, "postern_panics_total": nil, "postern_bundle_info": {"digest", "revision"},
		"postern_bundle_loaded_timestamp_seconds": nil, "postern_bundle_reloads_total": {"result"},
		"postern_decision_duration_seconds": {"door"}, "postern_decision_memo_bytes": nil, "postern_decision_memo_evictions_total": nil,
		"postern_decision_memo_hits_total": nil, "postern_decision_memo_misses_total": nil, "postern_decision_log_lost_total": {"cause"},
		"postern_decision_log_records_total": {"outcome"}, "postern_decision_log_buffer_bytes": nil, "postern_decision_log_failing": nil, "postern_decision_log_uploads_total": {"result"},
		"postern_keys_last_reload_successful": {"issuer"},
		"postern_decisions_total":             {"door", "outcome"}, "postern_denial_reasons_total": {"door", "reason"},
		"postern_key_reloads_total": {"issuer", "result"}, "postern_keys": {"issuer"}, "postern_ready": nil,
		"postern_requests_in_flight": nil, "postern_token_cache_bytes": nil, "postern_token_cache_evictions_total": nil,
		"postern_token_cache_hits_total": nil, "postern_token_cache_misses_total": nil,
	}
	for name, family := range m {
		if !strings.HasPrefix(name, "postern_") {
			continue
		}
		want, known := labels[name]
		if !known || family.GetHelp() == "" {
			t.Errorf("%s is unexpected, or has no help", name)
		}
		for _, metric := range family.GetMetric() {
			var has []string
			for _, l := range metric.GetLabel() {
				has = append(has, l.GetName())
			}
			if !slices.Equal(has, want) {
				t.Errorf("%s has the labels %v, want %v", name, has, want)
			}
		}
		delete(labels, name)
	}
	if len(labels) > 0 {
		t.Errorf("no metrics of these names: %v", labels)
	}
}

// names are the first groups of matches.
func names(matches [][]string) []string {
	all := make([]string, len(matches))
	for i, m := range matches {
		all[i] = m[1]
	}
	return all
}

// TestAdmin_status: the members are there, what is looked for first before what is long.
func TestAdmin_status(t *testing.T) {
	dir := t.TempDir()
	revision(t, dir, 1)
	write(t, dir, ".manifest", `{"revision": "2026-11-22"}`)
	s := start(t, standard(t, dir))
	var status struct {
		Version   string
		Readiness struct{ Ready bool }
		Revision  string
		Digest    string
		Listeners map[string]string
		Sources   []string
		Bundle    struct {
			Revision, Digest string
			LoadedAt         string `json:"loaded_at"`
			Files            []struct {
				Path string
				Size int
			}
			Warnings    []string
			Entrypoints []struct {
				Entrypoint, Rule string
				Shared           bool
				Why, Reads       []string
			}
		}
		LastReload struct{ At, Revision, Digest, Error string } `json:"last_reload"`
		Issuers    []struct {
			Issuer string
			Keys   struct {
				Source, Digest string
				Keys           int
			}
		}
	}
	a := s.do("GET", "admin:/v1/status", "")
	if err := json.Unmarshal([]byte(a.Body), &status); err != nil {
		t.Fatalf("%s: %v", a.Body, err)
	}
	if members := regexp.MustCompile(`(?m)^  "(\w+)"`).FindAllStringSubmatch(a.Body, -1); fmt.Sprint(names(members)) != "[version readiness revision digest origins last_reload decision_log listeners sources issuers bundle]" {
		t.Errorf("the members are %s", names(members))
	}
	b := status.Bundle
	if status.Revision != b.Revision || status.Digest != b.Digest {
		t.Errorf("the bundle is %s %s, and what is inside it %s %s", status.Revision, status.Digest, b.Revision, b.Digest)
	}
	if status.Version != "test" || !status.Readiness.Ready || status.Listeners["http"] != strings.TrimPrefix(s.url, "http://") ||
		status.Listeners["admin"] != strings.TrimPrefix(s.admin, "http://") || !slices.Equal(status.Sources, []string{dir}) {
		t.Errorf("server: %s", a.Body)
	}
	if b.Revision != "2026-11-22" || !strings.HasPrefix(b.Digest, "sha256:") || b.LoadedAt == "" || b.Warnings == nil {
		t.Errorf("bundle: %s", a.Body)
	}
	if len(b.Entrypoints) != 5 {
		t.Fatalf("entrypoints: %s", a.Body)
	}
	if decides := b.Entrypoints[0]; decides.Entrypoint != "check" || decides.Rule != "postern/check/decision" || !decides.Shared || decides.Why == nil ||
		!slices.Contains(decides.Reads, "input.session.org.role") {
		t.Errorf("entrypoints: %s", a.Body)
	}
	var files []string
	for _, f := range b.Files {
		if f.Size > 0 {
			files = append(files, f.Path)
		}
	}
	if slices.Sort(files); !slices.Equal(files, []string{".manifest", "rules.rego"}) {
		t.Errorf("files: %v in %s", files, a.Body)
	}
	if status.LastReload.Digest != b.Digest || status.LastReload.Revision != b.Revision || status.LastReload.Error != "" || status.LastReload.At == "" {
		t.Errorf("reload: %s", a.Body)
	}
	if len(status.Issuers) != 1 || status.Issuers[0].Issuer != issuer || status.Issuers[0].Keys.Keys != 1 || status.Issuers[0].Keys.Digest == "" {
		t.Errorf("issuers: %s", a.Body)
	}
	for _, header := range []string{"Content-Type: application/json", "Cache-Control: no-store", "X-Content-Type-Options: nosniff"} {
		if name, want, _ := strings.Cut(header, ": "); a.Header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, a.Header.Get(name), want)
		}
	}
	if number(s.families(), "postern_bundle_info", "digest", b.Digest, "revision", "2026-11-22") != 1 {
		t.Error("postern_bundle_info does not name the bundle")
	}
}

// TestAdmin_silence: nothing that a stranger sends shows up in the log, in the metrics,
// in the status or in a header of a response.
func TestAdmin_silence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, plain(t), "decision_log: "+path))
	good := sign(t, map[string]any{"secret": "marker-claim"})
	_, body, _ := strings.Cut(good, ".")
	f := func(a answer) {
		t.Helper()
		for name, values := range a.Header {
			if strings.Contains(strings.Join(values, " "), "marker") {
				t.Errorf("the response's %s quotes the request: %q", name, values)
			}
		}
	}
	f(s.ask(good, question))
	for _, token := range []string{"marker-token", "marker.token.x", good + "marker", "e30.marker.e30", good[:len(good)-6] + "marker"} {
		f(s.ask(token, question))
		f(s.do("POST", "/v1/check", question, "Cookie", "__session="+token))
	}
	for _, changes := range []map[string]any{
		{"iss": "https://marker.example.com/\r\n\x1b[31m"}, {"azp": 7, "sub": ""}, {"sts": "pending", "sub": "marker-pending"}, {"exp": "marker"}, {"fea": "marker"}, {"o": "marker"},
	} {
		f(s.ask(sign(t, changes), question))
	}
	f(s.ask(good, `{"marker\u001b[31m":1}`))
	f(s.ask(good, `{"role":"x","context":{"marker\n":"marker"}}`))
	f(s.ask(good, "marker\x00\x1b[31m"))
	f(s.do("GET", "/marker%0d%0aX-Evil:%201", ""))
	f(s.do("POST", "/v1/check", question, "Authorization", "Basic marker", "X-Marker", "marker", "User-Agent", "marker"))
	for _, text := range []string{
		"marker\r\n\r\n", "GET /marker HTTP/9.9 marker\r\n\r\n", "POST /v1/check HTTP/1.1\r\nHost: marker\r\nAuthorization: Bearer " + good + "\x01\r\n\r\n",
		"POST /v1/check HTTP/1.1\r\nHost: marker\r\nAuthorization: Bearer " + good + "\r\nmarker\r\n\r\n",
		"POST /v1/check HTTP/1.1\r\nHost: marker\r\nAuthorization: Bearer " + good + "\r\nContent-Length: marker\r\n\r\n",
		"POST /v1/check HTTP/1.1\r\nHost: marker\r\nTransfer-Encoding: marker\r\n\r\n",
		"POST /v1/check HTTP/1.1\r\nHost: marker\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: marker\r\n\r\n",
		"POST /v1/check HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + good + "\r\nX: " + strings.Repeat("marker", 10_000) + "\r\n\r\n",
	} {
		s.raw("a bad request", text, map[bool]string{false: "400", true: "431"}[len(text) > 16<<10])
	}
	outputs := map[string]string{"metrics": s.do("GET", "admin:/metrics", "").Body, "status": s.do("GET", "admin:/v1/status", "").Body}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	decisions, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	outputs["log"] = s.log.String()
	for name, text := range outputs {
		if i := strings.Index(text, "marker"); i >= 0 {
			t.Errorf("the %s quotes a request: %q", name, text[max(0, i-200):min(len(text), i+100)])
		}
	}
	outputs["decision log"] = string(decisions)
	for name, text := range outputs {
		if strings.Contains(text, body[:40]) || strings.Contains(text, good[len(good)-40:]) {
			t.Errorf("the %s holds a token", name)
		}
		if strings.ContainsAny(text, "\x1b\x00\r") {
			t.Errorf("the %s holds raw control characters", name)
		}
	}
	if !strings.Contains(outputs["log"], `"msg":"http"`) {
		t.Error("fasthttp said nothing, so that the test shows nothing about it")
	}
}
