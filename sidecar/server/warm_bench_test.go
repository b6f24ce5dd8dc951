package server_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// BenchmarkWarm compares the doors of apps with a bare server of fasthttp that sends the
// same answer, by eight callers with a connection each.
func BenchmarkWarm(b *testing.B) {
	s := start(b, standard(b, plain(b)))
	at := strings.TrimPrefix(s.url, "http://")
	body := `{"permission":"org:reports:read"}`
	text := "POST /v1/check HTTP/1.1\r\nHost: a\r\nUser-Agent: app\r\nContent-Type: application/json\r\nAuthorization: Bearer " +
		sign(b, nil) + "\r\nContent-Length: " + fmt.Sprint(len(body)) + "\r\n\r\n" + body
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	answer := []byte(`{"allow":true,"status":200,"reasons":[]}`)
	bare := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.Response.Header.SetContentType("application/json")
		ctx.Response.Header.Set("Cache-Control", "no-store")
		ctx.Response.Header.Set("X-Decision-Id", "01234567-89ab-4def-8123-456789abcdef")
		ctx.Response.SetBodyRaw(answer)
	}}
	go func() { _ = bare.Serve(l) }()
	b.Cleanup(func() { _ = bare.Shutdown() })
	for _, server := range []struct{ name, at string }{{"bare", l.Addr().String()}, {"postern", at}} {
		b.Run(server.name, func(b *testing.B) { measured(b, asker(b, server.at, text, string(answer))) })
	}
}

// asker sends a text over one of eight connections that are kept, and reads an answer that
// ends in want.
func asker(b *testing.B, address, text, want string) func() {
	free := make(chan net.Conn, 8)
	for range cap(free) {
		c, err := net.Dial("tcp", address)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		free <- c
	}
	buffers := make(chan []byte, 8)
	for range cap(buffers) {
		buffers <- make([]byte, 4096)
	}
	return func() {
		c, buffer := <-free, <-buffers
		defer func() { free <- c; buffers <- buffer }()
		if _, err := io.WriteString(c, text); err != nil {
			b.Error(err)
			return
		}
		n := 0
		for n < len(want) || string(buffer[n-len(want):n]) != want {
			more, err := c.Read(buffer[n:])
			if err != nil {
				b.Errorf("%q, %v", buffer[:n], err)
				return
			}
			n += more
		}
	}
}
