package server_test

import (
	"net"
	"testing"

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
	s := startBusy(t, standard(t, gated(t)))
	address := s.server.Addresses()["grpc"]
	client := authv3.NewAuthorizationClient(s.connect())
	under := make(chan string)
	s.occupy(func() { under <- told(client.Check(soon(t), envoyAsks("GET", "/public/x"))) })
	ended := make(chan error)
	go func() { ended <- s.stop() }()
	eventually(t, "new connections are refused", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	s.release()
	if got := <-under; got != "allow" {
		t.Errorf("the call under way: %s, want allow", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if _, err := client.Check(soon(t), envoyAsks("GET", "/public/x")); status.Code(err) != codes.Unavailable {
		t.Errorf("a stopped server: %v", err)
	}
}
