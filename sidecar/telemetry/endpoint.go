package telemetry

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
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
	files  outbound.Files
	token  token
	// through is what HTTP goes by; nil for gRPC.
	through *outbound.Transport
	pace    pace
}

// newEndpoint reads a URL and the files that are needed to ask there.
func newEndpoint(at string, o Options) (*endpoint, error) {
	u, err := url.Parse(at)
	if err != nil {
		return nil, err
	}
	e := &endpoint{url: u, token: token{path: o.TokenFile}, pace: o.pace.orUsual()}
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
		e.files = outbound.Files{CA: o.CA, Cert: o.Cert, Key: o.Key}
	}
	if e.grpc {
		_, err = e.files.TLS()
	} else {
		e.through, err = e.files.Transport(e.token.path)
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

// client asks over HTTP.
func (e *endpoint) client() *http.Client { return e.through.Client(e.pace.send) }

// credentials are those of a gRPC connection.
func (e *endpoint) credentials() credentials.TransportCredentials {
	if !e.secure {
		return insecure.NewCredentials()
	}
	return handshakes{credentials.NewTLS(nil), e.files}
}

// handshakes secure gRPC connections by what the files have at each: authorities may be
// replaced while this server runs.
type handshakes struct {
	credentials.TransportCredentials
	files outbound.Files
}

func (h handshakes) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	config, err := h.files.TLS()
	if err != nil {
		return nil, nil, err
	}
	return credentials.NewTLS(config).ClientHandshake(ctx, authority, raw)
}

func (h handshakes) Clone() credentials.TransportCredentials {
	return handshakes{h.TransportCredentials.Clone(), h.files}
}

// options are what a gRPC connection is made with besides. A receiver that is back is found
// soon: where it is not told otherwise, gRPC waits for up to two minutes.
func (e *endpoint) options() []grpc.DialOption {
	again := backoff.DefaultConfig
	again.MaxDelay = e.pace.send
	all := []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{Backoff: again, MinConnectTimeout: e.pace.send})}
	if e.token.path != "" {
		all = append(all, grpc.WithPerRPCCredentials(e.token))
	}
	return all
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
