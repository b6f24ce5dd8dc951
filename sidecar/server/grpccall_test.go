package server

import (
	"bytes"
	"net"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"postern/sidecar/decision"
	"postern/sidecar/response"
)

// TestCall_broken: neither a panic nor an answer that cannot be encoded is an error of the
// call.
func TestCall_broken(t *testing.T) {
	var log bytes.Buffer
	s := bare(t, &log)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := s.grpc()
	broken := authorization
	broken.ServiceName = "broken"
	broken.Streams = []grpc.StreamDesc{{StreamName: "Answer", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
		return s.send(stream, response.ProxyAnswer{Decision: decision.Allowed(), Edits: decision.Edits{Headers: []decision.Pair{{Name: "x", Value: "\xff"}}}})
	}}}
	g.RegisterService(&broken, s)
	ended := make(chan error)
	go func() { ended <- g.Serve(patientGRPC{patient{l, s.log}}) }()
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	question := &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{Method: "GET", Path: "/", Headers: map[string]string{"authorization": "Bearer a.b.c"}},
	}}}
	f := func(method, reason string) {
		t.Helper()
		var answer authv3.CheckResponse
		if err := conn.Invoke(t.Context(), method, question, &answer); err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		got := answer.GetDynamicMetadata().GetFields()["reasons"].GetListValue().GetValues()
		if answer.GetStatus().GetCode() != int32(codes.PermissionDenied) || len(got) != 1 || got[0].GetStringValue() != reason {
			t.Errorf("%s: %v, want a denial for %s", method, &answer, reason)
		}
	}
	f("/broken/Answer", "policy_error")
	verifier := s.verifier
	s.verifier = nil // so that a token makes it panic
	for range 3 {
		f("/envoy.service.auth.v3.Authorization/Check", "policy_error")
	}
	s.verifier = verifier
	f("/envoy.service.auth.v3.Authorization/Check", "not_ready")
	g.Stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n := s.inFlight.Load(); n != 0 {
		t.Errorf("%d requests in flight after panics, want 0", n)
	}
	if n := strings.Count(log.String(), "handler panicked"); n != 3 {
		t.Errorf("%d panics are logged, want 3", n)
	}
	if n := strings.Count(log.String(), "cannot be encoded"); n != 1 {
		t.Errorf("%d answers that cannot be encoded are logged, want 1", n)
	}
}
