package server_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const authorizationService = "envoy.service.auth.v3.Authorization"

// TestHealth: the answer is what /readyz says, by call and to those who watch.
func TestHealth(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bundle")
	c := standard(t, dir)
	c.Watch.Poll = 50 * time.Millisecond
	s := start(t, c)
	client := healthv1.NewHealthClient(s.connect())
	want := func(service string, want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		r, err := client.Check(soon(t), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || r.GetStatus() != want {
			t.Errorf("%q: %v, %v, want %v", service, r.GetStatus(), err, want)
		}
	}
	watch := func(service string) func() healthv1.HealthCheckResponse_ServingStatus {
		t.Helper()
		stream, err := client.Watch(soon(t), &healthv1.HealthCheckRequest{Service: service})
		if err != nil {
			t.Fatal(err)
		}
		return func() healthv1.HealthCheckResponse_ServingStatus {
			t.Helper()
			r, err := stream.Recv()
			if err != nil {
				t.Fatalf("watch %q: %v", service, err)
			}
			return r.GetStatus()
		}
	}
	const serving, not, unknown = healthv1.HealthCheckResponse_SERVING, healthv1.HealthCheckResponse_NOT_SERVING, healthv1.HealthCheckResponse_SERVICE_UNKNOWN
	next := watch("")
	nextOfUnknown := watch("nobody")
	if got := nextOfUnknown(); got != unknown {
		t.Errorf("watch of an unknown service: %v, want %v", got, unknown)
	}
	want("", not)
	want(authorizationService, not)
	if got := next(); got != not {
		t.Errorf("watch without a bundle: %v, want %v", got, not)
	}
	if _, err := client.Check(soon(t), &healthv1.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown service: %v, want NotFound", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "model/data.yaml", `routes: [{match: "/", public: true}]`)
	if got := next(); got != serving {
		t.Errorf("watch with a bundle: %v, want %v", got, serving)
	}
	want("", serving)
	want(authorizationService, serving)
	all, err := client.List(soon(t), &healthv1.HealthListRequest{})
	if err != nil || len(all.GetStatuses()) != 2 || all.GetStatuses()[authorizationService].GetStatus() != serving || all.GetStatuses()[""].GetStatus() != serving {
		t.Errorf("list: %v, %v", all, err)
	}
	stopped := make(chan error)
	go func() { stopped <- s.stop() }()
	if got := next(); got != not {
		t.Errorf("watch of a server that stops: %v, want %v", got, not)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestHealth_keys: without keys there is no health.
func TestHealth_keys(t *testing.T) {
	c := standard(t, plain(t))
	path := c.Issuers.List[0].JWKS
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	c.Watch.Poll = 50 * time.Millisecond
	s := start(t, c)
	client := healthv1.NewHealthClient(s.connect())
	health := func() healthv1.HealthCheckResponse_ServingStatus {
		r, err := client.Check(soon(t), &healthv1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return r.GetStatus()
	}
	if got := health(); got != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("without keys: %v", got)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "keys make it healthy", func() bool { return health() == healthv1.HealthCheckResponse_SERVING })
}

// TestHealth_watchers: those who watch neither hold a drain up nor stay when they leave.
func TestHealth_watchers(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	client := healthv1.NewHealthClient(s.connect())
	for i := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream, err := client.Watch(ctx, &healthv1.HealthCheckRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			cancel()
		}
	}
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the drain took %v beside watchers", took)
	}
}
