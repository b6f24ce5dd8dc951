package server_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc/metadata"

	"postern/testdata/collector"
)

// A trace that a caller is in.
const (
	callersTrace = "0af7651916cd43dd8448eb211c80319c"
	callersSpan  = "b7ad6b7169203331"
	sampled      = "00-" + callersTrace + "-" + callersSpan + "-01"
	notSampled   = "00-" + callersTrace + "-" + callersSpan + "-00"
)

// spanOf is the span that tells of a decision, once it is there.
func spanOf(t *testing.T, c *collector.Collector, id string) collector.Span {
	t.Helper()
	var found collector.Span
	eventually(t, "there is a span of "+id, func() bool {
		for _, s := range c.Spans() {
			if attribute(s, "postern.decision_id") == id && !strings.HasSuffix(s.GetName(), " item") {
				found = s
				return true
			}
		}
		return false
	})
	return found
}

func attribute(s collector.Span, name string) string {
	for _, a := range s.GetAttributes() {
		if a.GetKey() != name {
			continue
		}
		var all []string
		for _, v := range a.GetValue().GetArrayValue().GetValues() {
			all = append(all, v.GetStringValue())
		}
		if all != nil {
			return strings.Join(all, " ")
		}
		text, err := json.Marshal(a.GetValue().GetValue())
		if err != nil {
			return err.Error()
		}
		var one map[string]any
		if err := json.Unmarshal(text, &one); err != nil {
			return err.Error()
		}
		for _, v := range one {
			text, _ := json.Marshal(v) // it was just read
			return strings.Trim(string(text), `"`)
		}
	}
	return ""
}

// records are those of a decision log, by decision.
func records(t *testing.T, path string) map[string]map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]any{}
	for line := range strings.Lines(string(text)) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all[r["decision_id"].(string)] = r
	}
	return all
}

// sees checks the span of a decision within the caller's trace.
func sees(t *testing.T, span collector.Span, name, reasons, route string) {
	t.Helper()
	if span.GetName() != name || hex.EncodeToString(span.GetTraceId()) != callersTrace || hex.EncodeToString(span.GetParentSpanId()) != callersSpan ||
		span.GetKind() != otlp.Span_SPAN_KIND_SERVER || span.GetFlags()&1 != 1 || span.GetTraceState() != "vendor=x" {
		t.Errorf("%s: %v", name, span.Span)
	}
	if attribute(span, "postern.reasons") != reasons || attribute(span, "postern.route") != route || attribute(span, "postern.allow") != map[bool]string{true: "true", false: "false"}[reasons == ""] ||
		!strings.HasPrefix(attribute(span, "postern.bundle.digest"), "sha256:") || attribute(span, "postern.engine") == "" || attribute(span, "postern.status") == "" {
		t.Errorf("%s: %v", name, span.GetAttributes())
	}
	if span.GetEndTimeUnixNano() < span.GetStartTimeUnixNano() || time.Since(time.Unix(0, int64(span.GetStartTimeUnixNano()))) > time.Minute {
		t.Errorf("%s: from %d to %d", name, span.GetStartTimeUnixNano(), span.GetEndTimeUnixNano())
	}
}

// TestTraces asks at every kind of door within a trace, and looks at what arrives at the
// receiver and in the decision log.
func TestTraces(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, gated(t), "decision_log: "+log, "telemetry: {traces: 'http://"+c.HTTP+"', sample: 0}",
		"doors: {authzen: true, opa: true}", "clients: {anonymous: loopback}"))
	token := sign(t, nil)
	bearer := []string{"Authorization", "Bearer " + token, "Cookie", "other=cookie-secret"}
	var later []func() // when all spans are there
	child := func(name, id, reasons, route string) {
		later = append(later, func() { sees(t, spanOf(t, c, id), name, reasons, route) })
	}
	within := append([]string{"Traceparent", sampled, "tracestate", "vendor=x"}, bearer...)
	id := func(a answer) string { return a.Header.Get("X-Decision-Id") }
	proxied := func(path string, headers ...string) string {
		t.Helper()
		a := s.do("GET", path, "", append(headers, within...)...)
		if a.Header.Get("Traceparent")+a.Header.Get("Tracestate") != "" {
			t.Errorf("%s: the answer has trace headers: %v", path, a.Header)
		}
		if id(a) == "" {
			t.Fatalf("%s: no decision id: %v", path, a.Header)
		}
		return id(a)
	}
	child("postern check", id(s.do("POST", "/v1/check", question, within...)), "", "")
	child("postern check", id(s.do("POST", "/v1/check", `{"role":"owner"}`, within...)), "role_required", "")
	child("postern session", id(s.do("GET", "/v1/session", "", within...)), "", "")
	child("postern forward_auth", proxied("/forward-auth", asked("GET", "/reports/private-7")...), "", "GET /reports/{id}")
	child("postern auth_request", proxied("/auth-request", "X-Original-Method", "GET", "X-Original-URI", "/reports/private-7", "Host", "a"), "", "GET /reports/{id}")
	child("postern ext_authz_http", proxied("/ext_authz/public/x"), "", "/public/")
	child("postern evaluation", id(s.do("POST", "/access/v1/evaluation", `{"subject":{"type":"user","id":"subject-secret"},"action":{"name":"a"},"resource":{"type":"r","id":"resource-secret"}}`,
		append(within, "Content-Type", "application/json")...)), "policy_denied", "")

	client := authv3.NewAuthorizationClient(s.connect())
	check := func(ctx context.Context, headers ...string) string {
		t.Helper()
		headers = append(headers, "authorization", "Bearer "+token, "cookie", "other=cookie-secret")
		r, err := client.Check(ctx, envoyAsks("GET", "/reports/private-7", headers...))
		if err != nil {
			t.Fatal(err)
		}
		return r.GetDynamicMetadata().GetFields()["decision_id"].GetStringValue()
	}
	child("postern ext_authz_grpc", check(soon(t), "traceparent", sampled, "tracestate", "vendor=x"), "", "GET /reports/{id}")
	// What Envoy says of its own call goes before what its client said.
	own := metadata.AppendToOutgoingContext(soon(t), "traceparent", sampled, "tracestate", "vendor=x")
	child("postern ext_authz_grpc", check(own, "traceparent", strings.Replace(notSampled, "0af7", "ffff", 1)), "", "GET /reports/{id}")

	unsampled := id(s.do("POST", "/v1/check", question, append([]string{"Traceparent", notSampled}, bearer...)...))
	none := id(s.do("POST", "/v1/check", question, bearer...))
	twice := id(s.do("POST", "/v1/check", question, append([]string{"Traceparent", sampled}, within...)...))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for _, look := range later {
		look()
	}
	for _, span := range c.Spans() {
		if slices.Contains([]string{unsampled, none, twice}, attribute(span, "postern.decision_id")) {
			t.Errorf("a span of what is not sampled: %v", span.Span)
		}
	}
	all := records(t, log)
	for name, want := range map[string][2]any{unsampled: {callersTrace, callersSpan}, none: {nil, nil}, twice: {nil, nil}} {
		if r := all[name]; r["trace_id"] != want[0] || r["span_id"] != want[1] {
			t.Errorf("record %v, want the trace and span %v", r, want)
		}
	}
	for _, span := range c.Spans() {
		r := all[attribute(span, "postern.decision_id")]
		if r["trace_id"] != hex.EncodeToString(span.GetTraceId()) || r["span_id"] != hex.EncodeToString(span.GetSpanId()) {
			t.Errorf("the record %v is of another span than %v", r, span.Span)
		}
	}
	for _, private := range []string{token, strings.Split(token, ".")[2], "eyJ", "cookie-secret", "user_1", "sess_1", "org_acme", "private-7", "subject-secret", "resource-secret"} {
		if strings.Contains(c.Raw(), private) {
			t.Errorf("what was sent holds %q", private)
		}
	}
}

// TestTraces_batches: one span for a request, below it one for each of the first items.
func TestTraces_batches(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, plain(t), "decision_log: "+log, "telemetry: {traces: 'grpc://"+c.GRPC+"', sample: 0}",
		"doors: {authzen: true, opa: true}", "clients: {anonymous: loopback}"))
	within := []string{"Traceparent", sampled, "Authorization", "Bearer " + sign(t, nil), "Content-Type", "application/json"}
	f := func(name, path, body, items, allowed string, children int) {
		t.Helper()
		before := len(c.Spans())
		if a := s.do("POST", path, body, within...); a.Code != 200 && a.Code != 207 {
			t.Fatalf("%s: %d %s", path, a.Code, a.Body)
		}
		eventually(t, name+": the spans are there", func() bool { return len(c.Spans()) >= before+children+1 })
		spans := c.Spans()[before:]
		request := spans[len(spans)-1]
		if request.GetName() != name || hex.EncodeToString(request.GetParentSpanId()) != callersSpan || attribute(request, "postern.items") != items || attribute(request, "postern.items_allowed") != allowed {
			t.Errorf("%s: %v", name, request.Span)
		}
		for n, item := range spans[:len(spans)-1] {
			if item.GetName() != name+" item" || string(item.GetParentSpanId()) != string(request.GetSpanId()) || string(item.GetTraceId()) != string(request.GetTraceId()) ||
				item.GetKind() != otlp.Span_SPAN_KIND_INTERNAL || item.GetStartTimeUnixNano() < request.GetStartTimeUnixNano() || item.GetEndTimeUnixNano() > request.GetEndTimeUnixNano() {
				t.Errorf("%s: item %d: %v", name, n, item.Span)
			}
		}
		if len(spans) != children+1 {
			t.Errorf("%s: %d spans, want %d", name, len(spans), children+1)
		}
	}
	many := strings.TrimSuffix(strings.Repeat(`{"role":"admin"},`, 30), ",")
	f("postern checks", "/v1/checks", `{"checks":[{"role":"admin"},{"role":"x"},{}]}`, "3", "1", 3)
	f("postern checks", "/v1/checks", `{"checks":[`+many+`]}`, "30", "30", 20)
	f("postern evaluations", "/access/v1/evaluations", `{"subject":{"type":"user","id":"u"},"action":{"name":"a"},"evaluations":[{"resource":{"type":"r","id":"1"}},{"resource":{"type":"r","id":"2"}}]}`, "2", "0", 2)
	f("postern batch_data", "/v1/batch/data/nothing", `{"inputs":{"a":{},"b":{}}}`, "2", "0", 2)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	spans := map[string]bool{}
	for _, span := range c.Spans() {
		spans[hex.EncodeToString(span.GetSpanId())] = true
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var r struct {
			Trace string `json:"trace_id"`
			Span  string `json:"span_id"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Trace != callersTrace || !spans[r.Span] {
			t.Errorf("the record is of no span: %s %v", line, err)
		}
	}
}

// TestTraces_failures: where nothing could be decided, the span is an error.
func TestTraces_failures(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	s := start(t, standard(t, filepath.Join(t.TempDir(), "none"), "telemetry: {traces: 'http://"+c.HTTP+"', sample: 1}"))
	a := s.ask(sign(t, nil), question)
	span := spanOf(t, c, a.Header.Get("X-Decision-Id"))
	if span.GetStatus().GetCode() != otlp.Status_STATUS_CODE_ERROR || span.GetStatus().GetMessage() != "not_ready" || len(span.GetParentSpanId()) != 0 ||
		attribute(span, "postern.bundle.digest") != "" {
		t.Errorf("not ready: %v", span.Span)
	}
}

// TestTelemetry_metrics: what is reported is what is scraped, and a scrape has exemplars.
func TestTelemetry_metrics(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	s := start(t, standard(t, plain(t), "telemetry: {traces: 'http://"+c.HTTP+"', metrics: 'http://"+c.HTTP+"', sample: 0, interval: 1s}"))
	s.do("POST", "/v1/check", question, "Traceparent", sampled, "Authorization", "Bearer "+sign(t, nil))
	reported := func() map[string]bool {
		names := map[string]bool{}
		for _, r := range c.Reports() {
			for _, scope := range r.GetScopeMetrics() {
				for _, m := range scope.GetMetrics() {
					names[m.GetName()] = true
				}
			}
		}
		return names
	}
	eventually(t, "the decision is reported", func() bool { return reported()["postern_decisions_total"] })
	names := reported()
	for name := range s.families() {
		if !names[name] && !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
			t.Errorf("%s is scraped and not reported", name)
		}
	}
	if places := reportedPlaces(c); !slices.Contains(places, callersTrace) {
		t.Errorf("the exemplars that are reported are of the traces %q", places)
	}
	a := s.do("GET", "admin:/metrics", "", "Accept", "application/openmetrics-text; version=1.0.0")
	if !strings.Contains(a.Body, `trace_id="`+callersTrace+`"`) || !strings.HasSuffix(a.Body, "# EOF\n") {
		t.Errorf("no exemplar: %.400s", a.Body)
	}
	if got := number(s.families(), "postern_telemetry_lost_total", "signal", "traces"); got != 0 {
		t.Errorf("postern_telemetry_lost_total = %v, want 0", got)
	}
}

// reportedPlaces are the traces of the exemplars that were reported.
func reportedPlaces(c *collector.Collector) (traces []string) {
	for _, r := range c.Reports() {
		for _, scope := range r.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				for _, point := range m.GetHistogram().GetDataPoints() {
					for _, e := range point.GetExemplars() {
						traces = append(traces, hex.EncodeToString(e.GetTraceId()))
					}
				}
			}
		}
	}
	return traces
}
