package proxies

import (
	"bytes"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"postern/testdata/collector"
)

// shownTracing is the block of the docs that has Envoy trace.
var shownTracing = regexp.MustCompile("(?ms)^```yaml\n(tracing:\n.*?)^```$")

// envoyTraces has Envoy trace as the docs say, and send its spans to a receiver.
func envoyTraces(t testing.TB, at string) []string {
	t.Helper()
	page, err := os.ReadFile("../docs/telemetry.md")
	if err != nil {
		t.Fatal(err)
	}
	block := shownTracing.FindSubmatch(page)
	if block == nil {
		t.Fatal("the docs do not show how Envoy traces")
	}
	const indent = "\n                "
	host, port, _ := strings.Cut(at, ":")
	return []string{
		"stat_prefix: ingress\n", "stat_prefix: ingress" + indent + strings.ReplaceAll(strings.TrimSpace(string(block[1])), "\n", indent) + "\n",
		"  clusters:\n", `  clusters:
    - name: telemetry
      type: STATIC
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
      load_assignment:
        cluster_name: telemetry
        endpoints:
          - lb_endpoints:
              - endpoint: {address: {socket_address: {address: ` + host + `, port_value: ` + port + `}}}
`,
	}
}

// TestEnvoy_traces: where Envoy traces, its trace has the decision, below its own span, and
// whether its client is in a trace or not.
func TestEnvoy_traces(t *testing.T) {
	const clients = "0af7651916cd43dd8448eb211c80319c"
	for _, name := range []string{"envoy-grpc", "envoy-http"} {
		t.Run(name, func(t *testing.T) {
			c := collector.Start(t, nil)
			s := startPostern(t, setting{more: "telemetry: {traces: 'http://" + c.HTTP + "', sample: 0}"})
			at, _ := startEnvoy(t, name, addresses{http: s.http, grpc: s.grpc, upstream: freeAddress(t)}, envoyTraces(t, c.GRPC)...)
			for _, parent := range []string{"", "00-" + clients + "-b7ad6b7169203331-01"} {
				before := len(c.Spans())
				r, err := http.NewRequest("GET", "http://"+at+"/public/x", nil)
				if err != nil {
					t.Fatal(err)
				}
				if parent != "" {
					r.Header.Set("traceparent", parent)
				}
				res, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				var ours, above *collector.Span
				eventually(t, "both have sent their spans", func() bool {
					spans := c.Spans()[before:]
					ours, above = nil, nil
					for i := range spans {
						if strings.HasPrefix(spans[i].GetName(), "postern ") {
							ours = &spans[i]
						}
					}
					for i := range spans {
						if ours != nil && bytes.Equal(spans[i].GetSpanId(), ours.GetParentSpanId()) {
							above = &spans[i]
						}
					}
					return above != nil
				})
				if above.Resource["service.name"] != "envoy" || ours.Resource["service.name"] != "postern" || !bytes.Equal(above.GetTraceId(), ours.GetTraceId()) {
					t.Errorf("the decision %v is below %v", ours.Span, above.Span)
				}
				t.Logf("%q is below Envoy's %q", ours.GetName(), above.GetName())
			}
		})
	}
}
