package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/sidecar/server"
	"postern/sidecar/token/mint"
)

const issuer = "https://clerk.example.com"

// signer is one key for all tests: making one takes a while.
var signer = sync.OnceValue(func() *mint.Key {
	key, err := mint.NewKey("ins_1")
	if err != nil {
		panic(err)
	}
	return key
})

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

// lines is a log that a test may read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// write makes a file below dir.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// jwks writes the key set of keys.
func jwks(t testing.TB, dir string, keys ...*mint.Key) string {
	t.Helper()
	set, err := mint.JWKS(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, dir, "jwks.json", string(set))
}

// load reads a configuration text.
func load(t testing.TB, text string) *config.Config {
	t.Helper()
	var flags config.Flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(set)
	if err := set.Parse([]string{"--config", write(t, t.TempDir(), "postern.yaml", text)}); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(&flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
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
	var paths []string
	for _, b := range c.Bundles {
		paths = append(paths, b.Path)
	}
	log := &lines{}
	s, err := server.New(server.Options{
		Config:  c,
		Source:  server.Paths(paths...),
		Logger:  slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
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

// eventually polls until done, or fails after a while that only a broken program needs.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("it never came true that %s", what)
}

// claims are a fresh token's, with changes; a nil value takes a claim away.
func claims(changes map[string]any) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{
		"iss": issuer, "sub": "user_1", "sid": "sess_1", "azp": "https://app.example.com",
		"iat": now - 5, "nbf": now - 10, "exp": now + 3600, "v": 2, "fva": []int{3, -1}, "sts": "active",
		"o":   map[string]any{"id": "org_acme", "slg": "acme", "rol": "admin", "per": "read,export", "fpm": "3"},
		"fea": "o:reports", "pla": "o:pro",
	}
	for name, v := range changes {
		if v == nil {
			delete(c, name)
			continue
		}
		c[name] = v
	}
	return c
}

func sign(t testing.TB, changes map[string]any) string {
	t.Helper()
	raw, err := signer().Sign(claims(changes))
	if err != nil {
		t.Fatal(err)
	}
	return raw
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
	return a, nil
}

// ask asks one question with a token.
func (s *sidecar) ask(token, body string) answer {
	s.t.Helper()
	return s.do("POST", "/v1/check", body, "Authorization", "Bearer "+token)
}
