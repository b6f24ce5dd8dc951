package audit

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
)

// appendLine appends a record as one line of JSON, as its tags say. Every decision comes
// here, so that it is spelled out; a test compares it with the library's.
func (r *Record) appendLine(dst []byte) []byte {
	o := object{append(dst, '{')}
	o.text("decision_id", r.ID)
	o.name("time")
	o.dst = append(o.dst, '"')
	o.dst = r.Time.AppendFormat(o.dst, time.RFC3339Nano)
	o.dst = append(o.dst, '"')
	o.text("door", string(r.Door))
	o.stated("client", r.Client)
	if r.Item != nil {
		o.number("item", int64(*r.Item))
	}
	if r.Question != nil {
		o.name("question")
		o.dst = append(o.dst, r.Question...)
	}
	o.stated("method", r.Method)
	o.stated("host", r.Host)
	o.stated("path", r.Path)
	o.stated("route", r.Route)
	o.stated("result", r.Result)
	o.stated("issuer", r.Issuer)
	o.stated("user", r.User)
	o.stated("session", r.Session)
	o.stated("organization", r.Organization)
	o.name("allow")
	o.dst = strconv.AppendBool(o.dst, r.Allow)
	o.number("status", int64(r.Status))
	if r.Reasons != nil {
		o.reasons(r.Reasons)
	}
	o.stated("revision", r.Revision)
	o.stated("digest", r.Digest)
	o.stated("engine", r.Engine)
	o.stated("trace_id", r.TraceID)
	o.stated("span_id", r.SpanID)
	if r.Input != nil {
		o.name("input")
		o.dst = append(o.dst, r.Input...)
	}
	if r.Shadow != nil {
		o.shadow(r.Shadow)
	}
	o.number("duration_ns", r.Nanoseconds)
	return append(o.dst, '}', '\n')
}

func (o *object) shadow(s *Shadow) {
	o.name("shadow")
	inner := object{append(o.dst, '{')}
	inner.name("allow")
	inner.dst = strconv.AppendBool(inner.dst, s.Allow)
	inner.number("status", int64(s.Status))
	if s.Reasons != nil {
		inner.reasons(s.Reasons)
	}
	inner.stated("revision", s.Revision)
	inner.stated("digest", s.Digest)
	o.dst = append(inner.dst, '}')
}

// An object is one under construction.
type object struct{ dst []byte }

func (o *object) name(name string) {
	if o.dst == nil {
		o.dst = []byte{'{'}
	}
	if last := o.dst[len(o.dst)-1]; last != '{' {
		o.dst = append(o.dst, ',')
	}
	o.dst = append(o.dst, '"')
	o.dst = append(o.dst, name...)
	o.dst = append(o.dst, '"', ':')
}

// text appends a text; what is no UTF-8 in it is replaced.
func (o *object) text(name, text string) {
	o.name(name)
	// The error says that something was replaced.
	o.dst, _ = jsontext.AppendQuote(o.dst, text)
}

func (o *object) stated(name, text string) {
	if text != "" {
		o.text(name, text)
	}
}

func (o *object) number(name string, n int64) {
	o.name(name)
	o.dst = strconv.AppendInt(o.dst, n, 10)
}

func (o *object) reasons(all []decision.Reason) {
	o.name("reasons")
	o.dst = append(o.dst, '[')
	for i := range all {
		if i > 0 {
			o.dst = append(o.dst, ',')
		}
		o.dst = append(o.dst, '{')
		o.reason(&all[i])
		o.dst = append(o.dst, '}')
	}
	o.dst = append(o.dst, ']')
}

func (o *object) reason(r *decision.Reason) {
	o.text("code", string(r.Code))
	o.stated("organization", r.Organization)
	o.stated("role", r.Role)
	o.stated("role_set", r.RoleSet)
	o.stated("permission", r.Permission)
	o.stated("feature", r.Feature)
	o.stated("plan", r.Plan)
	o.stated("reverification", r.Reverification)
	o.stated("action", r.Action)
	o.stated("rule", r.Rule)
	o.stated("fact", r.Fact)
	o.stated("message", r.Message)
}
