package proxies

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A proxy is a real proxy with its configuration, and what it cannot do.
type proxy struct {
	name string
	// program is the name of its binary, empty where there is none to look for.
	program string
	// start runs it until the test ends, and gives the address that it listens on.
	start func(t testing.TB, at addresses) (address string)
	// http2 is whether clients may speak HTTP/2 without TLS to it.
	http2 bool
	// plainDenials is whether it passes 401, 403 and redirects alone: other statuses become
	// 403.
	plainDenials bool
	// normalises is whether it may change a path before it asks. Then a path that is refused
	// as it was sent may be served as another one.
	normalises bool
	// refusesUnderscores is whether it answers headers with an underscore in their name with
	// 400 by itself.
	refusesUnderscores bool
	// passesEmpty is whether it hands on identity headers without a value, which an upstream
	// must take for absent.
	passesEmpty bool
	// inTable is its name in the table of failure modes.
	inTable string
}

// dropEmpty takes the identity headers without a value from an answer, where the proxy
// hands them on.
func (p proxy) dropEmpty(a answer) {
	for _, name := range identityHeaders {
		if values := a.echo.Header[name]; p.passesEmpty && len(values) == 1 && values[0] == "" {
			delete(a.echo.Header, name)
		}
	}
}

// addresses are who a proxy talks to. The upstream is host:port, the others may be
// unix:///path.
type addresses struct {
	http, grpc, upstream string
	// hasty asks for the configuration's own time-outs. Else they are out of reach, so that
	// a busy machine denies nothing.
	hasty bool
}

// A scene is a proxy between an upstream and a client, with a Postern beside.
type scene struct {
	t        testing.TB
	proxy    proxy
	upstream *upstream
	postern  *sidecar
	address  string // the proxy's
	client   *http.Client
}

// installed skips the test, or fails it, where the proxy is not there.
func (p proxy) installed(t testing.TB) {
	t.Helper()
	if p.program != "" {
		program(t, p.program)
	}
}

// play starts all three, and waits until the proxy answers.
func play(t testing.TB, p proxy, o setting) *scene {
	t.Helper()
	p.installed(t)
	s := &scene{t: t, proxy: p, upstream: startUpstream(t), postern: startPostern(t, o)}
	s.address = p.start(t, addresses{http: s.postern.http, grpc: s.postern.grpc, upstream: s.upstream.address, hasty: o.hasty})
	s.client = newClient(t, false)
	eventually(t, p.name+" answers", func() bool {
		a, err := s.try(s.client, "GET", "/public/ready", nil)
		return err == nil && a.Code == 200
	})
	return s
}

// newClient is a client that follows nothing and keeps its connections.
func newClient(t testing.TB, http2 bool) *http.Client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, TLSClientConfig: &tls.Config{}, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Timeout: 20 * time.Second, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// An answer is what the client got, and what the upstream says it was sent, where it was
// the upstream that answered.
type answer struct {
	Code   int
	Header http.Header
	Body   string
	echo
	Echoed bool
}

func newAnswer(res *http.Response) (answer, error) {
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	if err := res.Body.Close(); err != nil {
		return answer{}, err
	}
	a := answer{Code: res.StatusCode, Header: res.Header, Body: string(text)}
	if res.Header.Get("X-Upstream") == "echo" && len(text) > 0 {
		if err := json.Unmarshal(text, &a.echo); err != nil {
			return a, err
		}
		a.Echoed = true
	}
	return a, nil
}

// try sends one request for app.example. Headers are names and values in turn.
func (s *scene) try(client *http.Client, method, target string, body io.Reader, headers ...string) (answer, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+s.address+"/", body)
	if err != nil {
		return answer{}, err
	}
	path, query, asked := strings.Cut(target, "?")
	req.URL = &url.URL{Scheme: "http", Host: s.address, Opaque: path, RawQuery: query, ForceQuery: asked && query == ""}
	req.Host = "app.example"
	for i := 0; i < len(headers); i += 2 {
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	a, err := newAnswer(res)
	s.proxy.dropEmpty(a)
	return a, err
}

// do sends one request that must be answered.
func (s *scene) do(method, target, body string, headers ...string) answer {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	a, err := s.try(s.client, method, target, reader, headers...)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

// expect sends one request and compares the status. An answer that is no 2xx must not have
// come from the upstream.
func (s *scene) expect(want int, method, target string, headers ...string) answer {
	s.t.Helper()
	before := s.upstream.touched.Load()
	a := s.do(method, target, "", headers...)
	if a.Code != want {
		s.t.Errorf("%s %s: %d, want %d", method, target, a.Code, want)
	}
	if reached := s.upstream.touched.Load() - before; want/100 != 2 && reached != 0 {
		s.t.Errorf("%s %s: the upstream saw a request that was denied", method, target)
	}
	return a
}

// bearer are the headers with a token.
func bearer(token string, more ...string) []string {
	return append([]string{"Authorization", "Bearer " + token}, more...)
}

// raw sends bytes to the proxy over a connection of their own and reads n answers, or as
// many as come before the proxy hangs up.
func (s *scene) raw(n int, text string) ([]answer, error) {
	c, err := net.DialTimeout("tcp", s.address, 5*time.Second)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(c, text); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	reader := bufio.NewReader(c)
	var all []answer
	for len(all) < n {
		if _, err := reader.Peek(1); err != nil {
			return all, nil // the other side closed, perhaps without an answer
		}
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			return all, fmt.Errorf("read an answer: %w", err)
		}
		a, err := newAnswer(res)
		if err != nil {
			return all, fmt.Errorf("read a body: %w", err)
		}
		s.proxy.dropEmpty(a)
		all = append(all, a)
	}
	return all, nil
}
