package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/valyala/fasthttp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"postern/cmd/bench/load"
	"postern/cmd/process"
)

// A constant is the one answer of a bare server of fasthttp.
type constant struct {
	Status  int         `json:"status"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body"`
}

// constantOf makes a constant of another server's answer: its status line, its headers but
// for Date and Content-Length, which fasthttp sets itself, and its body.
func constantOf(raw string) (constant, error) {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	words := strings.SplitN(lines[0], " ", 3)
	if len(words) < 2 {
		return constant{}, fmt.Errorf("no status line: %q", lines[0])
	}
	status, err := strconv.Atoi(words[1])
	if err != nil {
		return constant{}, err
	}
	c := constant{Status: status, Body: []byte(body)}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if name != fasthttp.HeaderDate && name != fasthttp.HeaderContentLength {
			c.Headers = append(c.Headers, [2]string{name, value})
		}
	}
	return c, nil
}

// startBareHTTP starts a bare server that answers the request with as many bytes as
// another server did.
func startBareHTTP(ctx context.Context, request string, like load.Answer) (*process.Process, error) {
	c, err := constantOf(like.Raw)
	if err != nil {
		return nil, err
	}
	p, err := serving(ctx, "bare-http", c)
	if err != nil {
		return nil, err
	}
	got, err := load.Ask(p.Addresses["http"], request)
	if err == nil && len(got.Raw) != len(like.Raw) {
		err = fmt.Errorf("the bare server answers %q, and not as long as %q", got.Raw, like.Raw)
	}
	if err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// bareHTTP is the role of a server of fasthttp that does nothing but answer.
func bareHTTP(_ context.Context, in *bufio.Reader, out io.Writer) error {
	var c constant
	if err := told(in, &c); err != nil {
		return err
	}
	s := &fasthttp.Server{
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Response.Header.SetNoDefaultContentType(true)
			ctx.SetStatusCode(c.Status)
			for _, h := range c.Headers {
				ctx.Response.Header.Set(h[0], h[1])
			}
			ctx.Response.SetBodyRaw(c.Body)
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return serveUntil(in, out, map[string]string{"http": l.Addr().String()}, func() error { return s.Serve(l) })
}

// serveUntil serves until in ends, or the server does.
func serveUntil(in io.Reader, out io.Writer, addresses map[string]string, serve func() error) error {
	ended := make(chan error, 2)
	go func() { ended <- serve() }()
	go func() {
		_, err := io.Copy(io.Discard, in)
		ended <- err
	}()
	if err := json.NewEncoder(out).Encode(addresses); err != nil {
		return err
	}
	return <-ended
}

// always answers every call alike.
type always struct {
	authv3.UnimplementedAuthorizationServer
	answer *authv3.CheckResponse
}

func (a always) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return a.answer, nil
}

// bareGRPC is the role of a server of grpc-go that does nothing but answer. Its settings
// are the CheckResponse.
func bareGRPC(_ context.Context, in *bufio.Reader, out io.Writer) error {
	var message []byte
	if err := told(in, &message); err != nil {
		return err
	}
	a := always{answer: new(authv3.CheckResponse)}
	if err := proto.Unmarshal(message, a.answer); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// Postern's server has stream workers too; without them calls cost a tenth more.
	s := grpc.NewServer(grpc.NumStreamWorkers(uint32(8 * runtime.GOMAXPROCS(0))))
	authv3.RegisterAuthorizationServer(s, a)
	return serveUntil(in, out, map[string]string{"grpc": l.Addr().String()}, func() error { return s.Serve(l) })
}
