package request

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"
)

// A Proxied is a request that a proxy has before it and asks about.
type Proxied struct {
	// Door is the protocol by which the proxy asks.
	Door string
	// Method is as the request has it: methods are compared in their case.
	Method string
	// Scheme is http, https, or empty where the proxy does not say. Host is of
	// [NormalHost], or empty.
	Scheme, Host string
	Target       Target
	// Headers are the request's own as the proxy handed them on, by their names in lower
	// case; several of a name are joined with a comma. Credentials and what the door itself
	// reads are not among them.
	Headers map[string]string
}

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
	p := Proxied{Door: "forward_auth", Headers: ownHeaders(h)}
	var err error
	if p.Method, err = one(h, forwardedMethod); err != nil {
		return p, err
	}
	if !IsMethod(p.Method) || p.Method == "PRI" {
		return p, fmt.Errorf("%s is no method", forwardedMethod)
	}
	uri, err := one(h, forwardedURI)
	if err != nil {
		return p, err
	}
	if p.Scheme, err = optional(h, forwardedProto); err != nil {
		return p, err
	}
	if p.Scheme != "" && p.Scheme != "http" && p.Scheme != "https" {
		return p, fmt.Errorf("%s is neither http nor https", forwardedProto)
	}
	host, err := optional(h, forwardedHost)
	if err != nil {
		return p, err
	}
	if host != "" {
		if p.Host, err = NormalHost(host); err != nil {
			return p, fmt.Errorf("%s: %w", forwardedHost, err)
		}
	}
	if p.Target, err = ParseTarget(uri); err != nil {
		return p, AmbiguousPath{fmt.Errorf("%s: %w", forwardedURI, err)}
	}
	return p, nil
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
	value := string(values[0])
	// Proxies join the values of several headers with a comma. A path may have one, but not
	// before what begins a second path.
	if joined := name != forwardedURI && strings.Contains(value, ",") || strings.Contains(value, ",/"); joined {
		return "", fmt.Errorf("%s has several values", name)
	}
	return value, nil
}

// kept are headers that policies do not see: credentials, and those about the question
// rather than the request that it is about.
var kept = map[string]bool{
	"authorization": true, "cookie": true, "host": true, "connection": true, "content-length": true,
	"x-forwarded-method": true, "x-forwarded-uri": true, "x-forwarded-host": true, "x-forwarded-proto": true,
}

func ownHeaders(h *fasthttp.RequestHeader) map[string]string {
	headers := map[string]string{}
	for key, value := range h.All() {
		name := strings.ToLower(string(key))
		if kept[name] {
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
