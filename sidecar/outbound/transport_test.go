package outbound_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/sidecar/outbound"
	"postern/testdata/harness"
)

// serves is a server whose certificate is of this authority. It says which token it is shown.
func serves(t *testing.T, of *harness.Authority) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			http.Redirect(w, r, "/", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{of.Server(t).TLS}}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// get is what a server answers, and the error's text where it does not.
func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		return err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTransport_replaced: authorities and the token hold from the next request on, also where
// there is a connection that older ones were good for.
func TestTransport_replaced(t *testing.T) {
	dir := t.TempDir()
	old, other := harness.NewAuthority(t, "old"), harness.NewAuthority(t, "other")
	s := serves(t, old)
	files := outbound.Files{CA: harness.Write(t, dir, "ca.pem", old.PEM)}
	token := filepath.Join(dir, "token")
	through, err := files.Transport(token)
	if err != nil {
		t.Fatal(err)
	}
	c := through.Client(time.Minute)
	asks := func(want string) {
		t.Helper()
		if got := get(t, c, s.URL); !strings.Contains(got, want) {
			t.Errorf("answered %q, want %q", got, want)
		}
	}
	asks("no such file") // of the token: nothing is sent without it
	harness.Write(t, dir, "token", "first")
	asks("Bearer first")
	harness.Write(t, dir, "token", "second")
	asks("Bearer second")
	harness.Write(t, dir, "ca.pem", other.PEM)
	asks("unknown authority") // although a connection is open
	harness.Write(t, dir, "ca.pem", "half")
	asks("no certificate in it")
	harness.Write(t, dir, "ca.pem", other.PEM+old.PEM)
	asks("Bearer second")
	if err := os.Remove(files.CA); err != nil {
		t.Fatal(err)
	}
	asks("no such file")
	if _, err := files.Transport(""); err == nil {
		t.Error("a Transport of files that are not there")
	}
}

// TestTransport_redirect: what is sent goes where it was meant to go.
func TestTransport_redirect(t *testing.T) {
	dir := t.TempDir()
	a := harness.NewAuthority(t, "ca")
	s := serves(t, a)
	through, err := outbound.Files{CA: harness.Write(t, dir, "ca.pem", a.PEM)}.Transport(harness.Write(t, dir, "token", "hush"))
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, through.Client(time.Minute), s.URL+"/elsewhere"); strings.Contains(got, "hush") {
		t.Errorf("a redirect was followed: %q", got)
	}
}

// TestTransport_failure: after a failure the next request has a connection of its own.
func TestTransport_failure(t *testing.T) {
	var connections atomic.Int64
	hangs := make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hangs" {
			<-hangs
		}
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(hangs) })
	through, err := outbound.Files{}.Transport("")
	if err != nil {
		t.Fatal(err)
	}
	c := through.Client(time.Minute)
	get(t, c, s.URL)
	get(t, c, s.URL)
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for two requests, want 1", n)
	}
	if got := get(t, through.Client(50*time.Millisecond), s.URL+"/hangs"); !strings.Contains(got, "exceeded") {
		t.Errorf("a hanging server answers %q", got)
	}
	get(t, c, s.URL)
	if n := connections.Load(); n != 2 {
		t.Errorf("%d connections after a failure, want 2", n)
	}
}
