package server_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/testdata/collector"
)

// rawListener listens and has each connection handled; it says where.
func rawListener(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go handle(c)
		}
	}()
	return l.Addr().String()
}

// hangingReceiver is a collector that takes requests and never answers: where it is over HTTP, and
// over gRPC.
func hangingReceiver(t *testing.T) (overHTTP, overGRPC string) {
	t.Helper()
	c := collector.Start(t, nil)
	c.Hang(t)
	return c.HTTP, c.GRPC
}

// endless answers with what looks like an answer and does not end. It notes how much of one
// was taken at most.
func endless(t *testing.T, most *atomic.Int64) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		part := make([]byte, 64<<10)
		for total := int64(0); ; {
			n, err := w.Write(part)
			total += int64(n)
			if was := most.Load(); total > was {
				most.CompareAndSwap(was, total)
			}
			if err != nil || total > 64<<20 {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// TestTelemetry_receivers: whatever a receiver does, answers are the same and as fast, what it
// did not take is counted and told of once, and the end comes within a drain.
func TestTelemetry_receivers(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := free.Addr().String()
	free.Close()
	silent := rawListener(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	garbage := rawListener(t, func(c net.Conn) {
		text := []byte(strings.Repeat("\x1b[31m\x00\xff\xfe garbage \r\n", 1000))
		for {
			if _, err := c.Write(text); err != nil {
				return
			}
		}
	})
	overHTTP, overGRPC := hangingReceiver(t)
	var taken atomic.Int64
	for name, r := range map[string]struct {
		url  string
		fast bool // a batch is given up at once, and not retried
	}{
		"gone HTTP":            {"http://" + nobody, true},
		"gone gRPC":            {"grpc://" + nobody, false},
		"hangs HTTP":           {"http://" + overHTTP, false},
		"hangs gRPC":           {"grpc://" + overGRPC, false},
		"silent HTTP":          {"http://" + silent, false},
		"silent HTTP with TLS": {"https://" + silent, false},
		"silent gRPC":          {"grpc://" + silent, false},
		"silent gRPC with TLS": {"grpcs://" + silent, false},
		"garbage HTTP":         {"http://" + garbage, true},
		"garbage TLS":          {"https://" + garbage, true},
		"garbage gRPC":         {"grpc://" + garbage, false},
		"endless":              {"http://" + endless(t, &taken), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suffers(t, r.url, r.fast)
		})
	}
	t.Cleanup(func() {
		if n := taken.Load(); n == 0 || n > 16<<20 {
			t.Errorf("%d bytes of an endless answer were taken", n)
		}
	})
}

// suffers runs a server with this receiver for both signals. The loss is looked at where it
// comes soon.
func suffers(t *testing.T, url string, fast bool) {
	s := start(t, standard(t, plain(t), "telemetry: {traces: '"+url+"', metrics: '"+url+"', sample: 1, interval: 1s}"))
	token, began := sign(t, nil), time.Now()
	const asked = 50
	for range asked {
		if a := s.ask(token, question); !a.Allow {
			t.Fatalf("%s", a.Body)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the decisions took %s", took)
	}
	told := func(signal string) int {
		return strings.Count(s.log.String(), `"telemetry is lost","signal":"`+signal+`"`)
	}
	if fast {
		eventually(t, "the loss is told", func() bool { return told("traces") > 0 && told("metrics") > 0 })
		eventually(t, "the loss is counted", func() bool {
			lost := s.families()
			return number(lost, "postern_telemetry_lost_total", "signal", "traces") == asked && number(lost, "postern_telemetry_lost_total", "signal", "metrics") >= 2
		})
	}
	began = time.Now()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the end took %s", took)
	}
	if told("traces") > 1 || told("metrics") > 1 {
		t.Errorf("told %d and %d times, want once for each signal", told("traces"), told("metrics"))
	}
	if strings.Contains(s.log.String(), `\u001b`) || strings.Contains(s.log.String(), "\x1b") {
		t.Error("the log has what a terminal would act on")
	}
}
