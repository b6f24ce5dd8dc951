package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/grpc"
)

// drain stops taking requests and waits for those that were taken. The listener is closed
// here first, since fasthttp closes only one that it has begun to serve. The listeners
// drain at once: none takes the others' time, or goes on meanwhile.
func (s *Server) drain(decisions net.Listener, doors *fasthttp.Server, envoy *grpc.Server, admin *http.Server) {
	s.listening.Store(false)
	s.draining = time.Now()
	close(s.ended)
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	s.log.Info("draining")
	var calls sync.WaitGroup
	calls.Go(func() { drainGRPC(ctx, envoy) })
	err := errors.Join(decisions.Close(), doors.ShutdownWithContext(ctx))
	if err != nil && !errors.Is(err, net.ErrClosed) {
		s.log.Warn("drain", "listener", "http", "error", err)
	}
	calls.Wait()
	s.closeTelemetry(ctx) // by now all is recorded
	if err := admin.Shutdown(ctx); err != nil {
		s.log.Warn("drain", "listener", "admin", "error", err)
	}
	s.log.Info("stopped")
}
