package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"postern/sidecar/outbound"
)

// An endpoint is where a signal goes, and how. None of it is the environment's to choose,
// but for the proxy of HTTPS_PROXY and NO_PROXY.
type endpoint struct {
	url    *url.URL
	grpc   bool
	secure bool
	tls    *tls.Config // nil without TLS
	token  token
}

// newEndpoint reads a URL and the files that are needed to ask there.
func newEndpoint(at string, o Options) (*endpoint, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	e := &endpoint{url: u, token: token{path: o.TokenFile}}
	switch u.Scheme {
	case "http", "https":
		e.secure = u.Scheme == "https"
	case "grpc", "grpcs":
		e.grpc, e.secure = true, u.Scheme == "grpcs"
	default:
		return nil, fmt.Errorf("%s is none of http, https, grpc, grpcs", u.Scheme)
	}
	e.token.secure = e.secure
	if e.token.path != "" {
		if _, err := outbound.Bearer(e.token.path); err != nil {
			return nil, err
		}
	}
	if e.secure {
		e.tls, err = outbound.Files{CA: o.CA, Cert: o.Cert, Key: o.Key}.TLS()
	}
	return e, err
}

// at is the URL of OTLP over HTTP, with the protocol's usual path where it states none.
func (e *endpoint) at(usual string) string {
	u := *e.url
	if u.Path == "" || u.Path == "/" {
		u.Path = usual
	}
	return u.String()
}

// client asks over HTTP. It follows no redirect: where to is not the receiver's to choose,
// and the token would go along.
func (e *endpoint) client() *http.Client {
	return &http.Client{
		Timeout: sendTimeout,
		Transport: &bearer{e.token, &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			TLSClientConfig:     e.tls,
			ForceAttemptHTTP2:   true,
			TLSHandshakeTimeout: sendTimeout,
			MaxIdleConns:        2,
			IdleConnTimeout:     sendTimeout * 9,
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// credentials are those of a gRPC connection.
func (e *endpoint) credentials() credentials.TransportCredentials {
	if !e.secure {
		return insecure.NewCredentials()
	}
	return credentials.NewTLS(e.tls)
}

// options are what a gRPC connection is made with besides.
func (e *endpoint) options() []grpc.DialOption {
	if e.token.path == "" {
		return nil
	}
	return []grpc.DialOption{grpc.WithPerRPCCredentials(e.token)}
}

// A token is a bearer token in a file.
type token struct {
	path   string
	secure bool // whether it goes by TLS
}

// GetRequestMetadata is the token of one gRPC call.
func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	value, err := outbound.Bearer(t.path)
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": value}, nil
}

// RequireTransportSecurity has gRPC send the token by TLS alone. The configuration refuses a
// token without TLS to another machine.
func (t token) RequireTransportSecurity() bool { return t.secure }

// A bearer adds the token to HTTP requests.
type bearer struct {
	token token
	next  *http.Transport
}

func (b *bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token.path == "" {
		return b.next.RoundTrip(r)
	}
	value, err := outbound.Bearer(b.token.path)
	if err != nil {
		if r.Body != nil {
			err = errors.Join(err, r.Body.Close())
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", value)
	return b.next.RoundTrip(r)
}

// CloseIdleConnections is what [http.Client] calls.
func (b *bearer) CloseIdleConnections() { b.next.CloseIdleConnections() }
