package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/valyala/fasthttp"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/origin"
	"postern/sidecar/response"
)

// bare is a server without issuers and without a bundle.
func bare(t *testing.T, log io.Writer) *Server {
	t.Helper()
	c := config.Default()
	c.Issuers.None = true
	s, err := New(Options{Config: c, Logger: slog.New(slog.NewJSONHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reads makes the server load what the functions say.
func (s *Server) reads(digest func(context.Context) (string, error), load func(context.Context) (*bundle.Bundle, error)) {
	s.view = func() origin.View { return origin.View{Digest: digest, Load: load} }
}

// TestEnter_panic: a door that panics has denied, and the next request is served.
func TestEnter_panic(t *testing.T) {
	var log bytes.Buffer
	s := bare(t, &log)
	good := false
	var held sync.Mutex
	doors := map[string]door{
		"/v1/check": {name: "check", method: "POST", serve: func(ctx *fasthttp.RequestCtx) {
			held.Lock()
			defer held.Unlock()
			if !good {
				// What was written before must not reach the client.
				ctx.SetBodyString(`{"allow":true,"status":200,"reasons":[]}`)
				ctx.Response.Header.Set("X-Early", "1")
				panic("the token is marker")
			}
			response.Decision(ctx, decision.NewID(), decision.Allowed())
		}, refuse: response.Decision},
		"/v1/session": {name: "session", method: "GET", serve: func(*fasthttp.RequestCtx) { panic(errors.New("boom")) }, refuse: response.NoSession},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := s.fasthttp()
	server.Handler = func(ctx *fasthttp.RequestCtx) { s.enter(ctx, doors[string(ctx.Path())]) }
	ended := make(chan error)
	go func() { ended <- server.Serve(patient{l, s.log}) }()
	client := &http.Client{Timeout: 10 * time.Second}
	f := func(method, path string, code int, allow bool) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var d decision.Decision
		if err := json.NewDecoder(res.Body).Decode(&d); err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != code || d.Allow != allow || !allow && (len(d.Reasons) != 1 || d.Reasons[0].Code != decision.PolicyError) {
			t.Errorf("%s: %d %+v, want %d, allow %v", path, res.StatusCode, d, code, allow)
		}
		if res.Header.Get("X-Early") != "" || res.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: headers %v", path, res.Header)
		}
	}
	for range 3 {
		f("POST", "/v1/check", 200, false)
		f("GET", "/v1/session", 403, false)
	}
	held.Lock()
	good = true
	held.Unlock()
	f("POST", "/v1/check", 200, true)
	client.CloseIdleConnections()
	if err := errors.Join(server.Shutdown(), <-ended); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if n := s.inFlight.Load(); n != 0 {
		t.Errorf("%d requests in flight after panics, want 0", n)
	}
	if n := strings.Count(log.String(), "handler panicked"); n != 6 {
		t.Errorf("%d panics are logged, want 6", n)
	}
}

// TestBuild_panic: a library that panics on a bundle has refused it.
func TestBuild_panic(t *testing.T) {
	s := bare(t, io.Discard)
	digest := func(context.Context) (string, error) { return "sha256:1", nil }
	s.reads(digest, func(context.Context) (*bundle.Bundle, error) { panic("boom") })
	if err := s.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("Check = %v, want the panic", err)
	}
	s.Reload(t.Context())
	if s.current.Load() != nil || !strings.Contains(s.reload.Load().Error, "boom") {
		t.Errorf("after a panic: %+v", s.reload.Load())
	}
	s.reads(func(context.Context) (string, error) { panic("bang") }, nil)
	s.Reload(t.Context())
	if s.current.Load() != nil || !strings.Contains(s.reload.Load().Error, "bang") {
		t.Errorf("after a panic in Digest: %+v", s.reload.Load())
	}
}

// A scarce listener has connections only after a while.
type scarce struct {
	net.Listener
	errs []error
}

func (l *scarce) Accept() (net.Conn, error) {
	if len(l.errs) == 0 {
		ours, theirs := net.Pipe()
		theirs.Close()
		return ours, nil
	}
	err := l.errs[0]
	l.errs = l.errs[1:]
	return nil, err
}

// TestPatient: a shortage passes, the end of the listener does not.
func TestPatient(t *testing.T) {
	failed := func(errno error) error {
		return &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", errno)}
	}
	var log bytes.Buffer
	l := patient{&scarce{errs: []error{failed(syscall.EMFILE), failed(syscall.ENFILE), failed(syscall.ECONNABORTED)}}, slog.New(slog.NewTextHandler(&log, nil))}
	c, err := l.Accept()
	if err != nil || strings.Count(log.String(), "\n") != 3 {
		t.Fatalf("Accept = %v after\n%s", err, &log)
	}
	c.Close()
	for _, end := range []error{net.ErrClosed, failed(syscall.EINVAL), io.EOF} {
		l.Listener = &scarce{errs: []error{end}}
		if _, err := l.Accept(); !errors.Is(err, end) {
			t.Errorf("Accept = %v, want %v", err, end)
		}
	}
	log.Reset()
	g := patientGRPC{patient{&scarce{errs: []error{failed(syscall.ENOBUFS), failed(syscall.ENOMEM)}}, slog.New(slog.NewTextHandler(&log, nil))}}
	if c, err = g.Accept(); err != nil || strings.Count(log.String(), "\n") != 2 {
		t.Fatalf("gRPC: Accept = %v after\n%s", err, &log)
	}
	c.Close()
}

// TestLoadBundle_unsettled: content that changes while it is read is not published, and
// what failed is tried again though the digest is the same.
func TestLoadBundle_unsettled(t *testing.T) {
	s := bare(t, io.Discard)
	b, err := bundle.FromFS(fstest.MapFS{"a/data.json": &fstest.MapFile{Data: []byte(`{"b": 1}`)}})
	if err != nil {
		t.Fatal(err)
	}
	digests := []string{"sha256:old", b.Digest, b.Digest, "sha256:new", b.Digest, b.Digest, b.Digest}
	digest := func(context.Context) (string, error) {
		d := digests[0]
		digests = digests[1:]
		return d, nil
	}
	failing := false
	s.reads(digest, func(context.Context) (*bundle.Bundle, error) {
		if failing {
			return nil, errors.New("too many open files")
		}
		return b, nil
	})
	if err := s.loadBundle(t.Context()); err == nil || !strings.Contains(err.Error(), "changed while") || s.current.Load() != nil {
		t.Fatalf("changed before the load: %v", err)
	}
	if err := s.loadBundle(t.Context()); err == nil || !strings.Contains(err.Error(), "changed while") || s.current.Load() != nil {
		t.Fatalf("changed after the load: %v", err)
	}
	failing = true
	if err := s.loadBundle(t.Context()); err == nil || s.current.Load() != nil {
		t.Fatalf("a load that fails: %v", err)
	}
	failing = false
	if err := s.loadBundle(t.Context()); err != nil || s.current.Load() == nil {
		t.Fatalf("the same digest again: %v", err)
	}
}

// TestBuild_slow: a load that does not end is left at ctx's end, holds up no keys, and
// keeps others from beginning beside it.
func TestBuild_slow(t *testing.T) {
	s := bare(t, io.Discard)
	let := make(chan struct{})
	digest := func(context.Context) (string, error) { return "sha256:1", nil }
	s.reads(digest, func(context.Context) (*bundle.Bundle, error) {
		<-let
		return nil, errors.New("at last")
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.loadBundle(ctx) }()
	for !s.building.Load() {
		time.Sleep(time.Millisecond)
	}
	s.loadKeys(t.Context(), true)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("loadBundle = %v, want the end of its context", err)
	}
	if err := s.loadBundle(t.Context()); err == nil || !strings.Contains(err.Error(), "earlier load") {
		t.Errorf("loadBundle beside a load that goes on = %v", err)
	}
	close(let)
	for s.building.Load() {
		time.Sleep(time.Millisecond)
	}
	if err := s.loadBundle(t.Context()); err == nil || !strings.Contains(err.Error(), "at last") {
		t.Errorf("loadBundle afterwards = %v", err)
	}
}
