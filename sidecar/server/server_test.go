package server_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/server"
	"postern/testdata/harness"
)

// What is shared with the tests of proxies, by its short names.
const issuer = harness.Issuer

type lines = harness.Log

var (
	signer     = harness.Key
	jwks       = harness.JWKS
	claims     = harness.Claims
	sign       = harness.Sign
	write      = harness.Write
	eventually = harness.Eventually
)

// load reads a configuration text.
func load(t testing.TB, text string) *config.Config {
	t.Helper()
	return harness.Load(t, write(t, t.TempDir(), "postern.yaml", text))
}

// A sidecar is a server under test with its real listeners.
type sidecar struct {
	t      testing.TB
	server *server.Server
	url    string
	admin  string
	log    *lines
	client *http.Client
	stop   func() error
}

// standard is a configuration for one Clerk issuer and one bundle, with more lines. The
// deadline of policies is out of reach, so that a busy machine denies nothing; tests
// that are about it set their own.
func standard(t testing.TB, bundle string, more ...string) *config.Config {
	t.Helper()
	c := load(t, `
http: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
grpc: {listen: "127.0.0.1:0"}
bundles: [{path: `+bundle+`}]
issuers: [{issuer: "`+issuer+`", jwks: `+jwks(t, t.TempDir(), signer())+`, authorized_parties: any}]
watch: {settle: 20ms, poll: 5s}
`+strings.Join(more, "\n"))
	if c.Policy.Deadline == config.Default().Policy.Deadline {
		c.Policy.Deadline = 10 * time.Second
	}
	return c
}

// start runs a server until the test ends, and waits until it serves.
func start(t testing.TB, c *config.Config) *sidecar {
	t.Helper()
	return startAt(t, c, nil)
}

// startAt is start with a clock.
func startAt(t testing.TB, c *config.Config, now func() time.Time) *sidecar {
	t.Helper()
	log := &lines{}
	logger := slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := server.New(server.Options{
		Config:  c,
		Logger:  logger,
		Version: "test",
		Now:     now,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stop := sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("Run = %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	up := &sidecar{t: t, server: s, log: log, stop: stop}
	eventually(t, "the listeners are bound", func() bool { return strings.Contains(log.String(), `"msg":"serving"`) })
	addresses := s.Addresses()
	up.url, up.admin = "http://"+addresses["http"], "http://"+addresses["admin"]
	up.client = &http.Client{Timeout: 10 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	if path, ok := strings.CutPrefix(addresses["http"], "unix://"); ok {
		up.url = "http://postern"
		up.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}
	}
	t.Cleanup(up.client.CloseIdleConnections)
	return up
}

// An answer is what came back for one request.
type answer struct {
	Code   int
	Header http.Header
	Body   string
	decision.Decision
	Results []decision.Decision
}

func (a answer) codes() string {
	var all []string
	for _, r := range a.Reasons {
		all = append(all, string(r.Code))
	}
	return strings.Join(all, " ")
}

// do sends one request. Headers are names and values in turn.
func (s *sidecar) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(method, path, body, headers...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *sidecar) try(method, path, body string, headers ...string) (answer, error) {
	base := s.url
	if strings.HasPrefix(path, "admin:") {
		base, path = s.admin, strings.TrimPrefix(path, "admin:")
	}
	req, err := http.NewRequest(method, base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{Code: res.StatusCode, Header: res.Header, Body: string(text)}
	// Not every answer is a decision; what is none leaves the members empty.
	_ = json.Unmarshal(text, &a.Decision)
	var batch struct{ Results []decision.Decision }
	_ = json.Unmarshal(text, &batch)
	a.Results = batch.Results
	if base == s.url {
		s.conforms(&exchange{method: method, target: path, body: body, headers: headers, answer: a})
	}
	return a, nil
}

// ask asks one question with a token.
func (s *sidecar) ask(token, body string) answer {
	s.t.Helper()
	return s.do("POST", "/v1/check", body, "Authorization", "Bearer "+token)
}
