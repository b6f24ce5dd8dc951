//go:build !race

package server

import (
	"context"
	"fmt"
	"testing"
)

// TestTraces_allocates: where traces are sent, a request that is not sampled takes no more
// memory than where they are not.
func TestTraces_allocates(t *testing.T) {
	s, bearer := ready(t)
	s.config.Telemetry.Traces, s.config.Telemetry.Sample = "http://127.0.0.1:1", 0
	if err := s.openTelemetry(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.closeTelemetry(context.Background()) })
	handler := s.handler()
	const parent = "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\nTracestate: a=1\r\n"
	f := func(name, request string, want float64) {
		t.Helper()
		allocates(t, handler, name, request, want)
	}
	for name, trace := range map[string]string{"without a trace": "", "in a trace": parent} {
		body := `{"permission":"org:reports:read"}`
		f("check "+name, fmt.Sprintf("POST /v1/check HTTP/1.1\r\nHost: a\r\n%s%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", bearer, trace, len(body), body), 0)
		f("ext_authz "+name, "GET /ext_authz/health HTTP/1.1\r\nHost: a\r\n"+bearer+trace+"\r\n", 1)
		f("auth-request "+name, "GET /auth-request HTTP/1.1\r\nHost: p\r\nX-Original-Method: GET\r\nX-Original-URI: /invoices/7\r\n"+bearer+trace+"\r\n", 1)
	}
}
