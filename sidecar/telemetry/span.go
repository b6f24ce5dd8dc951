package telemetry

import (
	"context"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"postern/sidecar/decision"
)

// MostItems is how many items of a batch have spans of their own.
const MostItems = 20

// A Decision is what a span says of one. It has nothing of who asked.
type Decision struct {
	ID       string
	Door     decision.Door
	Decision decision.Decision
	// Route is the pattern that governs the request, empty where none does.
	Route string
	// Revision and Digest are the bundle's, empty where there is none. Engine is the version
	// of OPA.
	Revision, Digest, Engine string
	Began, Ended             time.Time
}

// A Batch is what the span of a request for many decisions says.
type Batch struct {
	ID             string
	Door           decision.Door
	Items, Allowed int
	// Failed is the code of an item that could not be decided, empty where there is none.
	Failed       decision.Code
	Began, Ended time.Time
}

// Decided makes the span of a request for one decision.
func (t *Tracer) Decided(p *Place, d Decision) {
	t.span(p, nameOf(d.Door), d.Began, d.Ended, Failure(d.Decision), d.attributes(), nil)
}

// An ItemID is the id of the span of an item of a batch, zero where it has none.
type ItemID struct{ span trace.SpanID }

// String is the id in hex, empty for none.
func (i ItemID) String() string {
	if !i.span.IsValid() {
		return ""
	}
	return i.span.String()
}

// NewItem is the id of the span that [Tracer.Item] will make of an item. Those after
// [MostItems] have none.
func (t *Tracer) NewItem(p *Place, n int) ItemID {
	if n >= MostItems || !p.Sampled() {
		return ItemID{}
	}
	return ItemID{newSpanID()}
}

// Item makes the span of an item of a batch, below that of the request, if it has an id.
func (t *Tracer) Item(p *Place, n int, id ItemID, d Decision) {
	if !id.span.IsValid() {
		return
	}
	attributes := append(d.attributes(), attribute.Int("postern.item", n))
	t.span(p, nameOf(d.Door)+" item", d.Began, d.Ended, Failure(d.Decision), attributes, &id.span)
}

// Batch makes the span of a request for many decisions.
func (t *Tracer) Batch(p *Place, b Batch) {
	t.span(p, nameOf(b.Door), b.Began, b.Ended, b.Failed, []attribute.KeyValue{
		attribute.String("postern.decision_id", b.ID),
		attribute.String("postern.door", string(b.Door)),
		attribute.Int("postern.items", b.Items),
		attribute.Int("postern.items_allowed", b.Allowed),
	}, nil)
}

func nameOf(door decision.Door) string { return "postern " + string(door) }

// span makes a span of something that is over: the request's own, or with an id, one below.
func (t *Tracer) span(p *Place, name string, began, ended time.Time, failed decision.Code, attributes []attribute.KeyValue, below *trace.SpanID) {
	if t == nil || !p.Sampled() || !t.enter() {
		return
	}
	kind, at := trace.SpanKindServer, ids{p.trace, p.own}
	parent := trace.SpanContextConfig{TraceID: p.trace, SpanID: p.caller, TraceFlags: trace.FlagsSampled, TraceState: p.state, Remote: true}
	if below != nil {
		kind, at.span = trace.SpanKindInternal, *below
		parent.SpanID, parent.Remote = p.own, false
	}
	ctx := context.WithValue(context.Background(), idsKey{}, at)
	if parent.SpanID.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, trace.NewSpanContext(parent))
	}
	_, s := t.tracer.Start(ctx, name, trace.WithTimestamp(began), trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	if failed != "" {
		s.SetStatus(codes.Error, string(failed))
	}
	s.End(trace.WithTimestamp(ended))
}

func (d Decision) attributes() []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 10)
	text := func(key, value string) {
		if value != "" {
			// One text that is no UTF-8 would keep the whole batch from being sent.
			all = append(all, attribute.String(key, strings.ToValidUTF8(value, "\uFFFD")))
		}
	}
	text("postern.decision_id", d.ID)
	text("postern.door", string(d.Door))
	all = append(all, attribute.Bool("postern.allow", d.Decision.Allow), attribute.Int("postern.status", d.Decision.Status))
	if len(d.Decision.Reasons) > 0 {
		reasons := make([]string, 0, len(d.Decision.Reasons))
		for _, r := range d.Decision.Reasons {
			reasons = append(reasons, string(r.Code))
		}
		all = append(all, attribute.StringSlice("postern.reasons", slices.Compact(reasons))) // they are sorted
	}
	text("postern.route", d.Route)
	text("postern.bundle.revision", d.Revision)
	text("postern.bundle.digest", d.Digest)
	text("postern.engine", d.Engine)
	return all
}

// Failure is the first code of a denial that came about because nothing could be decided,
// empty for all others.
func Failure(d decision.Decision) decision.Code {
	for _, r := range d.Reasons {
		switch r.Code {
		case decision.PolicyError, decision.PolicyTimeout, decision.NotReady, decision.Overloaded:
			return r.Code
		}
	}
	return ""
}
