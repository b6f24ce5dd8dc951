package server

import (
	"context"
	"runtime"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip" // for clients that compress: without it they would see an error
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

// Bounds of the gRPC listener. What breaks one of them breaks a call or a connection,
// which lets requests through where Envoy's failure_mode_allow is set: they are out of
// reach of what Envoy's own client can cause.
const (
	// maxHeaderList bounds the metadata of a call; Envoy's client adds to it what is in
	// tracing headers, of which Envoy takes 60 KiB where it is not told otherwise.
	maxHeaderList = 1 << 20
	// minStreams is the least number of calls on one connection at once.
	minStreams = 4096
	// keepaliveEvery and keepaliveLimit end connections whose other side has gone.
	keepaliveEvery = 30 * time.Second
	keepaliveLimit = 10 * time.Second
	// pingAtMost is the shortest interval that Envoy's connection_keepalive can have.
	pingAtMost = time.Millisecond
	// workersEach is how many goroutines for each processor wait for calls. Where all are
	// busy, a call has one of its own.
	workersEach = 8
)

// authorization is Envoy's service. Its one call is unary. It is served as a stream that
// reads its message itself, since grpc-go ends a call with an error where it cannot read
// one, and an error lets the request through where failure_mode_allow is set.
var authorization = grpc.ServiceDesc{
	ServiceName: authv3.Authorization_ServiceDesc.ServiceName,
	HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{
		StreamName:    "Check",
		Handler:       func(s any, stream grpc.ServerStream) error { return s.(*Server).call(stream) },
		ServerStreams: true,
	}},
	Metadata: authv3.Authorization_ServiceDesc.Metadata,
}

// grpc is the server of Envoy's gRPC listener.
func (s *Server) grpc() *grpc.Server {
	secured := credentials.TransportCredentials(insecure.NewCredentials())
	if i, ok := s.identities[listenerGRPC]; ok {
		secured = handshakes{secured, i}
	}
	g := grpc.NewServer(
		grpc.Creds(secured),
		grpc.MaxHeaderListSize(maxHeaderList),
		grpc.ForceServerCodecV2(encoded{encoding.GetCodecV2("proto")}),
		// Goroutines that go from call to call keep their stacks, which others have to grow.
		grpc.NumStreamWorkers(uint32(workersEach*runtime.GOMAXPROCS(0))),
		// Far more than are decided at once: what is over that limit is denied, where a stream
		// that is not opened is an error, which failure_mode_allow lets through.
		grpc.MaxConcurrentStreams(uint32(max(minStreams, 4*s.config.Limits.Concurrency))),
		grpc.ConnectionTimeout(readTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveEvery, Timeout: keepaliveLimit}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingAtMost, PermitWithoutStream: true}),
	)
	g.RegisterService(&authorization, s)
	healthv1.RegisterHealthServer(g, health{server: s})
	if s.config.GRPC.Reflection {
		reflection.Register(g)
	}
	return g
}

// drainGRPC lets calls that were taken end, until ctx does.
func drainGRPC(ctx context.Context, g *grpc.Server) {
	done := make(chan struct{})
	go func() {
		g.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		g.Stop()
		<-done
	}
}
