package server_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"postern/testdata/collector"
	"postern/testdata/harness"
)

// otelCollector starts an OpenTelemetry Collector that passes on to c all that it takes at its
// two addresses.
func otelCollector(t *testing.T, c *collector.Collector) (overHTTP, overGRPC string) {
	t.Helper()
	overHTTP, overGRPC = harness.FreeAddress(t), harness.FreeAddress(t)
	configuration := harness.Write(t, t.TempDir(), "otelcol.yaml", fmt.Sprintf(`
receivers: {otlp: {protocols: {http: {endpoint: %q}, grpc: {endpoint: %q}}}}
exporters: {otlp_http: {endpoint: "http://%s"}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [otlp_http]}
    metrics: {receivers: [otlp], exporters: [otlp_http]}
`, overHTTP, overGRPC, c.HTTP))
	collector := harness.Start(t, "otelcol", harness.Program(t, "otelcol"), "--config", "file:"+configuration)
	collector.Listens(t, overHTTP)
	collector.Listens(t, overGRPC)
	return overHTTP, overGRPC
}

// TestTelemetry_collector has an OpenTelemetry Collector take traces and metrics over both
// protocols, and looks at what it has understood.
func TestTelemetry_collector(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"http", "grpc"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			understood := collector.Start(t, nil)
			overHTTP, overGRPC := otelCollector(t, understood)
			at := map[string]string{"http": "http://" + overHTTP, "grpc": "grpc://" + overGRPC}[protocol]
			s := start(t, standard(t, gated(t), "telemetry: {traces: '"+at+"', metrics: '"+at+"', sample: 0, interval: 1s}"))
			within := []string{"Authorization", "Bearer " + sign(t, nil), "Traceparent", sampled}
			denied := s.do("POST", "/v1/check", `{"role":"owner"}`, within...)
			span := spanOf(t, understood, denied.Header.Get("X-Decision-Id"))
			if hex.EncodeToString(span.GetTraceId()) != callersTrace || hex.EncodeToString(span.GetParentSpanId()) != callersSpan ||
				attribute(span, "postern.reasons") != "role_required" || span.Resource["service.name"] != "postern" {
				t.Errorf("the collector passes on %v of %v", span.Span, span.Resource)
			}
			decisions := func() float64 {
				for _, report := range understood.Reports() {
					for _, scope := range report.GetScopeMetrics() {
						for _, metric := range scope.GetMetrics() {
							for _, point := range metric.GetSum().GetDataPoints() {
								text := fmt.Sprint(point.GetAttributes())
								if metric.GetName() == "postern_decisions_total" && strings.Contains(text, "deny") && point.GetAsDouble() > 0 {
									return point.GetAsDouble()
								}
							}
						}
					}
				}
				return 0
			}
			eventually(t, "the collector passes on the decision that was counted", func() bool { return decisions() == 1 })
		})
	}
}
