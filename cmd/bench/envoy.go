package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"postern/cmd/bench/load"
	"postern/cmd/bench/report"
	"postern/cmd/bench/world"
	"postern/cmd/process"
)

// user is who the warm session's token names, and who the upstream is told about.
const user = "user_00000000"

// headers are those of an ordinary request that Envoy hands on, but for the pseudo-headers.
func headers(token string) [][2]string {
	return [][2]string{
		{"user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{"accept", "application/json"},
		{"accept-language", "en-US,en;q=0.5"},
		{"accept-encoding", "gzip, deflate, br"},
		{"x-forwarded-for", "203.0.113.7"},
		{"x-forwarded-proto", "https"},
		{"x-request-id", "5e0ac1b1-9c3c-4c7e-8f0a-1f6f3f7f2b11"},
		{"authorization", "Bearer " + token},
	}
}

// checkRequest is what Envoy sends about GET /invoices/7: twelve headers, both ends.
func checkRequest(token string) *authv3.CheckRequest {
	all := map[string]string{":method": "GET", ":path": world.Route, ":authority": "app.example", ":scheme": "https"}
	for _, h := range headers(token) {
		all[h[0]] = h[1]
	}
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source:      peer("203.0.113.7", 51742),
		Destination: peer("10.0.0.5", 8443),
		Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{
			Id: "9247731268153297213", Method: "GET", Path: world.Route, Host: "app.example",
			Scheme: "https", Protocol: "HTTP/2", Headers: all,
		}},
	}}
}

func peer(address string, port uint32) *authv3.AttributeContext_Peer {
	return &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
		SocketAddress: &corev3.SocketAddress{Address: address, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port}},
	}}}
}

// extAuthzGRPC asks as Envoy does over gRPC.
func (b *bench) extAuthzGRPC(ctx context.Context, name string) (report.Section, error) {
	dir, token, err := b.warmBundle()
	if err != nil {
		return report.Section{}, err
	}
	request := checkRequest(token)
	answer, err := b.learnGRPC(ctx, setup{bundle: dir}, request)
	if err != nil {
		return report.Section{}, err
	}
	plan := b.plan()
	plan.GRPC = new(load.GRPC)
	if plan.GRPC.Request, err = proto.Marshal(request); err != nil {
		return report.Section{}, err
	}
	if plan.GRPC.Answer, err = proto.Marshal(answer); err != nil {
		return report.Section{}, err
	}
	constant := func(ctx context.Context) (*process.Process, error) {
		return serving(ctx, "bare-grpc", plan.GRPC.Answer)
	}
	targets := []target{b.steady("bare grpc-go", constant, plan), b.steady("Postern", b.serve(setup{bundle: dir}), plan)}
	for i := range targets {
		targets[i].door = "grpc"
	}
	rows, err := b.compare(ctx, name, targets...)
	if err != nil {
		return report.Section{}, err
	}
	return besideFirst(rows, "bare", "ext_authz gRPC, beside bare grpc-go", 1.25), nil
}

// learnGRPC is [learn] for Envoy's call: an allow that tells the upstream who it is.
func (b *bench) learnGRPC(ctx context.Context, s setup, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	p, err := b.startPostern(ctx, s)
	if err != nil {
		return nil, err
	}
	defer p.Stop()
	answer, err := load.AskGRPC(ctx, p.Addresses["grpc"], request)
	if err != nil {
		return nil, err
	}
	if answer.GetStatus().GetCode() != int32(codes.OK) || !strings.Contains(answer.String(), user) {
		return nil, fmt.Errorf("a wrong answer: %v", answer)
	}
	return answer, nil
}

// extAuthzHTTP asks as Envoy does over HTTP.
func (b *bench) extAuthzHTTP(ctx context.Context, name string) (report.Section, error) {
	dir, token, err := b.warmBundle()
	if err != nil {
		return report.Section{}, err
	}
	var text strings.Builder
	text.WriteString("GET /ext_authz" + world.Route + " HTTP/1.1\r\nhost: app.example\r\n")
	for _, h := range headers(token) {
		text.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	text.WriteString("\r\n")
	request := text.String()
	answer, err := learn(ctx, b.serve(setup{bundle: dir}), request, user)
	if err != nil {
		return report.Section{}, err
	}
	if answer.Body() != "" {
		return report.Section{}, errors.New("an allow with a body")
	}
	rows, err := b.compare(ctx, name,
		b.steady("bare fasthttp", bare(request, answer), b.repeated(request, answer.Kept)),
		b.steady("Postern", b.serve(setup{bundle: dir}), b.repeated(request, answer.Kept)))
	if err != nil {
		return report.Section{}, err
	}
	return besideFirst(rows, "bare", "ext_authz HTTP, beside bare fasthttp", 1.3), nil
}
