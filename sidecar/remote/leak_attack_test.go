package remote

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// A tally is a listener that counts the connections that are open.
type tally struct {
	net.Listener
	open *atomic.Int64
}

type tallied struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

func (l tally) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &tallied{Conn: c, open: l.open}, nil
}

func (c *tallied) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}

// http2Server serves over TLS, by HTTP/2, and counts its connections.
func http2Server(t *testing.T, h http.HandlerFunc) (server *httptest.Server, ca string, open *atomic.Int64) {
	t.Helper()
	authority := newAuthority(t)
	cert, key := authority.issue(t, "server")
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server, open = httptest.NewUnstartedServer(h), new(atomic.Int64)
	server.Listener = tally{server.Listener, open}
	server.EnableHTTP2 = true
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server, authority.path, open
}

// TestFetch_http2Leaks: an attempt that ends in the middle, whatever the server was doing,
// leaves no connection.
func TestFetch_http2Leaks(t *testing.T) {
	ended := make(chan struct{})
	defer close(ended)
	hang := func(r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-ended:
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"no answer": func(_ http.ResponseWriter, r *http.Request) { hang(r) },
		"half a body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			hang(r)
		},
		"no archive": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			server, ca, open := http2Server(t, handler)
			o := defaults(server.URL)
			o.CA, o.Timeout = ca, 100*time.Millisecond
			noLeaks(t, func() {
				s := newSource(t, o)
				for range 10 {
					if s.Fetch(t.Context()) == nil {
						t.Error("it is taken")
					}
				}
				eventually(t, "connections are closed", func() bool { return open.Load() == 0 })
			})
		})
	}
}
