package request

import (
	"bufio"
	"errors"
	"slices"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/valyala/fasthttp"
)

// errUnsendable is what HTTP itself does not carry.
var errUnsendable = errors.New("no HTTP")

// readers describe a request to each reader as its proxy would, and read that.
var readers = map[string]func(t testing.TB, method, scheme, host, target string, more ...string) (Proxied, error){
	"forward-auth": func(t testing.TB, method, scheme, host, target string, more ...string) (Proxied, error) {
		r, err := wire("GET", "/forward-auth", append([]string{
			"Host: postern", "X-Forwarded-Method: " + method, "X-Forwarded-Proto: " + scheme, "X-Forwarded-Host: " + host, "X-Forwarded-Uri: " + target}, more...)...)
		if err != nil {
			return Proxied{}, err
		}
		return filled(ReadForwardAuth, r)
	},
	"auth-request": func(t testing.TB, method, _, _, target string, more ...string) (Proxied, error) {
		r, err := wire("GET", "/auth-request", append([]string{
			"Host: postern", "X-Original-Method: " + method, "X-Original-URI: " + target}, more...)...)
		if err != nil {
			return Proxied{}, err
		}
		return filled(ReadAuthRequest, r)
	},
	"auth-request by URL": func(t testing.TB, method, scheme, host, target string, more ...string) (Proxied, error) {
		if !strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "?") && !strings.HasPrefix(target, "#") {
			target = "" // it would run into the host
		}
		r, err := wire("GET", "/auth-request", append([]string{
			"Host: postern", "X-Original-Method: " + method, "X-Original-URL: " + scheme + "://" + host + target}, more...)...)
		if err != nil {
			return Proxied{}, err
		}
		return filled(ReadAuthRequest, r)
	},
	"ext_authz": func(t testing.TB, method, _, host, target string, more ...string) (Proxied, error) {
		r, err := wire(method, "/ext_authz"+target, append([]string{"Host: " + host}, more...)...)
		if err != nil {
			return Proxied{}, err
		}
		return filled(ReadExtAuthz, r)
	},
	"gRPC": func(t testing.TB, method, scheme, host, target string, more ...string) (Proxied, error) {
		return filled(ReadCheckRequest, check(method, scheme, host, target, more...))
	},
	"gRPC, raw": func(t testing.TB, method, scheme, host, target string, more ...string) (Proxied, error) {
		return filled(ReadCheckRequest, rawCheck(method, scheme, host, target, more...))
	},
}

// filled is what a reader reads into a new Proxied.
func filled[R any](read func(*Proxied, R) error, r R) (Proxied, error) {
	var p Proxied
	err := read(&p, r)
	return p, err
}

// wire is a request as fasthttp reads it.
func wire(method, target string, lines ...string) (*fasthttp.Request, error) {
	for _, line := range slices.Concat(lines, []string{target}) {
		if strings.ContainsAny(line, "\r\n") {
			return nil, errUnsendable // it would be two lines
		}
	}
	var r fasthttp.Request
	text := method + " " + target + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n\r\n"
	in := bufio.NewReaderSize(strings.NewReader(text), 256<<10)
	if err := r.Read(in); err != nil {
		return nil, errUnsendable
	}
	return &r, nil
}

// cut takes a header line apart; the name may begin with a colon.
func cut(line string) (name, value string) {
	name, value, _ = strings.Cut(line[1:], ":")
	return strings.ToLower(line[:1] + name), strings.TrimPrefix(value, " ")
}

// check is a request as Envoy describes it, with header lines joined.
func check(method, scheme, host, target string, lines ...string) *authv3.CheckRequest {
	headers := map[string]string{":method": method, ":path": target, ":scheme": scheme, ":authority": host}
	for _, line := range lines {
		name, value := cut(line)
		if before, ok := headers[name]; ok {
			value = before + "," + value
		}
		headers[name] = value
	}
	return checkRequest(&authv3.AttributeContext_HttpRequest{Method: method, Scheme: scheme, Host: host, Path: target, Headers: headers})
}

// rawCheck is one with encode_raw_headers.
func rawCheck(method, scheme, host, target string, lines ...string) *authv3.CheckRequest {
	var list []*corev3.HeaderValue
	lines = append([]string{":method: " + method, ":path: " + target, ":scheme: " + scheme, ":authority: " + host}, lines...)
	for _, line := range lines {
		name, value := cut(line)
		list = append(list, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	return checkRequest(&authv3.AttributeContext_HttpRequest{Method: method, Scheme: scheme, Host: host, Path: target, HeaderMap: &corev3.HeaderMap{Headers: list}})
}

func checkRequest(h *authv3.AttributeContext_HttpRequest) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{Request: &authv3.AttributeContext_Request{Http: h}}}
}
