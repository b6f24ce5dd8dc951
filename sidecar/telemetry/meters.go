package telemetry

import (
	"context"

	bridge "go.opentelemetry.io/contrib/bridges/prometheus"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// newMeters reports what the gatherer has, under the names that it has there.
func newMeters(o Options, about *resource.Resource, d *delivery) (*metric.MeterProvider, error) {
	e, err := newEndpoint(o.Metrics, o)
	if err != nil {
		return nil, err
	}
	exporter, err := e.metricExporter()
	if err != nil {
		return nil, err
	}
	reader := metric.NewPeriodicReader(reports{exporter, d},
		metric.WithInterval(o.Interval),
		metric.WithTimeout(e.pace.send),
		metric.WithProducer(binaryPlaces{bridge.NewMetricProducer(bridge.WithGatherer(o.Gatherer))}),
	)
	return metric.NewMeterProvider(metric.WithResource(about), metric.WithReader(reader)), nil
}

// metricExporter sends metrics. Every option is given that the environment could state.
func (e *endpoint) metricExporter() (metric.Exporter, error) {
	ctx := context.Background()
	if e.grpc {
		return otlpmetricgrpc.New(ctx,
			otlpmetricgrpc.WithEndpoint(e.url.Host),
			otlpmetricgrpc.WithTLSCredentials(e.credentials()),
			otlpmetricgrpc.WithDialOption(e.options()...),
			otlpmetricgrpc.WithHeaders(map[string]string{}),
			otlpmetricgrpc.WithCompressor("gzip"),
			otlpmetricgrpc.WithTimeout(e.pace.send),
			otlpmetricgrpc.WithTemporalitySelector(metric.DefaultTemporalitySelector),
			otlpmetricgrpc.WithAggregationSelector(metric.DefaultAggregationSelector),
			otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig{Enabled: true, InitialInterval: e.pace.first, MaxInterval: e.pace.most, MaxElapsedTime: e.pace.send}),
		)
	}
	return otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(e.at("/v1/metrics")),
		otlpmetrichttp.WithTLSClientConfig(nil), // the client's holds
		otlpmetrichttp.WithHTTPClient(e.client()),
		otlpmetrichttp.WithHeaders(map[string]string{}),
		otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression),
		otlpmetrichttp.WithTimeout(e.pace.send),
		otlpmetrichttp.WithTemporalitySelector(metric.DefaultTemporalitySelector),
		otlpmetrichttp.WithAggregationSelector(metric.DefaultAggregationSelector),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{Enabled: true, InitialInterval: e.pace.first, MaxInterval: e.pace.most, MaxElapsedTime: e.pace.send}),
	)
}

// reports are the metrics on their way.
type reports struct {
	metric.Exporter
	delivery *delivery
}

// Export sends one report. What fails is told of and counted here, and to nobody else.
func (r reports) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	r.delivery.ended(r.Exporter.Export(ctx, m), 1)
	return nil
}
