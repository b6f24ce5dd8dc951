package telemetry

import (
	"context"
	"crypto/tls"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"

	"postern/sidecar/decision"
	"postern/testdata/collector"
	"postern/testdata/harness"
)

// told is what Trouble was called with.
type told struct {
	mu  sync.Mutex
	all []string
}

func (h *told) trouble(signal Signal, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := string(signal) + ": over"
	if err != nil {
		text = string(signal) + ": " + err.Error()
	}
	h.all = append(h.all, text)
}

func (h *told) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}

// brisk is the pace of tests that wait for what is sent, or for its end.
var brisk = pace{send: time.Second, first: 50 * time.Millisecond, most: 200 * time.Millisecond, gather: 50 * time.Millisecond}

// patient is brisk, but where things must succeed on a busy machine.
var patient = pace{send: usual.send, first: brisk.first, most: brisk.most, gather: brisk.gather}

// open is Open with what every test needs.
func open(t *testing.T, o Options) *Telemetry {
	t.Helper()
	registry := prometheus.NewRegistry()
	answers := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "answers_total", Help: "Answers."}, []string{"to"})
	answers.WithLabelValues("everything").Add(42)
	registry.MustRegister(answers)
	o.Gatherer, o.Sample, o.Version = registry, 1, "1.2.3"
	if o.Interval == 0 {
		o.Interval = time.Hour
	}
	tel, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(tel, time.Millisecond) })
	return tel
}

// shut closes within a time.
func shut(tel *Telemetry, within time.Duration) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	began := time.Now()
	tel.Close(ctx)
	return time.Since(began)
}

// decide has a decision make a span.
func decide(tel *Telemetry) {
	p := Begin[string](tel.Tracer(), nil)
	tel.Tracer().Decided(&p, Decision{ID: "d", Door: decision.DoorCheck, Decision: decision.Allowed(), Began: time.Now(), Ended: time.Now()})
}

// endpoints are the URLs of a collector, by protocol.
func endpoints(c *collector.Collector, secure bool) map[string]string {
	if secure {
		return map[string]string{"http": "https://" + c.HTTP, "grpc": "grpcs://" + c.GRPC}
	}
	return map[string]string{"http": "http://" + c.HTTP, "grpc": "grpc://" + c.GRPC}
}

// TestOpen sends both signals by both protocols, with what the environment says about the
// resource and not what it says about the receiver.
func TestOpen(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_SERVICE_NAME": "gate", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging,service.name=no",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/x",
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://127.0.0.1:1/x", "OTEL_EXPORTER_OTLP_INSECURE": "false",
		"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20from-the-environment", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
		"OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_BSP_MAX_QUEUE_SIZE": "1", "OTEL_TRACES_SAMPLER": "always_off",
		"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "1", "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
	} {
		t.Setenv(name, value)
	}
	authority := harness.NewAuthority(t, "authority")
	t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", harness.Write(t, t.TempDir(), "ca.pem", authority.PEM))
	c := collector.Start(t, nil)
	for protocol, url := range endpoints(c, false) {
		before, reports := len(c.Spans()), len(c.Reports())
		tel := open(t, Options{Traces: url, Metrics: url})
		decide(tel)
		decide(tel)
		shut(tel, time.Minute)
		spans := c.Spans()[before:]
		if len(spans) != 2 || len(c.Reports()) != reports+1 || tel.Lost()[Traces] != 0 || tel.Lost()[Metrics] != 0 {
			t.Fatalf("%s: %d spans, %d reports, lost %v", protocol, len(spans), len(c.Reports())-reports, tel.Lost())
		}
		r := spans[0].Resource
		if r["service.name"] != "gate" || r["service.version"] != "1.2.3" || r["deployment.environment.name"] != "staging" || r["service.instance.id"] == "" || r["host.name"] == "" {
			t.Errorf("%s: resource %v", protocol, r)
		}
		m := c.Reports()[reports].GetScopeMetrics()[0].GetMetrics()[0]
		if m.GetName() != "answers_total" || m.GetSum().GetDataPoints()[0].GetAsDouble() != 42 || !m.GetSum().GetIsMonotonic() {
			t.Errorf("%s: metric %v", protocol, m)
		}
	}
	if strings.Contains(c.Raw(), "from-the-environment") {
		t.Error("a header of the environment was sent")
	}
	for _, r := range c.Reports() {
		for _, s := range r.GetScopeMetrics() {
			for _, m := range s.GetMetrics() {
				if m.GetName() != "answers_total" {
					t.Errorf("a metric that the gatherer does not have: %s", m.GetName())
				}
			}
		}
	}
}

// TestOpen_secured: TLS with an authority of one's own, a client certificate, and a token
// that changes while the server runs.
func TestOpen_secured(t *testing.T) {
	t.Parallel()
	authority, other := harness.NewAuthority(t, "authority"), harness.NewAuthority(t, "other")
	c := collector.Start(t, &tls.Config{
		Certificates: []tls.Certificate{authority.Server(t).TLS}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool(),
		NextProtos: []string{"h2", "http/1.1"},
	})
	c.Want("first-secret")
	dir := t.TempDir()
	client := authority.Client(t, "postern")
	files := Options{
		TokenFile: harness.Write(t, dir, "token", "first-secret\n"), CA: harness.Write(t, dir, "ca.pem", authority.PEM),
		Cert: harness.Write(t, dir, "cert.pem", client.Cert), Key: harness.Write(t, dir, "key.pem", client.Key),
	}
	refused := func(t *testing.T, url string, change func(*Options)) {
		t.Helper()
		t.Parallel()
		o, h := files, &told{}
		o.Traces, o.Trouble, o.pace = url, h.trouble, brisk
		change(&o)
		tel := open(t, o)
		decide(tel)
		shut(tel, time.Minute)
		if all := h.list(); len(all) != 1 || strings.Contains(all[0], "secret") || tel.Lost()[Traces] != 1 {
			t.Errorf("%s: %q, lost %v", url, all, tel.Lost())
		}
	}
	for protocol, url := range endpoints(c, true) {
		o := files
		o.Traces, o.pace = url, patient
		before := len(c.Spans())
		tel := open(t, o)
		decide(tel)
		harness.Eventually(t, "the first span is taken", func() bool { return len(c.Spans()) == before+1 })
		// Both ends get another token.
		c.Want("second-secret")
		harness.Write(t, dir, "token", "second-secret")
		decide(tel)
		shut(tel, time.Minute)
		if len(c.Spans()) != before+2 {
			t.Errorf("%s: the token that was changed is not used", protocol)
		}
		c.Want("first-secret")
		harness.Write(t, dir, "token", "first-secret")
	}
	taken := len(c.Spans())
	otherCA, wrongToken := harness.Write(t, dir, "other.pem", other.PEM), harness.Write(t, dir, "wrong", "wrong-secret")
	t.Run("refused", func(t *testing.T) {
		for protocol, url := range endpoints(c, true) {
			for name, change := range map[string]func(*Options){
				"another authority": func(o *Options) { o.CA = otherCA },
				"no certificate":    func(o *Options) { o.Cert, o.Key = "", "" },
				"another token":     func(o *Options) { o.TokenFile = wrongToken },
				"no token":          func(o *Options) { o.TokenFile = "" },
				"no TLS":            func(o *Options) { o.Traces = strings.Replace(o.Traces, "s://", "://", 1) },
			} {
				t.Run(protocol+" "+name, func(t *testing.T) { refused(t, url, change) })
			}
		}
	})
	if len(c.Spans()) != taken {
		t.Errorf("%d spans were taken that should not have been", len(c.Spans())-taken)
	}
	if strings.Contains(c.Raw(), "secret") {
		t.Error("a token is in what was sent")
	}
}

// TestOpen_refused: files that are wrong are mistakes at start.
func TestOpen_refused(t *testing.T) {
	dir := t.TempDir()
	f := func(want string, o Options) {
		t.Helper()
		for _, err := range []error{Check(o), func() error { _, err := Open(o); return err }()} {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("%+v: %v, want %q", o, err, want)
			}
		}
	}
	f("no such file", Options{Traces: "http://127.0.0.1:4318", TokenFile: filepath.Join(dir, "none")})
	f("want one token", Options{Traces: "grpc://127.0.0.1:4318", TokenFile: harness.Write(t, dir, "two", "hush hush")})
	f("want one token", Options{Metrics: "http://127.0.0.1:4318", TokenFile: harness.Write(t, dir, "lines", "hush\r\nX-Evil: hush")})
	f("no certificate in it", Options{Traces: "https://127.0.0.1:4318", CA: harness.Write(t, dir, "ca.pem", "hush")})
	f("cert.pem and ", Options{Metrics: "grpcs://127.0.0.1:4318", Cert: harness.Write(t, dir, "cert.pem", "hush"), Key: harness.Write(t, dir, "key.pem", "hush")})
	f("none of http, https, grpc, grpcs", Options{Traces: "ftp://127.0.0.1"})
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "no-value")
	f("describe this process", Options{Traces: "http://127.0.0.1:4318"})
	if err := Check(Options{}); err != nil {
		t.Errorf("nothing is sent: %v", err)
	}
	var none *Telemetry
	none.Close(t.Context())
	if none.Tracer() != nil || none.Lost() != nil {
		t.Error("the nil Telemetry has something")
	}
}

// TestTrouble: a receiver that is down, refuses or sends elsewhere is told of once, and the
// end of that too; what it did not take is counted.
func TestTrouble(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	for protocol, url := range endpoints(c, false) {
		h := &told{}
		before := len(c.Spans())
		tel := open(t, Options{Traces: url, Trouble: h.trouble, pace: patient})
		c.Behave(func(context.Context) int { return http.StatusInternalServerError })
		for n := range 2 {
			decide(tel)
			harness.Eventually(t, protocol+": the span is given up", func() bool { return tel.Lost()[Traces] == uint64(n+1) })
		}
		c.Behave(nil)
		decide(tel)
		harness.Eventually(t, protocol+": the next is taken", func() bool { return len(h.list()) == 2 })
		all := h.list()
		if !strings.Contains(all[0], "refused") || all[1] != "traces: over" || strings.Contains(all[0], "\x1b") || tel.Lost()[Traces] != 2 || len(c.Spans()) != before+1 {
			t.Errorf("%s: %q, lost %v, %d spans", protocol, all, tel.Lost(), len(c.Spans())-before)
		}
	}
	// A redirect is not followed: the token would go along.
	elsewhere := collector.Start(t, nil)
	c.Behave(func(context.Context) int { return http.StatusTemporaryRedirect })
	h := &told{}
	tel := open(t, Options{Traces: "http://" + c.HTTP, Trouble: h.trouble, TokenFile: harness.Write(t, t.TempDir(), "token", "secret")})
	decide(tel)
	shut(tel, time.Minute)
	if all := h.list(); len(all) != 1 || !strings.Contains(all[0], "307") || elsewhere.Tried() != 0 {
		t.Errorf("a redirect: %q", all)
	}
}

// TestTrouble_retried: a receiver that is overloaded for a moment loses nothing.
func TestTrouble_retried(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	for protocol, url := range endpoints(c, false) {
		var mu sync.Mutex
		refusals := 1
		c.Behave(func(context.Context) int {
			mu.Lock()
			defer mu.Unlock()
			if refusals--; refusals >= 0 {
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})
		before := len(c.Spans())
		tel := open(t, Options{Traces: url, pace: patient})
		decide(tel)
		shut(tel, time.Minute)
		if len(c.Spans()) != before+1 || tel.Lost()[Traces] != 0 {
			t.Errorf("%s: %d spans, lost %v", protocol, len(c.Spans())-before, tel.Lost())
		}
	}
}

// TestHangs: a receiver that never answers holds nobody up. What is over the bound is
// dropped and counted, and the end comes when it must.
func TestHangs(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			c := collector.Start(t, nil)
			c.Hang(t)
			tel := open(t, Options{Traces: endpoints(c, false)[protocol], Metrics: endpoints(c, false)[protocol], Interval: time.Second})
			const more = 500
			began := time.Now()
			for range queued + more {
				decide(tel)
			}
			took := time.Since(began)
			if lost := tel.Lost()[Traces]; lost != more && took < usual.send { // else the first are given up already
				t.Errorf("lost %d, want %d", lost, more)
			}
			if took > 5*time.Second {
				t.Errorf("the decisions took %s", took)
			}
			if took := shut(tel, 200*time.Millisecond); took > 10*time.Second {
				t.Errorf("the end took %s", took)
			}
		})
	}
}

// TestSpans: what spans say, whatever is in it.
func TestSpans(t *testing.T) {
	t.Parallel()
	c := collector.Start(t, nil)
	tel := open(t, Options{Traces: "http://" + c.HTTP})
	tracer := tel.Tracer()
	began := time.Unix(1_800_000_000, 5)
	p := Begin(tracer, []string{"00-" + aTrace + "-" + aSpan + "-01"})
	State(&p, []string{"a=1"})
	denied := decision.Denied(decision.Reason{Code: decision.PolicyError, Message: "secret"}, decision.Reason{Code: decision.RoleRequired, Role: "a"}, decision.Reason{Code: decision.RoleRequired, Role: "b"})
	tracer.Decided(&p, Decision{ID: "one", Door: decision.DoorCheck, Decision: denied, Route: "\xff", Revision: strings.Repeat("r", 5000), Began: began, Ended: began.Add(time.Second)})
	b := Begin[string](tracer, nil)
	for n := range MostItems + 5 {
		id := tracer.NewItem(&b, n)
		if tracer.Item(&b, n, id, Decision{ID: "item", Door: decision.DoorChecks, Decision: decision.Allowed(), Began: began, Ended: began}); (id.String() == "") != (n >= MostItems) {
			t.Errorf("item %d has the span %q", n, id)
		}
	}
	tracer.Batch(&b, Batch{ID: "batch", Door: decision.DoorChecks, Items: 25, Allowed: 25, Began: began, Ended: began})
	unsampled := Begin(tracer, []string{"00-" + aTrace + "-" + aSpan + "-00"})
	tracer.Decided(&unsampled, Decision{})
	if id := tracer.NewItem(&unsampled, 0); id.String() != "" {
		t.Errorf("an item of what is not sampled has the span %q", id)
	}
	shut(tel, time.Minute)

	spans := c.Spans()
	if len(spans) != 1+MostItems+1 {
		t.Fatalf("%d spans, want %d", len(spans), MostItems+2)
	}
	one, parent := spans[0], spans[len(spans)-1]
	if one.GetName() != "postern check" || one.GetKind() != v1.Span_SPAN_KIND_SERVER || one.GetTraceState() != "a=1" ||
		one.GetStartTimeUnixNano() != uint64(began.UnixNano()) || one.GetEndTimeUnixNano() != uint64(began.Add(time.Second).UnixNano()) ||
		one.GetStatus().GetCode() != v1.Status_STATUS_CODE_ERROR || one.GetStatus().GetMessage() != "policy_error" {
		t.Errorf("span: %v", one.Span)
	}
	values := map[string]string{}
	for _, a := range one.GetAttributes() {
		values[a.GetKey()] = a.GetValue().String()
	}
	if values["postern.route"] != `string_value:"`+"\uFFFD"+`"` || len(values["postern.bundle.revision"]) > longestValue+20 || strings.Count(values["postern.reasons"], "role_required") != 1 {
		t.Errorf("attributes: %v", values)
	}
	for _, s := range spans[1 : len(spans)-1] {
		if string(s.GetParentSpanId()) != string(parent.GetSpanId()) || string(s.GetTraceId()) != string(parent.GetTraceId()) || s.GetName() != "postern checks item" {
			t.Fatalf("item: %v", s.Span)
		}
	}
	if len(parent.GetParentSpanId()) != 0 || strings.Contains(c.Raw(), "secret") {
		t.Errorf("batch: %v", parent.Span)
	}
}
