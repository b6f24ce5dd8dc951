package request

import (
	"errors"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// httpCheck is the request of a check that passes, for a test to change.
func httpCheck(change func(h *authv3.AttributeContext_HttpRequest)) *authv3.CheckRequest {
	r := check("GET", "https", "app.example:8443", "/a?b")
	change(r.Attributes.Request.Http)
	return r
}

// TestReadCheckRequest_empty: nothing is left out that a reader could fall over.
func TestReadCheckRequest_empty(t *testing.T) {
	for name, r := range map[string]*authv3.CheckRequest{
		"nil":           nil,
		"empty":         {},
		"attributes":    {Attributes: &authv3.AttributeContext{}},
		"request":       {Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{}}},
		"http":          checkRequest(&authv3.AttributeContext_HttpRequest{}),
		"header map":    checkRequest(&authv3.AttributeContext_HttpRequest{HeaderMap: &corev3.HeaderMap{}}),
		"nil header":    checkRequest(&authv3.AttributeContext_HttpRequest{Method: "GET", HeaderMap: &corev3.HeaderMap{Headers: []*corev3.HeaderValue{nil}}}),
		"empty path":    check("GET", "https", "a", ""),
		"no path":       httpCheck(func(h *authv3.AttributeContext_HttpRequest) { h.Path = "" }),
		"no method":     httpCheck(func(h *authv3.AttributeContext_HttpRequest) { h.Method = "" }),
		"CONNECT":       checkRequest(&authv3.AttributeContext_HttpRequest{Method: "CONNECT", Host: "a:443"}),
		"CONNECT, path": checkRequest(&authv3.AttributeContext_HttpRequest{Method: "CONNECT", Host: "a:443", Path: "a:443"}),
	} {
		p, err := filled(ReadCheckRequest, r)
		if err == nil {
			t.Errorf("%s: %+v is read", name, p)
		}
		sound(t, p, err)
	}
}

// TestReadCheckRequest_twice: what the message says twice must agree.
func TestReadCheckRequest_twice(t *testing.T) {
	type http = authv3.AttributeContext_HttpRequest
	header := func(key, value string) func(h *http) { return func(h *http) { h.Headers[key] = value } }
	listed := func(values ...*corev3.HeaderValue) func(h *http) {
		return func(h *http) { h.Headers, h.HeaderMap = nil, &corev3.HeaderMap{Headers: values} }
	}
	raw := func(key, value string) *corev3.HeaderValue {
		return &corev3.HeaderValue{Key: key, RawValue: []byte(value)}
	}
	for name, c := range map[string]struct {
		want   string // of "", malformed, ambiguous
		change func(h *http)
	}{
		"as it is":                    {"", func(h *http) {}},
		"no pseudo headers":           {"", func(h *http) { h.Headers = nil }},
		"no scheme, no host":          {"", func(h *http) { h.Headers, h.Scheme, h.Host = nil, "", "" }},
		":path differs":               {"ambiguous", header(":path", "/a?c")},
		":path in another spelling":   {"ambiguous", header(":path", "/%61?b")},
		":path is empty":              {"ambiguous", header(":path", "")},
		":path joined":                {"ambiguous", header(":path", "/a?b,/a?b")},
		":path in another case":       {"ambiguous", func(h *http) { h.Headers = map[string]string{":PATH": "/evil"} }},
		":path twice":                 {"ambiguous", listed(raw(":path", "/a?b"), raw(":path", "/evil"))},
		":path with a byte replaced":  {"ambiguous", func(h *http) { h.Path = "/a!"; listed(raw(":path", "/a\xff"))(h) }},
		"the path is missing":         {"ambiguous", func(h *http) { h.Path = "" }},
		":method differs":             {"malformed", header(":method", "POST")},
		":method in another case":     {"malformed", header(":method", "get")},
		":method twice":               {"malformed", listed(raw(":method", "GET"), raw(":method", "POST"))},
		":scheme differs":             {"malformed", header(":scheme", "http")},
		":authority differs":          {"malformed", header(":authority", "evil.example")},
		":authority without the port": {"malformed", header(":authority", "app.example")},
		":authority in another case":  {"", header(":authority", "APP.example:8443")},
		":authority and no host":      {"malformed", func(h *http) { h.Host = "" }},
		"host differs":                {"malformed", header("host", "evil.example")},
		"host agrees":                 {"", header("host", "app.example:8443")},
		"a query beside the path":     {"ambiguous", func(h *http) { h.Query = "admin=1" }},
		"the path's query again":      {"", func(h *http) { h.Query = "b" }},
		"a fragment beside the path":  {"ambiguous", func(h *http) { h.Fragment = "x" }},
		"a name in two cases":         {"malformed", func(h *http) { h.Headers["x-a"], h.Headers["X-A"] = "1", "1" }},
		"a name in upper case":        {"", header("X-A", "1")},
		"a name in both": {"malformed", func(h *http) {
			h.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{raw("X-A", "1")}}
			h.Headers["x-a"] = "1"
		}},
		"names in either":              {"", func(h *http) { h.HeaderMap = &corev3.HeaderMap{Headers: []*corev3.HeaderValue{raw("x-b", "1")}} }},
		"a value as text":              {"", listed(&corev3.HeaderValue{Key: "x-a", Value: "1"})},
		"a value as text and as bytes": {"malformed", listed(&corev3.HeaderValue{Key: "x-a", Value: "1", RawValue: []byte("2")})},
		"body and raw_body":            {"malformed", func(h *http) { h.Body, h.RawBody = "a", []byte("b") }},
		"no Envoy, upper case scheme":  {"malformed", func(h *http) { h.Scheme = "HTTPS" }},
	} {
		p, err := filled(ReadCheckRequest, httpCheck(c.change))
		sound(t, p, err)
		got := ""
		var ambiguous AmbiguousPath
		if errors.As(err, &ambiguous) {
			got = "ambiguous"
		} else if err != nil {
			got = "malformed"
		}
		if got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

// TestReadCheckRequest_order: headers come in one order, so that they join in one.
func TestReadCheckRequest_order(t *testing.T) {
	r := check("GET", "https", "a", "/", "x-a: 1", "x-b: 2", "x-c: 3", "x-d: 4", "x-e: 5")
	for range 20 {
		p, err := filled(ReadCheckRequest, r)
		if err != nil {
			t.Fatal(err)
		}
		names := ""
		for name := range p.Fields {
			names += string(name) + " "
		}
		if want := ":authority :method :path :scheme x-a x-b x-c x-d x-e "; names != want {
			t.Fatalf("%s, want %s", names, want)
		}
	}
}
