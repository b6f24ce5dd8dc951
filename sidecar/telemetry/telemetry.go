// Package telemetry sends traces and metrics with the OpenTelemetry protocol (OTLP), and
// reads where in a trace a request is. Nothing that it does holds a decision up: what the
// receiver does not take in time is dropped and counted.
package telemetry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
)

// Options are what is sent, and where. Without Traces and Metrics nothing is.
type Options struct {
	// Traces and Metrics are URLs: http(s):// for OTLP over HTTP, in protobuf, and grpc(s)://
	// for OTLP over gRPC.
	Traces, Metrics string
	// Sample is the share of requests that is traced where the caller has not chosen.
	Sample float64
	// Interval is the time between two reports of metrics.
	Interval time.Duration
	// TokenFile is read at each request; empty, no token is sent.
	TokenFile string
	// CA is the path of the authorities that the receiver's certificate needs; empty, the
	// system's. Cert and Key are what it is shown. All are read again at each handshake, and
	// the authorities over HTTP at each request.
	CA, Cert, Key string
	// Version is that of this program.
	Version string
	// Gatherer has the metrics.
	Gatherer prometheus.Gatherer
	// Trouble is told of the first failure of every run of failures of a signal, and with nil
	// when it is over; nil tells nobody.
	Trouble func(Signal, error)
	// Other is told what the library complains of besides; nil has it say so itself. The
	// library knows one for the whole process.
	Other func(error)

	pace pace
}

// A Signal is a kind of telemetry.
type Signal string

// The kinds of telemetry.
const (
	Traces  Signal = "traces"
	Metrics Signal = "metrics"
)

// A Telemetry sends what it is given until it is closed. The nil Telemetry sends nothing.
type Telemetry struct {
	tracer  *Tracer
	meters  *metric.MeterProvider
	signals map[Signal]*delivery
}

// Open begins to send. It reads the files and makes no connection: a receiver that is out of
// reach is no error.
func Open(o Options) (*Telemetry, error) {
	if o.Traces == "" && o.Metrics == "" {
		return nil, nil
	}
	if o.Other != nil {
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Other(errors.New(excerpt(err.Error()))) }))
	}
	about, err := describe(o.Version)
	if err != nil {
		return nil, err
	}
	t := &Telemetry{signals: map[Signal]*delivery{}}
	if o.Traces != "" {
		t.signals[Traces] = &delivery{signal: Traces, trouble: o.Trouble}
		if t.tracer, err = newTracer(o, about, t.signals[Traces]); err != nil {
			return nil, fmt.Errorf("telemetry.traces: %w", err)
		}
	}
	if o.Metrics != "" {
		t.signals[Metrics] = &delivery{signal: Metrics, trouble: o.Trouble}
		if t.meters, err = newMeters(o, about, t.signals[Metrics]); err != nil {
			t.Close(context.Background())
			return nil, fmt.Errorf("telemetry.metrics: %w", err)
		}
	}
	return t, nil
}

// Check reads what [Open] reads.
func Check(o Options) error {
	if o.Traces == "" && o.Metrics == "" {
		return nil
	}
	_, err := describe(o.Version)
	errs := []error{err}
	for _, at := range []string{o.Traces, o.Metrics} {
		if at != "" {
			_, err := newEndpoint(at, o)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// describe says what sends: this program, this run of it, this host. The environment adds to
// it and replaces it, as OpenTelemetry has it: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
// which must be well formed.
func describe(version string) (*resource.Resource, error) {
	about, err := resource.New(context.Background(),
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(
			attribute.String("service.name", "postern"),
			attribute.String("service.version", version),
			attribute.String("service.instance.id", rand.Text()),
		),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("describe this process: %w", err)
	}
	return about, nil
}

// Tracer makes spans, nil where traces are not sent.
func (t *Telemetry) Tracer() *Tracer {
	if t == nil {
		return nil
	}
	return t.tracer
}

// Lost counts what was dropped or not taken: spans, and reports of metrics. It is nil where
// nothing is sent.
func (t *Telemetry) Lost() map[Signal]uint64 {
	if t == nil {
		return nil
	}
	all := make(map[Signal]uint64, len(t.signals))
	for name, s := range t.signals {
		all[name] = s.lost.Load()
	}
	return all
}

// Close sends what waits, until ctx ends.
func (t *Telemetry) Close(ctx context.Context) {
	if t == nil {
		return
	}
	// What could not be sent is counted, and Trouble was told of it. Neither signal takes the
	// other's time.
	var both sync.WaitGroup
	if t.tracer != nil {
		both.Go(func() { _ = t.tracer.provider.Shutdown(ctx) })
	}
	if t.meters != nil {
		both.Go(func() { _ = t.meters.Shutdown(ctx) })
	}
	both.Wait()
}
