package request

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	"postern/sidecar/decision"
)

// A Proxied is a request that a proxy has before it and asks about. A reader fills it without
// a copy: its strings, its headers and its body are those of what was read, and so are those
// of its own copies. They change once the door has answered, when the server reads its next
// request into the same memory. What is kept longer is of [Proxied.Clone].
//
// The zero value is ready to be read into, again and again.
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
	// held is what Body points to where a reader found one.
	held Body
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

// Room for headers: that of an ordinary request, and what is kept for the next one at most.
const (
	manyFields = 32
	mostFields = 512
)

// Reset forgets the request, and lets go of all that was read. The room for headers stays,
// unless it has become unusually large.
func (p *Proxied) Reset() {
	p.dropFields()
	*p = Proxied{fields: p.fields}
}

// dropFields forgets the headers.
func (p *Proxied) dropFields() {
	clear(p.fields)
	p.fields = p.fields[:0]
	if cap(p.fields) > mostFields {
		p.fields = nil
	}
}

// makeRoom is for as many more headers.
func (p *Proxied) makeRoom(n int) {
	p.fields = slices.Grow(p.fields, n)
}

// Clone is a copy that owns its strings, headers and body, and outlives the request. Envoy
// stays what it is: nobody writes to a message that was received.
func (p Proxied) Clone() Proxied {
	texts := []*string{&p.Method, &p.Scheme, &p.Host, &p.Authority, &p.Target.Path, &p.Target.Query, &p.Target.Raw}
	p.fields = slices.Clone(p.fields)
	size := 0
	for _, text := range texts {
		size += len(*text)
	}
	for _, f := range p.fields {
		size += len(f.name) + len(f.value)
	}
	var memory strings.Builder // all of it is one piece
	memory.Grow(size)
	own := func(s string) string {
		from := memory.Len()
		memory.WriteString(s)
		return memory.String()[from:]
	}
	for _, text := range texts {
		*text = own(*text)
	}
	for i, f := range p.fields {
		p.fields[i] = field{own(f.name), own(f.value)}
	}
	if p.Body != nil {
		p.Body = &Body{Raw: bytes.Clone(p.Body.Raw), Partial: p.Body.Partial}
	}
	p.held = Body{}
	return p
}

// hold makes the body that was found the request's.
func (p *Proxied) hold(raw []byte, partial bool) {
	p.held = Body{Raw: raw, Partial: partial}
	p.Body = &p.held
}

// described fills in what every door's headers or attributes say: the request line's parts
// and where it goes. The names are for the errors. The error is an [AmbiguousPath] where
// the path is at fault.
func (p *Proxied) described(from source) error {
	if !IsMethod(from.method.value) {
		return fmt.Errorf("%s is no method", from.method.name)
	}
	p.Method = from.method.value
	switch from.scheme.value {
	case "", "http", "https", "ws", "wss":
		p.Scheme = from.scheme.value
	default:
		return fmt.Errorf("%s is none of http, https, ws, wss", from.scheme.name)
	}
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
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 32 && s[0] != '-' && s != "PRI" && s != "CONNECT"
}
