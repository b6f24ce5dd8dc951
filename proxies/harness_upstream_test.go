package proxies

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// An echo is what the upstream was sent, as it says in its answer.
type echo struct {
	Method string
	URI    string // the request line's target, raw
	Host   string
	Proto  string
	Header http.Header
	Length int    // of the body
	SHA256 string // of the body
}

// header is the one value of a header that the upstream saw, or all of them, joined so
// that it is seen in a test; absent headers are "-".
func (e echo) header(name string) string {
	values, ok := e.Header[http.CanonicalHeaderKey(name)]
	if !ok {
		return "-"
	}
	return strings.Join(values, " and ")
}

// An upstream echoes, over HTTP/1.1 and HTTP/2 without TLS.
type upstream struct {
	address string
	// requests counts what was answered; touched counts what came at all, once for each
	// request of HTTP/1.1 and also where it was unreadable.
	requests, touched atomic.Int64
}

func startUpstream(t testing.TB) *upstream {
	t.Helper()
	u := &upstream{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(u.echo))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateActive {
			u.touched.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	u.address = s.Listener.Addr().String()
	return u
}

func (u *upstream) echo(w http.ResponseWriter, r *http.Request) {
	u.requests.Add(1)
	sum := sha256.New()
	n, err := io.Copy(sum, r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Upstream", "echo")
	// A client that leaves is no failure here.
	_ = json.NewEncoder(w).Encode(echo{
		Method: r.Method, URI: r.RequestURI, Host: r.Host, Proto: r.Proto, Header: r.Header,
		Length: int(n), SHA256: hex.EncodeToString(sum.Sum(nil)),
	})
}
