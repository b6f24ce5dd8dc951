package remote

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"postern/sidecar/outbound"
)

const (
	// maxRedirects is how often a server may send on.
	maxRedirects = 5
	// maxHeaderBytes bounds the header of an answer.
	maxHeaderBytes = 64 << 10
	// idleTimeout closes a connection of HTTP/2 whose request was given up: that is not idle
	// yet when the attempt ends, and nobody asks through it again.
	idleTimeout = time.Second
)

// A connection is what one attempt asks through. It reads the TLS files when it is made,
// so that replaced ones count from the next attempt on.
type connection struct {
	client    *http.Client
	transport *http.Transport
	userAgent string
	// plain says that http is good for every host; else it is for this machine.
	plain bool
}

// connect makes the connection for an address.
func (o Options) connect(a *address) (*connection, error) {
	config, err := outbound.Files{CA: o.CA, Cert: o.Cert, Key: o.Key}.TLS()
	if err != nil {
		return nil, err
	}
	proxy, err := o.proxy()
	if err != nil {
		return nil, err
	}
	c := &connection{userAgent: o.UserAgent, plain: a.reference == nil && a.url.Scheme == "http"}
	c.transport = &http.Transport{
		Proxy:                  proxy,
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	c.client = &http.Client{Transport: c, CheckRedirect: checkRedirect}
	return c, nil
}

func (c *connection) close() { c.transport.CloseIdleConnections() }

// RoundTrip sends one request, to one host.
func (c *connection) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !c.plain && !outbound.Loopback(req.URL.Hostname()) {
		return nil, fmt.Errorf("plain http to %s is refused", req.URL.Host)
	}
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", c.userAgent)
	res, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.Header.Get("Location") != "" {
		// The standard library's error would quote it, with what is secret in it.
		if _, err := res.Location(); err != nil {
			res.Body.Close()
			return nil, errors.New("the server sends on to what is no URL")
		}
	}
	return res, nil
}

// checkRedirect follows a few redirects of questions that carry nothing, never from https
// to http, and shows no other origin the credentials or the URL of the one before.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("the server sends on more than %d times", maxRedirects)
	case first.Method != http.MethodGet && first.Method != http.MethodHead:
		return fmt.Errorf("the server sends a %s on to %s, which is not followed", first.Method, req.URL.Host)
	case last.URL.Scheme == "https" && req.URL.Scheme != "https":
		return fmt.Errorf("the server sends on from https to %s at %s", req.URL.Scheme, req.URL.Host)
	}
	req.Header.Del("Referer")
	if !sameOrigin(first.URL, req.URL) {
		req.Header.Del("Authorization")
	}
	return nil
}

// proxy finds the proxy of a request. What is on this machine is asked directly: the
// proxy's own machine is another.
func (o Options) proxy() (func(*http.Request) (*url.URL, error), error) {
	if o.Proxy == "" {
		return func(req *http.Request) (*url.URL, error) {
			u, err := http.ProxyFromEnvironment(req)
			if err != nil {
				// The standard library's error would quote it, with its password.
				return nil, errors.New("the environment's proxy is no URL")
			}
			return u, nil
		}, nil
	}
	u, err := url.Parse(o.Proxy)
	if err != nil || u.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		return nil, errors.New("the proxy is no http, https or socks5 URL")
	}
	return func(req *http.Request) (*url.URL, error) {
		if outbound.Loopback(req.URL.Hostname()) {
			return nil, nil
		}
		return u, nil
	}, nil
}
