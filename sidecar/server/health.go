package server

import (
	"context"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// healthEvery is how often a watcher's health is looked at.
const healthEvery = 250 * time.Millisecond

// A health answers grpc.health.v1 with what /readyz says, for the server as a whole and
// for Envoy's service.
type health struct {
	healthv1.UnimplementedHealthServer
	server *Server
}

func (h health) status(service string) healthv1.HealthCheckResponse_ServingStatus {
	switch {
	case service != "" && service != authv3.Authorization_ServiceDesc.ServiceName:
		return healthv1.HealthCheckResponse_SERVICE_UNKNOWN
	case h.server.readiness().Ready:
		return healthv1.HealthCheckResponse_SERVING
	default:
		return healthv1.HealthCheckResponse_NOT_SERVING
	}
}

// Check answers one question. A service that is not here is an error, as the protocol
// wants it.
func (h health) Check(_ context.Context, r *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	now := h.status(r.GetService())
	if now == healthv1.HealthCheckResponse_SERVICE_UNKNOWN {
		return nil, status.Error(codes.NotFound, "unknown service")
	}
	return &healthv1.HealthCheckResponse{Status: now}, nil
}

// List tells of every service there is.
func (h health) List(context.Context, *healthv1.HealthListRequest) (*healthv1.HealthListResponse, error) {
	all := map[string]*healthv1.HealthCheckResponse{}
	for _, service := range []string{"", authv3.Authorization_ServiceDesc.ServiceName} {
		all[service] = &healthv1.HealthCheckResponse{Status: h.status(service)}
	}
	return &healthv1.HealthListResponse{Statuses: all}, nil
}

// Watch sends the health now, and again whenever it changes, until the caller leaves or
// the server stops, which it is told of too.
func (h health) Watch(r *healthv1.HealthCheckRequest, stream healthv1.Health_WatchServer) error {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	last := healthv1.HealthCheckResponse_UNKNOWN
	tell := func() error {
		now := h.status(r.GetService())
		if now == last {
			return nil
		}
		last = now
		return stream.Send(&healthv1.HealthCheckResponse{Status: now})
	}
	for {
		if err := tell(); err != nil {
			return err
		}
		select {
		case <-stream.Context().Done():
			return status.FromContextError(stream.Context().Err()).Err()
		case <-h.server.ended:
			if err := tell(); err != nil {
				return err
			}
			return status.Error(codes.Unavailable, "the server stops")
		case <-tick.C:
		}
	}
}
