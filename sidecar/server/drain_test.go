package server_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/sidecar/config"
)

// TestDrain: what was taken is answered, nothing more is taken, and nothing is left.
func TestDrain(t *testing.T) {
	start(t, standard(t, plain(t))).stop() // what starts once for the process has started
	goroutines, files := runtime.NumGoroutine(), descriptors(t)

	c := standard(t, plain(t), "decision_log: "+filepath.Join(t.TempDir(), "decisions.jsonl"))
	s := startBusy(t, c)
	good := sign(t, nil)
	if a := s.ask(good, question); !a.Allow {
		t.Fatalf("before: %s", a.Body)
	}
	under := make(chan answer)
	s.occupy(func() {
		a, err := s.try("POST", "/v1/check", question, "Authorization", "Bearer "+good)
		if err != nil {
			t.Errorf("the request under way: %v", err)
		}
		under <- a
	})
	ended := make(chan error)
	go func() { ended <- s.stop() }()
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 503 || !strings.Contains(a.Body, `"listeners": false`) {
		t.Errorf("readyz while draining: %d %s", a.Code, a.Body)
	}
	select {
	case err := <-ended:
		t.Fatalf("Run returned %v with a request under way", err)
	default:
	}
	s.release()
	// That the drain ends the requests' own contexts is no matter to it.
	if a := <-under; !a.Allow {
		t.Errorf("the request under way: %d %s", a.Code, a.Body)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	s.client.CloseIdleConnections()
	eventually(t, "goroutines and descriptors are as before", func() bool {
		return runtime.NumGoroutine() <= goroutines && descriptors(t) <= files
	})
	if t.Failed() {
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	text, err := os.ReadFile(c.DecisionLog.To)
	if err != nil || strings.Count(string(text), "\n") != 2 {
		t.Errorf("the decision log holds %q, %v, want two records", text, err)
	}
}

// TestDrain_idle: connections that ask for nothing do not hold a drain up.
func TestDrain_idle(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	good := sign(t, nil)
	for range 5 {
		s.ask(good, question) // leaves an idle connection
	}
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the drain took %v beside idle connections", took)
	}
	if _, err := s.try("POST", "/v1/check", question); err == nil {
		t.Error("a stopped server answered")
	}
}

// TestDrain_atOnce: a server that is told to stop before it began stops all the same.
func TestDrain_atOnce(t *testing.T) {
	for range 10 {
		c := standard(t, plain(t))
		c.HTTP.Listen = config.Address{Network: "unix", Address: filepath.Join(short(t), "http.sock")}
		s := start(t, c)
		if err := s.stop(); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if _, err := os.Lstat(c.HTTP.Listen.Address); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}
