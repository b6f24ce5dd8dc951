package outbound

import (
	"bytes"
	"net/http"
	"sync"
	"time"
)

// Bounds of a Transport.
const (
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 90 * time.Second
	maxIdle          = 2
	maxHeaderBytes   = 64 << 10
)

// A Transport asks a server over HTTP, with a bearer token where it has one. What the files
// say holds from the next request on: the token and the authorities are read at each, the
// certificate at each handshake. Where one cannot be read, nothing is sent.
type Transport struct {
	files Files
	token string // the path

	mu          sync.Mutex // guards what follows
	authorities []byte     // the text that next was made with
	next        *http.Transport
}

// Transport makes a Transport of the files and of the one that the token is in, empty for
// none. It reads the files, but not the token: an error names the file.
func (f Files) Transport(token string) (*Transport, error) {
	t := &Transport{files: f, token: token}
	_, err := t.current()
	return t, err
}

// Client asks through the Transport. It follows no redirect: where to is not the server's to
// choose, and the token and what is sent would go along.
func (t *Transport) Client(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout, Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip sends one request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next, err := t.current()
	bearer := ""
	if err == nil && t.token != "" {
		bearer, err = Bearer(t.token)
	}
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close() // nothing was read of it
		}
		return nil, err
	}
	if bearer != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", bearer)
	}
	res, err := next.RoundTrip(r)
	if err != nil {
		t.drop(next)
	}
	return res, err
}

// current is what requests go through: made anew where the authorities are others, so that
// no connection outlives those that it was made by.
func (t *Transport) current() (*http.Transport, error) {
	authorities, err := t.files.authorities()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil && bytes.Equal(authorities, t.authorities) {
		return t.next, nil
	}
	config, err := t.files.config(authorities)
	if err != nil {
		return nil, err
	}
	if t.next != nil {
		t.next.CloseIdleConnections()
	}
	t.authorities, t.next = authorities, &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true, TLSHandshakeTimeout: handshakeTimeout,
		MaxIdleConns: maxIdle, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: maxHeaderBytes,
	}
	return t.next, nil
}

// drop has the next request make a connection of its own: one on which something failed may
// hang for long.
func (t *Transport) drop(failed *http.Transport) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == failed {
		t.next = nil
	}
	failed.CloseIdleConnections()
}

// CloseIdleConnections is what [http.Client] calls.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next != nil {
		t.next.CloseIdleConnections()
	}
}
