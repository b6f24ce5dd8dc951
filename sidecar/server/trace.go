package server

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"google.golang.org/grpc/metadata"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/telemetry"
)

// flushTimeout is how much of a drain the last spans and metrics may take.
const flushTimeout = 3 * time.Second

// telemetryOptions are what the configuration says about traces and metrics.
func (s *Server) telemetryOptions() telemetry.Options {
	c := s.config.Telemetry
	return telemetry.Options{
		Traces: c.Traces, Metrics: c.Metrics, Sample: float64(c.Sample), Interval: c.Interval,
		TokenFile: c.TokenFile, CA: c.TLS.CA, Cert: c.TLS.Cert, Key: c.TLS.Key,
		Version: s.version, Gatherer: s.metrics.registry,
		Trouble: func(signal telemetry.Signal, err error) {
			if err != nil {
				s.log.Error("telemetry is lost", "signal", signal, "error", err)
				return
			}
			s.log.Info("telemetry is taken again", "signal", signal)
		},
		Other: func(err error) { s.log.Warn("telemetry", "error", err) },
	}
}

// openTelemetry begins to send what the configuration names a receiver for.
func (s *Server) openTelemetry() (err error) {
	if s.telemetry, err = telemetry.Open(s.telemetryOptions()); err != nil {
		return err
	}
	s.tracer = s.telemetry.Tracer()
	return nil
}

// closeTelemetry sends what waits, and gives up before ctx ends.
func (s *Server) closeTelemetry(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	s.telemetry.Close(ctx)
}

// place is where in a trace a request of an HTTP door is.
func (s *Server) place(h *fasthttp.RequestHeader) telemetry.Place {
	if s.tracer == nil {
		return telemetry.Place{}
	}
	p := telemetry.Begin(s.tracer, h.PeekAll(telemetry.Traceparent))
	if p.Sampled() {
		telemetry.State(&p, h.PeekAll(telemetry.Tracestate))
	}
	return p
}

// callPlace is where in a trace a gRPC call is by its metadata, whatever its message says.
func (s *Server) callPlace(ctx context.Context) telemetry.Place {
	if s.tracer == nil {
		return telemetry.Place{}
	}
	p := telemetry.Begin(s.tracer, metadata.ValueFromIncomingContext(ctx, telemetry.Traceparent))
	if p.Sampled() {
		telemetry.State(&p, metadata.ValueFromIncomingContext(ctx, telemetry.Tracestate))
	}
	return p
}

// proxiedPlace is where in a trace the question of a proxy is. Over gRPC, Envoy says so in
// the call's metadata where it traces; what its client said is in the request's headers.
func (s *Server) proxiedPlace(ctx context.Context, asked *request.Proxied) telemetry.Place {
	if s.tracer == nil {
		return telemetry.Place{}
	}
	if len(metadata.ValueFromIncomingContext(ctx, telemetry.Traceparent)) > 0 {
		return s.callPlace(ctx)
	}
	var few [4]string
	parents, states := few[:0:2], few[2:2:4]
	for name, value := range asked.Fields {
		switch {
		case request.SameName(name, telemetry.Traceparent):
			parents = append(parents, value)
		case request.SameName(name, telemetry.Tracestate):
			states = append(states, value)
		}
	}
	p := telemetry.Begin(s.tracer, parents)
	if p.Sampled() {
		telemetry.State(&p, states)
	}
	return p
}

// traced makes the span of a decision that is recorded, and returns what leads from the
// metrics to it; nil where there is none.
func (s *Server) traced(a *asking, item int, d decision.Decision, took time.Duration) prometheus.Labels {
	if !a.place.Sampled() {
		return nil
	}
	told := telemetry.Decision{
		ID: a.id.String(), Door: a.door, Decision: d, Route: a.pattern, Engine: policy.OPAVersion(),
		Began: a.began, Ended: a.began.Add(took),
	}
	if a.snapshot != nil {
		told.Revision, told.Digest = a.snapshot.bundle.Revision, a.snapshot.bundle.Digest
	}
	if item == noItem {
		s.tracer.Decided(&a.place, told)
	} else {
		s.tracer.Item(&a.place, item, a.span, told)
		a.batch.add(d)
	}
	trace, span := a.traceIDs()
	return prometheus.Labels{"trace_id": trace, "span_id": span}
}

// traceIDs are those of the decision's place in a trace, empty where it has none.
func (a *asking) traceIDs() (trace, span string) {
	trace, span = a.place.IDs()
	if own := a.span.String(); own != "" {
		span = own
	}
	return trace, span
}

// beginItem gives the span of an item of a batch its id.
func (s *Server) beginItem(a *asking, item int) {
	if item != noItem {
		a.span = s.tracer.NewItem(&a.place, item)
	}
}

// beginBatch is what the span of a batch will say, nil where it has none. The items are
// recorded one by one, the batch by endBatch.
func (s *Server) beginBatch(a *asking) *batch {
	if a.place.Sampled() {
		a.batch = &batch{place: a.place, Batch: telemetry.Batch{ID: a.id.String(), Door: a.door, Began: a.began}}
	}
	return a.batch
}

func (s *Server) endBatch(b *batch) {
	if b == nil {
		return
	}
	b.Ended = time.Now()
	s.tracer.Batch(&b.place, b.Batch)
}

// A batch is what is remembered of a request for many decisions.
type batch struct {
	place telemetry.Place
	telemetry.Batch
}

// add counts an item. The nil batch counts none.
func (b *batch) add(d decision.Decision) {
	if b == nil {
		return
	}
	b.Items++
	if d.Allow {
		b.Allowed++
	}
	if b.Failed == "" {
		b.Failed = telemetry.Failure(d)
	}
}
