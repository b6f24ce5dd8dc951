package telemetry

import (
	"context"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Bounds of the spans that wait. One more is dropped before it is made.
const (
	queued = 2048
	batch  = 512
)

// longestValue bounds the text of one attribute.
const longestValue = 1024

// A Tracer makes spans of requests that are over. The nil Tracer makes none.
type Tracer struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	delivery *delivery
	// below is the bound under which 63 random bits sample a request.
	below   uint64
	waiting atomic.Int64
}

func newTracer(o Options, about *resource.Resource, d *delivery) (*Tracer, error) {
	e, err := newEndpoint(o.Traces, o)
	if err != nil {
		return nil, err
	}
	exporter, err := e.spanExporter()
	if err != nil {
		return nil, err
	}
	t := &Tracer{delivery: d, below: share(o.Sample)}
	t.provider = sdktrace.NewTracerProvider(
		sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.AlwaysSample()), // what is not sampled never gets here
		sdktrace.WithIDGenerator(chosen{}),
		sdktrace.WithRawSpanLimits(sdktrace.SpanLimits{
			AttributeValueLengthLimit: longestValue, AttributeCountLimit: 64, EventCountLimit: 1, LinkCountLimit: 1,
			AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1,
		}),
		// What waits here and what is being sent are bounded together, in enter.
		sdktrace.WithSpanProcessor(sdktrace.NewBatchSpanProcessor(spans{exporter, t},
			sdktrace.WithMaxQueueSize(queued), sdktrace.WithMaxExportBatchSize(batch),
			sdktrace.WithBatchTimeout(e.pace.gather), sdktrace.WithExportTimeout(e.pace.send))),
	)
	t.tracer = t.provider.Tracer("postern", trace.WithInstrumentationVersion(o.Version))
	return t, nil
}

// share is a share of all 63-bit numbers.
func share(s float64) uint64 {
	return uint64(math.Ldexp(min(max(s, 0), 1), 63))
}

// samples draws whether a request without a trace of its own begins one.
func (t *Tracer) samples() bool { return rand.Uint64()>>1 < t.below }

// enter makes room for a span, unless too many wait.
func (t *Tracer) enter() bool {
	if t.waiting.Add(1) <= queued {
		return true
	}
	t.waiting.Add(-1)
	t.delivery.lost.Add(1)
	return false
}

// spanExporter sends spans. Every option is given that the environment could state.
func (e *endpoint) spanExporter() (*otlptrace.Exporter, error) {
	ctx := context.Background()
	if e.grpc {
		return otlptracegrpc.New(ctx,
			otlptracegrpc.WithEndpoint(e.url.Host),
			otlptracegrpc.WithTLSCredentials(e.credentials()),
			otlptracegrpc.WithDialOption(e.options()...),
			otlptracegrpc.WithHeaders(map[string]string{}),
			otlptracegrpc.WithCompressor("gzip"),
			otlptracegrpc.WithTimeout(e.pace.send),
			otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{Enabled: true, InitialInterval: e.pace.first, MaxInterval: e.pace.most, MaxElapsedTime: e.pace.send}),
		)
	}
	return otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(e.at("/v1/traces")),
		otlptracehttp.WithTLSClientConfig(nil), // the client's holds
		otlptracehttp.WithHTTPClient(e.client()),
		otlptracehttp.WithHeaders(map[string]string{}),
		otlptracehttp.WithEncoding(otlptracehttp.EncodingProtobuf),
		otlptracehttp.WithCompression(otlptracehttp.GzipCompression),
		otlptracehttp.WithTimeout(e.pace.send),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: e.pace.first, MaxInterval: e.pace.most, MaxElapsedTime: e.pace.send}),
	)
}

// spans are those on their way.
type spans struct {
	sdktrace.SpanExporter
	tracer *Tracer
}

// ExportSpans sends a batch. What fails is told of and counted here, and to nobody else.
func (s spans) ExportSpans(ctx context.Context, all []sdktrace.ReadOnlySpan) error {
	err := s.SpanExporter.ExportSpans(ctx, all)
	s.tracer.waiting.Add(-int64(len(all)))
	s.tracer.delivery.ended(err, len(all))
	return nil
}

// chosen takes the ids that a place has: they were chosen when the request came.
type chosen struct{}

// idsKey is where a context has them.
type idsKey struct{}

type ids struct {
	trace trace.TraceID
	span  trace.SpanID
}

// NewIDs are those of a span without a parent.
func (chosen) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	i := ctx.Value(idsKey{}).(ids)
	return i.trace, i.span
}

// NewSpanID is that of a span with a parent.
func (chosen) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	return ctx.Value(idsKey{}).(ids).span
}
