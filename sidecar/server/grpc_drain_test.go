package server_test

import (
	"net"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// hanging is a bundle with public routes whose policy does not end, until it is cancelled,
// for a request with the header x-slow.
func hanging(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `routes: [{match: "/", public: true}]`)
	write(t, dir, "slow.rego", `package postern.extend

deny contains "never" if {
	input.request.headers["x-slow"]
	some i in numbers.range(1, 30000)
	some j in numbers.range(1, 30000)
	i * j == -1
}
`)
	return dir
}

// TestGRPC_drain: calls under way are answered, the connection is told to go, and new ones
// are refused.
func TestGRPC_drain(t *testing.T) {
	c := standard(t, hanging(t))
	c.Policy.Deadline = 2 * time.Second
	s := start(t, c)
	address := s.server.Addresses()["grpc"]
	client := authv3.NewAuthorizationClient(s.connect())
	under := make(chan string)
	go func() {
		under <- told(client.Check(soon(t), envoyAsks("GET", "/slow", "x-slow", "1")))
	}()
	eventually(t, "a call is under way", func() bool { return number(s.families(), "postern_requests_in_flight") == 1 })
	ended := make(chan error)
	go func() { ended <- s.stop() }()
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if got := <-under; got != "Forbidden policy_timeout" {
		t.Errorf("the call under way: %s, want Forbidden policy_timeout", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if _, err := client.Check(soon(t), envoyAsks("GET", "/public/x")); status.Code(err) != codes.Unavailable {
		t.Errorf("a stopped server: %v", err)
	}
}
