package server_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/peer"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"postern/sidecar/config"
)

// connect is a connection of grpc-go's own client to the gRPC listener.
func (s *sidecar) connect(options ...grpc.DialOption) *grpc.ClientConn {
	s.t.Helper()
	target := s.server.Addresses()["grpc"]
	if !strings.HasPrefix(target, "unix:") {
		target = "passthrough:///" + target
	}
	options = append([]grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}, options...)
	c, err := grpc.NewClient(target, options...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// soon is a context that no call of a test needs to its end.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// envoyAsks is the message that Envoy sends about a request. Headers are names and values
// in turn.
func envoyAsks(method, path string, headers ...string) *authv3.CheckRequest {
	fields := map[string]string{":method": method, ":path": path, ":authority": "app.example", ":scheme": "https"}
	for i := 0; i < len(headers); i += 2 {
		fields[headers[i]] = headers[i+1]
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{
		Http: &authv3.AttributeContext_HttpRequest{
			Id: "1", Method: method, Path: path, Host: "app.example", Scheme: "https", Protocol: "HTTP/1.1", Headers: fields,
		},
	}}}
}

// told is an answer in words: allow, or the status of the denial and its reasons.
func told(r *authv3.CheckResponse, err error) string {
	if err != nil {
		return "error " + status.Code(err).String()
	}
	if r.GetStatus() == nil {
		return "no status, which is an allow"
	}
	if r.GetStatus().GetCode() == int32(codes.OK) {
		return "allow"
	}
	var words []string
	for _, v := range r.GetDynamicMetadata().GetFields()["reasons"].GetListValue().GetValues() {
		words = append(words, v.GetStringValue())
	}
	return strings.TrimPrefix(r.GetDeniedResponse().GetStatus().GetCode().String(), "StatusCode_") + " " + strings.Join(words, " ")
}

func TestGRPC(t *testing.T) {
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, gated(t), "decision_log: "+log))
	client := authv3.NewAuthorizationClient(s.connect())
	bearer := []string{"authorization", "Bearer " + sign(t, nil)}
	f := func(want string, r *authv3.CheckRequest) *authv3.CheckResponse {
		t.Helper()
		answer, err := client.Check(soon(t), r)
		if got := told(answer, err); got != want {
			t.Errorf("%v: %s, want %s", r.GetAttributes().GetRequest().GetHttp().GetPath(), got, want)
		}
		if err == nil && answer.GetDynamicMetadata().GetFields()["decision_id"].GetStringValue() == "" {
			t.Errorf("%v: no decision id", r)
		}
		return answer
	}
	f("allow", envoyAsks("GET", "/public/x"))
	f("Unauthorized token_missing", envoyAsks("GET", "/reports/7"))
	f("allow", envoyAsks("GET", "/reports/7?a=b", bearer...))
	f("Forbidden route_unlisted", envoyAsks("POST", "/reports/7", bearer...))
	f("NotFound organization_required", envoyAsks("GET", "/o/org_globex/x", bearer...))
	f("BadRequest path_ambiguous", envoyAsks("GET", "/public/../owner", bearer...))
	f("BadRequest path_ambiguous", envoyAsks("GET", "", bearer...))
	f("BadRequest request_malformed", envoyAsks("CONNECT", "", bearer...))
	f("BadRequest request_malformed", &authv3.CheckRequest{})
	if a := f("Found role_required", envoyAsks("GET", "/owner", bearer...)); a.GetDeniedResponse().GetHeaders()[0].GetHeader().GetKey() != "location" {
		t.Errorf("the redirect: %v", a)
	}
	metrics := s.do("GET", "admin:/metrics", "").Body
	for _, want := range []string{
		`postern_decisions_total{door="ext_authz_grpc",outcome="allow"} 2`,
		`postern_denial_reasons_total{door="ext_authz_grpc",reason="path_ambiguous"} 2`,
		`postern_decision_duration_seconds_count{door="ext_authz_grpc"} 10`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if a := s.do("GET", "admin:/v1/status", ""); !strings.Contains(a.Body, `"grpc": "`+s.server.Addresses()["grpc"]+`"`) {
		t.Errorf("the status lacks the address: %s", a.Body)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := `"method":"GET","host":"app.example","path":"/reports/7","route":"GET /reports/{id}"`
	if !strings.Contains(string(text), want) || strings.Count(string(text), `"door":"ext_authz_grpc"`) != 10 {
		t.Errorf("the decision log lacks %s, or one of ten records:\n%s", want, text)
	}
}

// TestGRPC_headerMap: Envoy sends headers in another member where encode_raw_headers is
// set (EXTAUTHZ G3).
func TestGRPC_headerMap(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	client := authv3.NewAuthorizationClient(s.connect())
	r := envoyAsks("GET", "/reports/7")
	http := r.Attributes.Request.Http
	http.HeaderMap = &corev3.HeaderMap{}
	for name, value := range http.Headers {
		http.HeaderMap.Headers = append(http.HeaderMap.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	http.Headers = nil
	if got := told(client.Check(soon(t), r)); got != "Unauthorized token_missing" {
		t.Errorf("without a token: %s", got)
	}
	http.HeaderMap.Headers = append(http.HeaderMap.Headers, &corev3.HeaderValue{Key: "authorization", RawValue: []byte("Bearer " + sign(t, nil))})
	if got := told(client.Check(soon(t), r)); got != "allow" {
		t.Errorf("with a token: %s", got)
	}
}

func TestGRPC_socket(t *testing.T) {
	c := standard(t, gated(t))
	c.GRPC.Listen = config.Address{Network: "unix", Address: filepath.Join(short(t), "grpc.sock")}
	s := start(t, c)
	if got, want := s.server.Addresses()["grpc"], "unix://"+c.GRPC.Listen.Address; got != want {
		t.Errorf("address: %q, want %q", got, want)
	}
	var from peer.Peer
	answer, err := authv3.NewAuthorizationClient(s.connect()).Check(soon(t), envoyAsks("GET", "/public/x"), grpc.Peer(&from))
	if got := told(answer, err); got != "allow" || from.Addr.Network() != "unix" {
		t.Errorf("over the socket: %s from %v", got, from.Addr)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(c.GRPC.Listen.Address); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestGRPC_compressed: a client that compresses is answered like any other.
func TestGRPC_compressed(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	client := authv3.NewAuthorizationClient(s.connect(grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name))))
	if got := told(client.Check(soon(t), envoyAsks("GET", "/public/x"))); got != "allow" {
		t.Errorf("compressed: %s", got)
	}
	if got := told(client.Check(soon(t), envoyAsks("GET", "/owner"))); got != "Unauthorized token_missing" {
		t.Errorf("compressed: %s", got)
	}
}

// TestGRPC_reflection: services are listed only where that is configured, and Envoy's with
// the unary call that it is.
func TestGRPC_reflection(t *testing.T) {
	list := func(s *sidecar, ask *reflectionv1.ServerReflectionRequest) (*reflectionv1.ServerReflectionResponse, error) {
		t.Helper()
		stream, err := reflectionv1.NewServerReflectionClient(s.connect()).ServerReflectionInfo(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		// What is wrong with a call that has ended, Recv says.
		if err := stream.Send(ask); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		return stream.Recv()
	}
	services := &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}
	if _, err := list(start(t, standard(t, plain(t))), services); status.Code(err) != codes.Unimplemented {
		t.Errorf("reflection where it is not configured: %v", err)
	}
	c := standard(t, plain(t))
	c.GRPC.Reflection = true
	s := start(t, c)
	r, err := list(s, services)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, one := range r.GetListServicesResponse().GetService() {
		names[one.GetName()] = true
	}
	for _, want := range []string{"envoy.service.auth.v3.Authorization", "grpc.health.v1.Health"} {
		if !names[want] {
			t.Errorf("services are %v, want %s among them", slices.Sorted(maps.Keys(names)), want)
		}
	}
	r, err = list(s, &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{
		FileContainingSymbol: "envoy.service.auth.v3.Authorization.Check",
	}})
	if err != nil || len(r.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Errorf("the description of Check: %v, %v", r, err)
	}
}

func TestGRPC_doorClosed(t *testing.T) {
	c := standard(t, gated(t))
	c.Doors.ExtAuthz = false
	s := start(t, c)
	if at, ok := s.server.Addresses()["grpc"]; ok {
		t.Errorf("the closed door listens on %s", at)
	}
}

// TestGRPC_notReady: without a bundle the answer is a denial, not an error.
func TestGRPC_notReady(t *testing.T) {
	s := start(t, standard(t, filepath.Join(t.TempDir(), "missing")))
	if got := told(authv3.NewAuthorizationClient(s.connect()).Check(soon(t), envoyAsks("GET", "/public/x"))); got != "Forbidden not_ready" {
		t.Errorf("%s, want Forbidden not_ready", got)
	}
}
