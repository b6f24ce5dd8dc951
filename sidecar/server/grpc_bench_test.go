package server_test

import (
	"context"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// always is a server that allows everything, as grpc-go serves a unary call.
type always struct {
	authv3.UnimplementedAuthorizationServer
}

func (always) Check(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	return &authv3.CheckResponse{Status: &status.Status{}}, nil
}

// processorTime is what the process has had of the processors.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// measured runs a benchmark of clients and a server in one process, and reports the
// processor time of both for each operation.
func measured(b *testing.B, once func()) {
	b.Helper()
	b.ReportAllocs()
	once() // what happens the first time only
	began := processorTime(b)
	b.ResetTimer()
	b.SetParallelism(max(1, 8/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			once()
		}
	})
	b.ReportMetric(float64((processorTime(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkGRPC compares Envoy's door with a bare server of grpc-go, by eight callers on
// one connection.
func BenchmarkGRPC(b *testing.B) {
	public := envoyAsks("GET", "/public/x", "user-agent", "curl/8", "accept", "*/*", "x-request-id", "e7f0")
	guarded := envoyAsks("GET", "/reports/7", "user-agent", "curl/8", "accept", "*/*", "x-request-id", "e7f0", "authorization", "Bearer "+sign(b, nil))
	calls := func(conn *grpc.ClientConn, r *authv3.CheckRequest) func(*testing.B) {
		client := authv3.NewAuthorizationClient(conn)
		return func(b *testing.B) {
			measured(b, func() {
				if got := told(client.Check(context.Background(), r)); got != "allow" {
					b.Error(got)
				}
			})
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	bare := grpc.NewServer()
	authv3.RegisterAuthorizationServer(bare, always{})
	go func() { _ = bare.Serve(l) }()
	b.Cleanup(bare.Stop)
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	b.Run("bare", calls(conn, guarded))
	s := start(b, standard(b, gated(b)))
	b.Run("postern/public", calls(s.connect(), public))
	b.Run("postern/guarded", calls(s.connect(), guarded))
}
