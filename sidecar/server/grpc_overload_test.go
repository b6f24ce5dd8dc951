package server_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestGRPC_storm: thousands of calls on one connection, far over the limit, are all
// answered.
func TestGRPC_storm(t *testing.T) {
	s := start(t, standard(t, gated(t), "limits: {concurrency: 4}"))
	client := authv3.NewAuthorizationClient(s.connect())
	good := envoyAsks("GET", "/reports/7", "authorization", "Bearer "+sign(t, nil))
	var crowd sync.WaitGroup
	for range 5000 {
		crowd.Go(func() {
			if got := told(client.Check(soon(t), good)); got != "allow" && got != "Forbidden overloaded" {
				t.Error(got)
			}
		})
	}
	crowd.Wait()
	if got := told(client.Check(soon(t), good)); got != "allow" {
		t.Errorf("afterwards: %s", got)
	}
}

// TestGRPC_concurrency: what is over the limit is denied at once, not queued.
func TestGRPC_concurrency(t *testing.T) {
	s := startBusy(t, standard(t, gated(t), "limits: {concurrency: 1}"))
	client := authv3.NewAuthorizationClient(s.connect())
	ask := func() string { return told(client.Check(soon(t), envoyAsks("GET", "/public/x"))) }
	first := make(chan string)
	s.occupy(func() { first <- ask() })
	for range 20 {
		if got := ask(); got != "Forbidden overloaded" {
			t.Errorf("over the limit: %s", got)
		}
	}
	s.release()
	if got := <-first; got != "allow" {
		t.Errorf("the call that was under way: %s", got)
	}
	if got := ask(); got != "allow" {
		t.Errorf("afterwards: %s", got)
	}
}

// TestGRPC_deadline: the denial leaves before the caller gives up, and nothing is left of
// calls that nobody waits for.
func TestGRPC_deadline(t *testing.T) {
	s := start(t, standard(t, hanging(t)))
	client := authv3.NewAuthorizationClient(s.connect())
	slow := envoyAsks("GET", "/x", "x-slow", "1")
	if got := told(client.Check(soon(t), envoyAsks("GET", "/x"))); got != "allow" {
		t.Fatalf("before: %s", got)
	}
	s.families() // opens its connection
	goroutines := runtime.NumGoroutine()
	within := func(timeout time.Duration) string {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		got := told(client.Check(ctx, slow))
		if got != "Forbidden policy_timeout" && got != "Forbidden overloaded" && got != "error DeadlineExceeded" {
			t.Errorf("a call of %v: %s", timeout, got)
		}
		return got
	}
	// The machine may be busy, so that one answer is late; not all of them.
	for _, timeout := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second} {
		eventually(t, fmt.Sprintf("a call of %v is denied in time", timeout), func() bool {
			return within(timeout) == "Forbidden policy_timeout"
		})
	}
	for range 20 {
		within(time.Millisecond)
	}
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error)
		go func() {
			_, err := client.Check(ctx, slow)
			gone <- err
		}()
		eventually(t, "the call is under way", func() bool { return number(s.families(), "postern_requests_in_flight") == 1 })
		cancel()
		if err := <-gone; status.Code(err) != codes.Canceled {
			t.Errorf("a call that was cancelled: %v", err)
		}
		eventually(t, "nothing is in flight", func() bool { return number(s.families(), "postern_requests_in_flight") == 0 })
	}
	eventually(t, "nothing runs on", func() bool {
		return number(s.families(), "postern_abandoned_evaluations") == 0 && runtime.NumGoroutine() <= goroutines+2
	})
	if got := told(client.Check(soon(t), envoyAsks("GET", "/x"))); got != "allow" {
		t.Errorf("afterwards: %s", got)
	}
}

// TestGRPC_policyDeadline: without a deadline of the caller's, the policy's holds, and for
// all that is evaluated about one request.
func TestGRPC_policyDeadline(t *testing.T) {
	c := standard(t, hanging(t))
	c.Policy.Deadline = 50 * time.Millisecond
	s := start(t, c)
	client := authv3.NewAuthorizationClient(s.connect())
	eventually(t, "the denial comes before Envoy's 200ms", func() bool {
		began := time.Now()
		if got := told(client.Check(soon(t), envoyAsks("GET", "/x", "x-slow", "1"))); got != "Forbidden policy_timeout" {
			t.Fatalf("%s, want Forbidden policy_timeout", got)
		}
		return time.Since(began) < 200*time.Millisecond
	})
}

// TestGRPC_connections: many connections that ask for nothing keep nobody out.
func TestGRPC_connections(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	for i := range 1000 {
		c := s.dialGRPC()
		if i%2 == 0 {
			c.write(preface, frame(4, 0, 0, nil))
		}
	}
	client := authv3.NewAuthorizationClient(s.connect(grpc.WithDisableServiceConfig()))
	for range 100 {
		if got := told(client.Check(soon(t), envoyAsks("GET", "/public/x"))); got != "allow" {
			t.Fatalf("beside idle connections: %s", got)
		}
	}
}
