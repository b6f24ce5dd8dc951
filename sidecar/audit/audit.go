// Package audit is the decision log: one record for each decision, written off the
// request path. A record never holds a token, not even one that a caller put where a name
// belongs.
//
// What is on the request path is [Log.Write] alone: it puts a record into a queue that is
// bounded by bytes, and never waits. One goroutine takes it from there: it encodes, has the
// bundle mask, and hands lines to a file or to a server.
package audit

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
)

// A Record is one decision.
type Record struct {
	ID   string        `json:"decision_id"`
	Time time.Time     `json:"time"`
	Door decision.Door `json:"door"`
	// Client is who asked about others, by the name that its credential has.
	Client string `json:"client,omitzero"`
	// Item is the place in a batch, from 0; nil outside of one.
	Item *int `json:"item,omitzero"`
	// Question is the normalised requirement, {"any": [...]}, or {"action": ...}.
	Question jsontext.Value `json:"question,omitzero"`
	// Method, Host and Path are the request that a proxy asks about, without its query, and
	// Route the pattern that governs it.
	Method string `json:"method,omitzero"`
	Host   string `json:"host,omitzero"`
	Path   string `json:"path,omitzero"`
	Route  string `json:"route,omitzero"`
	// Result is the kind of document that OPA's clients were given: true, false, object,
	// undefined, and so on.
	Result       string            `json:"result,omitzero"`
	Issuer       string            `json:"issuer,omitzero"`
	User         string            `json:"user,omitzero"`
	Session      string            `json:"session,omitzero"`
	Organization string            `json:"organization,omitzero"`
	Allow        bool              `json:"allow"`
	Status       int               `json:"status"`
	Reasons      []decision.Reason `json:"reasons,omitzero"`
	Revision     string            `json:"revision,omitzero"`
	Digest       string            `json:"digest,omitzero"`
	// Engine is the version of OPA's library that decided.
	Engine string `json:"engine,omitzero"`
	// TraceID and SpanID are the decision's place in a trace, in hex.
	TraceID string `json:"trace_id,omitzero"`
	SpanID  string `json:"span_id,omitzero"`
	// Input is what the decision can be made again from; see the package policy.
	Input jsontext.Value `json:"input,omitzero"`
	// Shadow is what the shadow bundle would have decided. A record that has it is about that,
	// beside the record of the decision itself, which has the same ID.
	Shadow *Shadow `json:"shadow,omitzero"`
	// Nanoseconds is how long the decision took.
	Nanoseconds int64 `json:"duration_ns"`

	// Required is a record without which its decision is not given: it is never dropped by a
	// mask, and refused while what was logged before cannot be written.
	Required bool `json:"-"`
	// Kept is a record that is never dropped by a mask either.
	Kept bool `json:"-"`
	// Mask is the bundle's say about the record; nil where it has none.
	Mask Mask `json:"-"`
}

// A Shadow is what would have been decided, and by what.
type Shadow struct {
	Allow    bool              `json:"allow"`
	Status   int               `json:"status"`
	Reasons  []decision.Reason `json:"reasons,omitzero"`
	Revision string            `json:"revision,omitzero"`
	Digest   string            `json:"digest,omitzero"`
}

// size is the room that a record takes while it waits, roughly. What it shares with others
// counts as its own.
func (r *Record) size() int {
	const fixed = 640
	n := fixed + len(r.Client) + len(r.Question) + len(r.Input) + len(r.Method) + len(r.Host) + len(r.Path) + len(r.Route) +
		len(r.Issuer) + len(r.User) + len(r.Session) + len(r.Organization) + sizeOf(r.Reasons)
	if r.Shadow != nil {
		n += fixed + sizeOf(r.Shadow.Reasons)
	}
	return n
}

// sizeOf is the room that reasons take. Any of their texts may be a policy's.
func sizeOf(reasons []decision.Reason) (n int) {
	const fixed = 192
	for i := range reasons {
		r := &reasons[i]
		n += fixed + len(r.Organization) + len(r.Role) + len(r.RoleSet) + len(r.Permission) + len(r.Feature) + len(r.Plan) +
			len(r.Reverification) + len(r.Action) + len(r.Rule) + len(r.Fact) + len(r.Message)
	}
	return n
}
