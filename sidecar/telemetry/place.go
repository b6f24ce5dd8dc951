package telemetry

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

// The names of the headers of W3C Trace Context.
const (
	Traceparent = "traceparent"
	Tracestate  = "tracestate"
)

// A Place is where in a trace a request is. The zero Place is nowhere.
type Place struct {
	trace  trace.TraceID
	caller trace.SpanID // zero where the trace begins here
	own    trace.SpanID // of the span for the request; zero where none is made
	state  trace.TraceState
}

// Sampled reports whether the request has a span.
func (p *Place) Sampled() bool { return p.own.IsValid() }

// IDs are the trace and the span in it, in hex: that of the request, or its caller's where
// it has none of its own. Both are empty nowhere.
func (p *Place) IDs() (traceID, span string) {
	switch {
	case !p.trace.IsValid():
		return "", ""
	case p.Sampled():
		return p.trace.String(), p.own.String()
	default:
		return p.trace.String(), p.caller.String()
	}
}

// Begin is the place of a request whose values of the header traceparent are given. Where
// they are no good, or the caller is in no trace, a new one begins for the share of requests
// that is to be traced. A nil Tracer has no places.
func Begin[T string | []byte](t *Tracer, parents []T) Place {
	if t == nil {
		return Place{}
	}
	if len(parents) == 1 {
		if p, sampled, ok := parseParent(parents[0]); ok {
			if sampled {
				p.own = newSpanID()
			}
			return p
		}
	}
	if !t.samples() {
		return Place{}
	}
	return Place{trace: newTraceID(), own: newSpanID()}
}

// tracestateLimit is how much of tracestate is handed on, in bytes: what everybody must be
// able to (W3C Trace Context, section 3.3.1.5).
const tracestateLimit = 512

// State notes the values of the header tracestate, which goes with the spans of callers that
// are traced. What is not well formed is left out, and so is what has a token in it.
func State[T string | []byte](p *Place, values []T) {
	size := 0
	for _, v := range values {
		size += len(v) + 1
	}
	if !p.Sampled() || !p.caller.IsValid() || size == 0 || size > tracestateLimit {
		return
	}
	var own strings.Builder // the values may be the request's memory, and spans outlive it
	for i, v := range values {
		if i > 0 {
			own.WriteByte(',')
		}
		own.WriteString(string(v))
	}
	text := own.String()
	if strings.Contains(text, "eyJ") { // as a JWS begins
		return
	}
	if state, err := trace.ParseTraceState(text); err == nil {
		p.state = state
	}
}

// The parts of a traceparent, by where they are: version, trace, span, flags (W3C Trace
// Context, section 3.2.2).
const (
	traceAt   = 3
	spanAt    = traceAt + 2*len(trace.TraceID{}) + 1
	flagsAt   = spanAt + 2*len(trace.SpanID{}) + 1
	parentEnd = flagsAt + 2
)

// parseParent reads a traceparent. Of a version that is to come it reads what this one has.
func parseParent[T string | []byte](text T) (p Place, sampled, ok bool) {
	if len(text) < parentEnd || text[2] != '-' || text[spanAt-1] != '-' || text[flagsAt-1] != '-' {
		return Place{}, false, false
	}
	var version, flags [1]byte
	if !hexInto(version[:], text, 0) || !hexInto(p.trace[:], text, traceAt) || !hexInto(p.caller[:], text, spanAt) || !hexInto(flags[:], text, flagsAt) {
		return Place{}, false, false
	}
	switch {
	case version[0] == 0xff, version[0] == 0 && len(text) != parentEnd, len(text) > parentEnd && text[parentEnd] != '-':
		return Place{}, false, false
	case !p.trace.IsValid(), !p.caller.IsValid():
		return Place{}, false, false
	}
	return p, flags[0]&1 != 0, true
}

// hexInto decodes lower-case hex, as much as dst has room for.
func hexInto[T string | []byte](dst []byte, text T, at int) bool {
	for i := range dst {
		high, low := digit(text[at+2*i]), digit(text[at+2*i+1])
		if high > 0xf || low > 0xf {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// digit is the value of a lower-case hex digit, or more than 15.
func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	default:
		return 0xff
	}
}

func newTraceID() (id trace.TraceID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
		binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	}
	return id
}

func newSpanID() (id trace.SpanID) {
	for !id.IsValid() {
		binary.NativeEndian.PutUint64(id[:], rand.Uint64())
	}
	return id
}
