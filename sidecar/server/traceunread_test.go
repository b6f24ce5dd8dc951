package server_test

import (
	"bytes"
	"encoding/hex"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"postern/testdata/collector"
)

// TestTraces_unread: what a proxy asks and is refused unread is in its caller's trace, and in
// the decision log under the same span, over gRPC as over HTTP.
func TestTraces_unread(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, gated(t), "decision_log: "+log, "limits: {body: 1KiB}", "telemetry: {traces: 'http://"+c.HTTP+"', sample: 0}"))
	calls := s.rawCalls()
	good := marshal(t, envoyAsks("GET", "/public/x", "traceparent", sampled)) // its own is not looked at
	long := marshal(t, envoyAsks("GET", "/public/x", "traceparent", sampled, "x", strings.Repeat("a", 20<<10)))
	refused := 0
	overGRPC := func(name string, body []byte, headers ...string) {
		t.Helper()
		if got := calls.call(bytes.NewReader(body), headers...); got != malformed {
			t.Errorf("%s: %s", name, got)
		}
		refused++
	}
	within := []string{"Traceparent", sampled, "Tracestate", "vendor=x"}
	overGRPC("no protobuf", message(0, []byte("\xff\xff\xff\xff")), within...)
	overGRPC("too large", message(0, make([]byte, 2<<20)), within...)
	overGRPC("long headers", message(0, long), within...)
	overGRPC("two messages", append(message(0, good), message(0, good)...), within...)
	overGRPC("no message", nil, within...)
	for _, path := range []string{"/ext_authz/x", "/auth-request", "/forward-auth"} {
		conn := s.dial()
		_, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\nTraceparent: "+sampled+"\r\nTracestate: vendor=x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if all := answers(t, conn); len(all) != 1 || all[0].Code/100 != 4 {
			t.Errorf("%s: %s", path, summary(all))
		}
		refused++
	}
	spans := refused
	overGRPC("of no trace", message(0, []byte("\xff")))
	overGRPC("of one that is not sampled", message(0, []byte("\xff")), "Traceparent", notSampled)
	overGRPC("of none that is one", message(0, []byte("\xff")), "Traceparent", sampled+","+sampled)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	all := records(t, log)
	if got := c.Spans(); len(got) != spans || len(all) != refused {
		t.Errorf("%d spans of %d records, want %d of %d", len(got), len(all), spans, refused)
	}
	for _, span := range c.Spans() {
		r := all[attribute(span, "postern.decision_id")]
		if hex.EncodeToString(span.GetTraceId()) != callersTrace || hex.EncodeToString(span.GetParentSpanId()) != callersSpan || span.GetTraceState() != "vendor=x" ||
			attribute(span, "postern.reasons") != "request_malformed" || r["trace_id"] != callersTrace || r["span_id"] != hex.EncodeToString(span.GetSpanId()) {
			t.Errorf("span %v of the record %v", span.Span, r)
		}
	}
}
