package request

import (
	"fmt"
	"slices"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"postern/sidecar/decision"
)

// A Proxied is a request that a proxy has before it and asks about. Its strings are its own;
// Fields, Body and Envoy share memory with what they were read from, and are good until the
// door has answered.
type Proxied struct {
	// Door is the protocol by which the proxy asks.
	Door decision.Door
	// Method is as the request has it: methods are compared in their case.
	Method string
	// Scheme is http, https, ws, wss, or empty where the proxy does not say.
	Scheme string
	// Host is of [NormalHost], or empty where the proxy does not say. Authority is what it
	// was made of: with its port, in the client's spelling.
	Host, Authority string
	Target          Target
	// Body is nil where the proxy sends none.
	Body *Body
	// Envoy is what Envoy says over gRPC, nil at the other doors.
	Envoy *authv3.AttributeContext
	// fields are the headers; see Fields.
	fields []field
}

// A Body is what a proxy hands on of a request's body. Envoy puts an exclamation mark for
// every byte that is no UTF-8, unless it is told to send bytes (pack_as_bytes).
type Body struct {
	Raw []byte
	// Partial is whether Raw may be less than the whole body.
	Partial bool
}

// An AmbiguousPath is a path that the one path rule refuses.
type AmbiguousPath struct{ Err error }

func (e AmbiguousPath) Error() string { return e.Err.Error() }
func (e AmbiguousPath) Unwrap() error { return e.Err }

// described fills in what every door's headers or attributes say: the request line's parts
// and where it goes. The names are for the errors. The error is an [AmbiguousPath] where
// the path is at fault.
func (p *Proxied) described(from source) error {
	if !IsMethod(from.method.value) {
		return fmt.Errorf("%s is no method", from.method.name)
	}
	p.Method = from.method.value
	if !slices.Contains([]string{"", "http", "https", "ws", "wss"}, from.scheme.value) {
		return fmt.Errorf("%s is none of http, https, ws, wss", from.scheme.name)
	}
	p.Scheme = from.scheme.value
	var err error
	if from.host.value != "" {
		if p.Host, err = NormalHost(from.host.value); err != nil {
			return fmt.Errorf("%s: %w", from.host.name, err)
		}
		p.Authority = from.host.value
	}
	if p.Target, err = ParseTarget(from.target.value); err != nil {
		return AmbiguousPath{fmt.Errorf("%s: %w", from.target.name, err)}
	}
	return nil
}

// A source is where a door reads the parts of a request from.
type source struct{ method, scheme, host, target said }

// A said is a value, and what it was read from.
type said struct{ name, value string }

// IsMethod reports whether s is a method as they are defined: upper-case letters, which
// methods are compared in (RFC 9110 section 9.1), and hyphens. CONNECT asks for a tunnel
// and has no path; PRI begins a connection of HTTP/2 (RFC 9113 section 3.4).
func IsMethod(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == "" && s[0] != '-' && s != "PRI" && s != "CONNECT"
}
