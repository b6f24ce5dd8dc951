package telemetry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"postern/sidecar/secretfile"
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
		if _, err := e.token.read(); err != nil {
			return nil, err
		}
	}
	if e.secure {
		e.tls, err = clientTLS(o)
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

// clientTLS is how the receiver is told from others. The authorities are read once, what it
// is shown at each handshake.
func clientTLS(o Options) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		text, _, err := secretfile.Read(o.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s has no certificates", o.CA)
		}
	}
	if o.Cert == "" {
		return c, nil
	}
	read := func() (*tls.Certificate, error) {
		cert, _, err := secretfile.Read(o.Cert)
		if err != nil {
			return nil, err
		}
		key, _, err := secretfile.Read(o.Key)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("%s with %s: %w", o.Cert, o.Key, err)
		}
		return &pair, nil
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return read() }
	_, err := read()
	return c, err
}

// A token is a bearer token in a file.
type token struct {
	path   string
	secure bool // whether it goes by TLS
}

// read is what the file holds now. An error has nothing of it.
func (t token) read() (string, error) {
	text, _, err := secretfile.Read(t.path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSpace(string(text))
	if value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s does not hold one token", t.path)
	}
	return value, nil
}

// GetRequestMetadata is the token of one gRPC call.
func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	value, err := t.read()
	if err != nil {
		return nil, err
	}
	return map[string]string{"authorization": "Bearer " + value}, nil
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
	value, err := b.token.read()
	if err != nil {
		if r.Body != nil {
			err = errors.Join(err, r.Body.Close())
		}
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+value)
	return b.next.RoundTrip(r)
}

// CloseIdleConnections is what [http.Client] calls.
func (b *bearer) CloseIdleConnections() { b.next.CloseIdleConnections() }
