package token

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/sidecar/outbound"
	"postern/sidecar/phrase"
)

// Defaults of [Options].
const (
	DefaultRefreshEvery = 5 * time.Minute
	DefaultMinInterval  = 30 * time.Second
	DefaultTimeout      = 5 * time.Second
)

// Options says how a key set is fetched from a URL. The zero value is good.
type Options struct {
	// RefreshEvery is the time between two fetches when all is well.
	RefreshEvery time.Duration
	// MinInterval is the least time between a fetch and one that an unknown kid asks for,
	// and the most between two fetches while they fail.
	MinInterval time.Duration
	// Timeout bounds one whole fetch.
	Timeout time.Duration
	// RootCAs replaces the system's certificate authorities.
	RootCAs *x509.CertPool
	// InsecureHTTP allows plain http to hosts other than this one. Whoever can answer in
	// the server's place can then mint tokens.
	InsecureHTTP bool
	// OnReload is called after each fetch that [Keys.Run] makes, with its error or nil. It
	// is called from one goroutine and must return soon.
	OnReload func(error)
}

// JWKSURL is the JWK set at an https URL, or an http one on a loopback address. Nothing is
// fetched yet. A mistake in the URL or the options is reported by [NewVerifier] and by
// [Keys.Load].
func JWKSURL(rawURL string, options Options) *Keys {
	u, err := parseKeyURL(rawURL, options.InsecureHTTP)
	if err == nil && (options.RefreshEvery < 0 || options.MinInterval < 0 || options.Timeout < 0) {
		err = errors.New("a negative duration")
	}
	k := newKeys(outbound.Shown(u), ParseJWKS)
	if err != nil {
		k.invalid = fmt.Errorf("key URL: %w", err)
		return k
	}
	k.options = options.withDefaults()
	k.client = newClient(k.options)
	k.read = func(ctx context.Context) ([]byte, error) { return fetch(ctx, k.client, u.String()) }
	return k
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	for d, standard := range map[*time.Duration]time.Duration{
		&o.RefreshEvery: DefaultRefreshEvery,
		&o.MinInterval:  DefaultMinInterval,
		&o.Timeout:      DefaultTimeout,
	} {
		if *d == 0 {
			*d = standard
		}
	}
	return o
}

// parseKeyURL refuses a URL that is not safe to fetch keys from, or that holds a secret
// which status and logs would show. Its errors do not quote it.
func parseKeyURL(rawURL string, insecureHTTP bool) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("neither https nor http")
	case u.Hostname() == "":
		return nil, errors.New("no host")
	case u.User != nil:
		return nil, errors.New("a user name or password in it")
	case u.Fragment != "":
		return nil, errors.New("a fragment in it")
	case u.Scheme == "http" && !insecureHTTP && !outbound.Loopback(u.Hostname()):
		return nil, errors.New("plain http to another host")
	}
	return u, nil
}

// newClient makes a client that follows no redirect and keeps no connection.
func newClient(o Options) *http.Client {
	return &http.Client{
		Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			ForceAttemptHTTP2:      true,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// fetch gets the document at rawURL. Anything but a plain 200 with a JSON-like type and a
// bounded body is an error that does not quote the answer.
func fetch(ctx context.Context, client *http.Client, rawURL string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := client.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode/100 == 3 {
		return nil, fmt.Errorf("status %d: redirects are not followed", res.StatusCode)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", res.StatusCode)
	}
	if contentType := res.Header.Get("Content-Type"); !jsonType(contentType) {
		return nil, fmt.Errorf("content type %s is not JSON", phrase.Quote(contentType))
	}
	return readBounded(res.Body)
}

// jsonType reports whether a content type may carry a JWK set. Plain text is what file
// stores call JSON; anything else, HTML above all, is an error page or the wrong address.
func jsonType(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || t == "text/plain" ||
		strings.HasPrefix(t, "application/") && strings.HasSuffix(t, "+json"))
}
