package request

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// A Proxied is a request that a proxy has before it and asks about.
type Proxied struct {
	// Door is the protocol by which the proxy asks.
	Door string
	// Method is as the request has it: methods are compared in their case.
	Method string
	// Scheme is http, https, ws, wss, or empty where the proxy does not say. Host is of
	// [NormalHost], or empty.
	Scheme, Host string
	Target       Target
	// Headers are the request's own as the proxy handed them on, by their names in lower
	// case; several of a name are joined with a comma. Credentials and what the door itself
	// reads are not among them.
	Headers map[string]string
}

// ForwardAuth names the door of Traefik, Caddy and HAProxy.
const ForwardAuth = "forward_auth"

// The headers that the forward-auth door reads, and no others: a client's header of
// another proxy's must not choose what is judged.
const (
	forwardedMethod = "X-Forwarded-Method"
	forwardedURI    = "X-Forwarded-Uri"
	forwardedHost   = "X-Forwarded-Host"
	forwardedProto  = "X-Forwarded-Proto"
)

// An AmbiguousPath is a path that the one path rule refuses.
type AmbiguousPath struct{ Err error }

func (e AmbiguousPath) Error() string { return e.Err.Error() }
func (e AmbiguousPath) Unwrap() error { return e.Err }

// FromForwardAuth reads what Traefik, Caddy and HAProxy say of the request before them:
// X-Forwarded-Method and X-Forwarded-Uri, which must be there once, and X-Forwarded-Host
// and X-Forwarded-Proto, which may. The error is an [AmbiguousPath] where the path is at
// fault.
func FromForwardAuth(h *fasthttp.RequestHeader) (Proxied, error) {
	p := Proxied{Door: ForwardAuth, Headers: ownHeaders(h)}
	method, err := one(h, forwardedMethod)
	if err != nil {
		return p, err
	}
	if !IsMethod(method) {
		return p, fmt.Errorf("%s is no method", forwardedMethod)
	}
	p.Method = method
	uri, err := one(h, forwardedURI)
	if err != nil {
		return p, err
	}
	scheme, err := optional(h, forwardedProto)
	if err != nil {
		return p, err
	}
	if !slices.Contains([]string{"", "http", "https", "ws", "wss"}, scheme) {
		return p, fmt.Errorf("%s is none of http, https, ws, wss", forwardedProto)
	}
	p.Scheme = scheme
	host, err := optional(h, forwardedHost)
	if err != nil {
		return p, err
	}
	if host != "" {
		if p.Host, err = NormalHost(host); err != nil {
			return p, fmt.Errorf("%s: %w", forwardedHost, err)
		}
	}
	if p.Target, err = ParseForwarded(uri); err != nil {
		return p, AmbiguousPath{fmt.Errorf("%s: %w", forwardedURI, err)}
	}
	return p, nil
}

// ParseForwarded is [ParseTarget] for a target in a header. Where proxies joined two values
// and the first has a query, the comma between them stands in that.
func ParseForwarded(uri string) (Target, error) {
	t, err := ParseTarget(uri)
	if err == nil && strings.Contains(t.Query, ",/") {
		return Target{}, errors.New("the target seems to be several, joined by a comma")
	}
	return t, err
}

// IsMethod reports whether s is a method as they are defined: upper-case letters, which
// methods are compared in (RFC 9110 section 9.1), and hyphens. CONNECT asks for a tunnel
// and has no path; PRI begins a connection of HTTP/2 (RFC 9113 section 3.4).
func IsMethod(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == "" && s[0] != '-' && s != "PRI" && s != "CONNECT"
}

// one is the value of a header that must be there, once and not empty.
func one(h *fasthttp.RequestHeader, name string) (string, error) {
	value, err := optional(h, name)
	if err == nil && value == "" {
		err = fmt.Errorf("%s is missing", name)
	}
	return value, err
}

// optional is the value of a header that may be there once.
func optional(h *fasthttp.RequestHeader, name string) (string, error) {
	values := h.PeekAll(name)
	if len(values) > 1 {
		return "", fmt.Errorf("%s is there %d times", name, len(values))
	}
	if len(values) == 0 {
		return "", nil
	}
	return string(values[0]), nil
}

// withheld are headers that policies do not see: credentials, and those about the question
// rather than the request that it is about.
var withheld = map[string]bool{
	"authorization": true, "proxy-authorization": true, "cookie": true,
	"host": true, "connection": true, "content-length": true, "transfer-encoding": true,
	strings.ToLower(forwardedMethod): true, strings.ToLower(forwardedURI): true,
	strings.ToLower(forwardedHost): true, strings.ToLower(forwardedProto): true,
}

func ownHeaders(h *fasthttp.RequestHeader) map[string]string {
	headers := map[string]string{}
	for key, value := range h.All() {
		name := strings.ToLower(string(key))
		if withheld[name] {
			continue
		}
		if before, ok := headers[name]; ok {
			headers[name] = before + "," + string(value)
		} else {
			headers[name] = string(value)
		}
	}
	return headers
}
