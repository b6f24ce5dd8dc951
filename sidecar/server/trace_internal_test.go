package server

import (
	"bufio"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"google.golang.org/grpc/metadata"

	"postern/testdata/collector"
)

// TestTraces_unseen: what is refused for overload, or because deciding panicked, is in its
// caller's trace too, as an error.
func TestTraces_unseen(t *testing.T) {
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	c := collector.Start(t, nil)
	s, bearer := ready(t)
	s.config.Telemetry.Traces, s.config.Telemetry.Sample = "http://"+c.HTTP, 0
	if err := s.openTelemetry(); err != nil {
		t.Fatal(err)
	}
	broken := s.open[forwardAuthPath]
	broken.serve = func(*fasthttp.RequestCtx) { panic("broken") }
	s.open[forwardAuthPath] = broken
	ask := func(path string) {
		t.Helper()
		var ctx fasthttp.RequestCtx
		ctx.Init(&fasthttp.Request{}, nil, nil)
		text := "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + bearer + "Traceparent: 00-" + traceID + "-b7ad6b7169203331-01\r\n\r\n"
		if err := ctx.Request.Read(bufio.NewReader(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		s.handler()(&ctx)
		if ctx.Response.StatusCode() != fasthttp.StatusForbidden {
			t.Errorf("%s: %d", path, ctx.Response.StatusCode())
		}
	}
	ask(forwardAuthPath)
	s.inFlight.Store(1 << 20)
	ask("/ext_authz/health")
	call := metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", "00-"+traceID+"-b7ad6b7169203331-01"))
	if answer := s.respond(call, nil, nil); answer.Decision.Allow {
		t.Error("allowed over the limit on concurrency")
	}
	s.closeTelemetry(t.Context())
	var got []string
	for _, span := range c.Spans() {
		got = append(got, span.GetName()+" "+span.GetStatus().GetMessage()+" "+hex.EncodeToString(span.GetTraceId()))
	}
	if want := "postern forward_auth policy_error " + traceID + "\npostern ext_authz_http overloaded " + traceID + "\npostern ext_authz_grpc overloaded " + traceID; strings.Join(got, "\n") != want {
		t.Errorf("spans:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
	}
}
