// Package collector is the other end of the OpenTelemetry protocol, for tests: it takes
// traces and metrics over HTTP and gRPC, and can refuse, fail and hang.
package collector

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // what senders compress with
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A Span is one, with the resource that it is of.
type Span struct {
	*trace.Span
	Resource map[string]string
}

// A Collector takes what is sent to its addresses until the test ends.
type Collector struct {
	// HTTP and GRPC are host:port.
	HTTP, GRPC string

	mu      sync.Mutex
	token   string // see Want
	spans   []Span
	reports []*metrics.ResourceMetrics
	raw     bytes.Buffer
	tried   int
	behave  func(context.Context) int // the status of an answer, see Behave
}

// Start listens, under TLS where secure is given.
func Start(t testing.TB, secure *tls.Config) *Collector {
	t.Helper()
	c := &Collector{}
	overHTTP := httptest.NewUnstartedServer(c)
	overHTTP.EnableHTTP2 = true
	var options []grpc.ServerOption
	if secure != nil {
		overHTTP.TLS = secure.Clone()
		overHTTP.StartTLS()
		options = append(options, grpc.Creds(credentials.NewTLS(secure.Clone())))
	} else {
		overHTTP.Start()
	}
	c.HTTP = overHTTP.Listener.Addr().String()
	overGRPC := grpc.NewServer(options...)
	collectortrace.RegisterTraceServiceServer(overGRPC, traces{c: c})
	collectormetrics.RegisterMetricsServiceServer(overGRPC, meters{c: c})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.GRPC = l.Addr().String()
	go overGRPC.Serve(l)
	t.Cleanup(func() {
		c.Behave(nil) // what hangs is let go
		overGRPC.Stop()
		overHTTP.CloseClientConnections()
		overHTTP.Close()
	})
	return c
}

// Behave has answers be of this HTTP status, or of the gRPC code that stands for it; 200
// takes what was sent. It is called with the request's context, and may wait for its end. Nil
// takes everything.
func (c *Collector) Behave(as func(context.Context) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behave = as
}

// Hang has requests never be answered, until the test ends.
func (c *Collector) Hang(t testing.TB) {
	gone := make(chan struct{})
	t.Cleanup(func() { close(gone) })
	c.Behave(func(ctx context.Context) int {
		select {
		case <-ctx.Done():
		case <-gone:
		}
		return http.StatusServiceUnavailable
	})
}

// Want has a bearer token be wanted from now on, empty for none.
func (c *Collector) Want(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = token
}

// Spans are those that were taken.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span{}, c.spans...)
}

// Reports are the metrics that were taken.
func (c *Collector) Reports() []*metrics.ResourceMetrics {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*metrics.ResourceMetrics{}, c.reports...)
}

// Raw is all that ever arrived, but for its compression.
func (c *Collector) Raw() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raw.String()
}

// Tried counts the requests that came, whatever became of them.
func (c *Collector) Tried() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tried
}

// admit is the status for a request with these credentials.
func (c *Collector) admit(ctx context.Context, authorization string) int {
	c.mu.Lock()
	c.tried++
	behave, token := c.behave, c.token
	c.mu.Unlock()
	if token != "" && authorization != "Bearer "+token {
		return http.StatusUnauthorized
	}
	if behave == nil {
		return http.StatusOK
	}
	return behave(ctx)
}

func (c *Collector) take(raw []byte, from []*trace.ResourceSpans, reports []*metrics.ResourceMetrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.raw.Write(raw)
	c.reports = append(c.reports, reports...)
	for _, r := range from {
		resource := map[string]string{}
		for _, a := range r.GetResource().GetAttributes() {
			resource[a.GetKey()] = a.GetValue().GetStringValue()
		}
		for _, s := range r.GetScopeSpans() {
			for _, span := range s.GetSpans() {
				c.spans = append(c.spans, Span{span, resource})
			}
		}
	}
}

// ServeHTTP takes OTLP over HTTP.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := read(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if code := c.admit(r.Context(), r.Header.Get("Authorization")); code != http.StatusOK {
		w.Header().Set("Location", "/elsewhere") // for a redirect
		http.Error(w, "\x1b[31mrefused", code)
		return
	}
	var asked, answer proto.Message
	switch r.URL.Path {
	case "/v1/traces":
		asked, answer = &collectortrace.ExportTraceServiceRequest{}, &collectortrace.ExportTraceServiceResponse{}
	case "/v1/metrics":
		asked, answer = &collectormetrics.ExportMetricsServiceRequest{}, &collectormetrics.ExportMetricsServiceResponse{}
	default:
		http.NotFound(w, r)
		return
	}
	if err := proto.Unmarshal(body, asked); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-protobuf" {
		http.Error(w, "no OTLP", http.StatusBadRequest)
		return
	}
	if err := ids(asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch asked := asked.(type) {
	case *collectortrace.ExportTraceServiceRequest:
		c.take(body, asked.GetResourceSpans(), nil)
	case *collectormetrics.ExportMetricsServiceRequest:
		c.take(body, nil, asked.GetResourceMetrics())
	}
	text, err := proto.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(text) // whoever has gone is told nothing
}

// ids refuses ids of traces and spans, those of exemplars too, that are not as long as the
// protocol has them. Receivers in use refuse all of a message with such a one.
func ids(m proto.Message) error {
	lengths := map[protoreflect.Name]int{"trace_id": 16, "span_id": 8, "parent_span_id": 8}
	return protorange.Range(m.ProtoReflect(), func(at protopath.Values) error {
		last := at.Index(-1)
		if last.Step.Kind() != protopath.FieldAccessStep {
			return nil
		}
		field := last.Step.FieldDescriptor()
		if want, ok := lengths[field.Name()]; ok && field.Kind() == protoreflect.BytesKind && len(last.Value.Bytes()) != want {
			return status.Errorf(codes.InvalidArgument, "%s of %d bytes", field.FullName(), len(last.Value.Bytes()))
		}
		return nil
	})
}

func read(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	plain, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(plain)
}

// admitCall is admit for gRPC.
func (c *Collector) admitCall(ctx context.Context) error {
	authorization := ""
	if values := metadata.ValueFromIncomingContext(ctx, "authorization"); len(values) == 1 {
		authorization = values[0]
	}
	switch code := c.admit(ctx, authorization); code {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		return status.Error(codes.Unauthenticated, "refused")
	case http.StatusServiceUnavailable:
		return status.Error(codes.Unavailable, "refused")
	default:
		return status.Errorf(codes.Internal, "refused: %d", code)
	}
}

type traces struct {
	collectortrace.UnimplementedTraceServiceServer
	c *Collector
}

func (s traces) Export(ctx context.Context, r *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	raw, err := proto.Marshal(r)
	if err == nil {
		err = ids(r)
	}
	if err == nil {
		err = s.c.admitCall(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.c.take(raw, r.GetResourceSpans(), nil)
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

type meters struct {
	collectormetrics.UnimplementedMetricsServiceServer
	c *Collector
}

func (s meters) Export(ctx context.Context, r *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	raw, err := proto.Marshal(r)
	if err == nil {
		err = ids(r)
	}
	if err == nil {
		err = s.c.admitCall(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.c.take(raw, nil, r.GetResourceMetrics())
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}
