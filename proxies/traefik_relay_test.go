package proxies

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// A forwardAuth is the middleware's configuration, by Traefik's names.
type forwardAuth struct {
	Address                string   `yaml:"address"`
	TrustForwardHeader     bool     `yaml:"trustForwardHeader"`
	PreserveLocationHeader bool     `yaml:"preserveLocationHeader"`
	PreserveRequestMethod  bool     `yaml:"preserveRequestMethod"`
	ForwardBody            bool     `yaml:"forwardBody"`
	MaxBodySize            int64    `yaml:"maxBodySize"`
	AuthRequestHeaders     []string `yaml:"authRequestHeaders"`
	AuthResponseHeaders    []string `yaml:"authResponseHeaders"`
}

// A traefikRelay stands for Traefik: it sends and does what the source of version 3 says of
// an entry point without trusted addresses, of the middleware, and of a service behind it.
// It does not clean paths, as recent versions do before they route: Postern must be right
// without that.
type traefikRelay struct {
	config forwardAuth
	client *http.Client
	next   http.Handler
}

func startTraefikRelay(t testing.TB, config forwardAuth, upstream, listen string, patience time.Duration) {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	onward := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}
	t.Cleanup(onward.CloseIdleConnections)
	r := &traefikRelay{
		config: config,
		client: &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		next: &httputil.ReverseProxy{Transport: onward, Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = "http", upstream
			p.Out.URL.RawQuery = p.In.URL.RawQuery // else it drops what it cannot parse
			p.Out.Host = p.In.Host                 // passHostHeader
		}},
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: r, Protocols: new(http.Protocols), ReadHeaderTimeout: 10 * time.Second}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

func (r *traefikRelay) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	enter(req)
	res, status := r.ask(req)
	if res == nil {
		w.WriteHeader(status)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if res.StatusCode/100 != 2 {
		r.deny(w, res, body)
		return
	}
	for _, name := range r.config.AuthResponseHeaders {
		key := http.CanonicalHeaderKey(name)
		delete(req.Header, key)
		if values, ok := res.Header[key]; ok {
			req.Header[key] = slices.Clone(values)
		}
	}
	r.next.ServeHTTP(w, req)
}

// enter is the entry point: it drops what the client says of other proxies, and what
// Connection names.
func enter(req *http.Request) {
	h := req.Header
	for name := range h {
		flat := strings.ToLower(strings.ReplaceAll(name, "_", "-"))
		if strings.HasPrefix(flat, "x-forwarded-") || flat == "x-real-ip" {
			delete(h, name)
		}
	}
	if client, _, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		h.Set("X-Real-Ip", client)
	}
	h.Set("X-Forwarded-Proto", "http")
	h.Set("X-Forwarded-Port", "80")
	h.Set("X-Forwarded-Host", req.Host)
	h.Set("X-Forwarded-Server", "traefik")
	for _, options := range h["Connection"] {
		for option := range strings.SplitSeq(options, ",") {
			if key := http.CanonicalHeaderKey(strings.TrimSpace(option)); !strings.HasPrefix(key, "X-Forwarded-") && key != "X-Real-Ip" {
				delete(h, key)
			}
		}
	}
	delete(h, "Connection")
}

// ask is the subrequest. Without an answer there is a status for the client.
func (r *traefikRelay) ask(req *http.Request) (res *http.Response, status int) {
	method := http.MethodGet
	if r.config.PreserveRequestMethod {
		method = req.Method
	}
	question, err := http.NewRequestWithContext(context.WithoutCancel(req.Context()), method, r.config.Address, nil)
	if err != nil {
		return nil, http.StatusInternalServerError
	}
	if r.config.ForwardBody {
		body, err := io.ReadAll(io.LimitReader(req.Body, r.config.MaxBodySize+1))
		switch {
		case err != nil:
			return nil, http.StatusInternalServerError
		case int64(len(body)) > r.config.MaxBodySize:
			return nil, http.StatusUnauthorized
		case len(body) > 0:
			// Without a length, so that it goes out in chunks.
			req.Body, question.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
		}
	}
	question.Header = req.Header.Clone()
	for _, name := range []string{"Connection", "Keep-Alive", "Te", "Trailers", "Transfer-Encoding", "Upgrade"} {
		question.Header.Del(name)
	}
	if len(r.config.AuthRequestHeaders) > 0 {
		all := question.Header
		question.Header = http.Header{}
		for _, name := range r.config.AuthRequestHeaders {
			if values := all.Values(name); len(values) > 0 {
				question.Header[http.CanonicalHeaderKey(name)] = values
			}
		}
	}
	if client, _, err := net.SplitHostPort(req.RemoteAddr); err == nil {
		question.Header.Set("X-Forwarded-For", client)
	}
	question.Header.Set("X-Forwarded-Method", req.Method)
	question.Header.Set("X-Forwarded-Proto", "http")
	question.Header.Set("X-Forwarded-Host", req.Host)
	question.Header.Set("X-Forwarded-Uri", req.URL.RequestURI())
	res, err = r.client.Do(question)
	if err != nil {
		return nil, http.StatusInternalServerError
	}
	return res, 0
}

// deny hands status, headers and body to the client.
func (r *traefikRelay) deny(w http.ResponseWriter, res *http.Response, body []byte) {
	for name, values := range res.Header {
		if !slices.Contains([]string{"Connection", "Keep-Alive", "Te", "Trailers", "Transfer-Encoding", "Upgrade"}, name) {
			w.Header()[name] = values
		}
	}
	to, err := res.Location()
	if r.config.PreserveLocationHeader && err == nil {
		to, err = url.Parse(res.Header.Get("Location"))
	}
	switch {
	case err == nil:
		w.Header().Set("Location", to.String())
	case !errors.Is(err, http.ErrNoLocation):
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(res.StatusCode)
	_, _ = w.Write(body) // a client that left is no matter
}
