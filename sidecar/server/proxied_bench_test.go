package server_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkExtAuthz compares the doors of HTTP with a bare server of fasthttp, by eight
// callers with a connection each.
func BenchmarkExtAuthz(b *testing.B) {
	bearer := "Authorization: Bearer " + sign(b, nil) + "\r\n"
	common := "User-Agent: curl/8\r\nAccept: */*\r\nX-Request-Id: e7f0\r\n"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	bare := &fasthttp.Server{Handler: func(*fasthttp.RequestCtx) {}, NoDefaultServerHeader: true}
	go func() { _ = bare.Serve(l) }()
	b.Cleanup(func() { _ = bare.Shutdown() })
	run := func(name, address, text string) {
		b.Run(name, func(b *testing.B) { measured(b, caller(b, address, text)) })
	}
	guarded := proxyRequest("/ext_authz", "GET", "/reports/7") + common + bearer + "\r\n"
	run("bare", l.Addr().String(), guarded)
	s := start(b, standard(b, gated(b)))
	at := strings.TrimPrefix(s.url, "http://")
	run("ext_authz/public", at, proxyRequest("/ext_authz", "GET", "/public/x")+common+"\r\n")
	run("ext_authz/guarded", at, guarded)
	run("forward_auth/public", at, proxyRequest("/forward-auth", "GET", "/public/x")+common+"\r\n")
	run("forward_auth/guarded", at, proxyRequest("/forward-auth", "GET", "/reports/7")+common+bearer+"\r\n")
}

// caller sends a text over one of eight connections that are kept, and reads its answer.
func caller(b *testing.B, address, text string) func() {
	type connection struct {
		net.Conn
		r *bufio.Reader
	}
	free := make(chan connection, 8)
	for range cap(free) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		free <- connection{c, bufio.NewReader(c)}
	}
	return func() {
		c := <-free
		defer func() { free <- c }()
		if _, err := io.WriteString(c, text); err != nil {
			b.Error(err)
			return
		}
		for first := true; ; first = false {
			line, err := c.r.ReadSlice('\n')
			if err != nil || first && !strings.HasPrefix(string(line), "HTTP/1.1 200") {
				b.Errorf("%q, %v, want %d", line, err, http.StatusOK)
				return
			}
			if len(line) == 2 { // the end of the headers; there is no body
				return
			}
		}
	}
}
