package proxies

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/failmode"
)

// haproxy is the configuration of the docs, with texts of its script replaced.
func haproxy(script ...string) proxy {
	return proxy{
		name:    "HAProxy",
		program: "haproxy",
		http2:   true,
		inTable: failmode.HAProxy,
		start: func(t testing.TB, at addresses) string {
			binary, address, dir := program(t, "haproxy"), freeAddress(t), t.TempDir()
			change := script
			if !at.hasty {
				change = append([]string{"local timeout = 1000", "local timeout = 60000"}, script...)
			}
			lua := adapted(t, dir, "haproxy/postern.lua", change...)
			replace := []string{
				"/etc/haproxy/postern.lua", lua, "server postern 127.0.0.1:8181", "server postern " + strings.Replace(at.http, "unix://", "unix@", 1),
				"127.0.0.1:3000", at.upstream, "127.0.0.1:8080", address,
				// Several run at once in these tests, and abstract names are the machine's.
				"abns@postern", "unix@" + socketDir(t) + "/s",
			}
			if !at.hasty {
				replace = append(replace, "timeout server  250ms", "timeout server  30s", "timeout connect 100ms", "timeout connect 10s")
			}
			run(t, "haproxy", binary, "-db", "-f", adapted(t, dir, "haproxy/haproxy.cfg", replace...))
			return address
		},
	}
}

func TestHAProxy(t *testing.T) {
	t.Run("suite", func(t *testing.T) { suite(t, haproxy()) })
	t.Run("large", func(t *testing.T) { large(t, haproxy()) })
	t.Run("keeps connections", func(t *testing.T) { keepsConnections(t, haproxy()) })
	t.Run("unix", func(t *testing.T) { overUnix(t, haproxy()) })
}

// TestHAProxy_asShown: the configuration is valid as it stands in the docs, but for the
// script's place.
func TestHAProxy_asShown(t *testing.T) {
	binary := program(t, "haproxy")
	script, err := filepath.Abs("../testdata/proxies/haproxy/postern.lua")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(binary, "-c", "-f", adapted(t, t.TempDir(), "haproxy/haproxy.cfg", "/etc/haproxy/postern.lua", script)).CombinedOutput()
	if err != nil || strings.Contains(string(out), "[WARNING]") {
		t.Errorf("haproxy -c: %v: %s", err, out)
	}
}

// TestHAProxy_brokenScript: HAProxy goes on to the next rule where a script errs. That rule
// denies.
func TestHAProxy_brokenScript(t *testing.T) {
	for name, change := range map[string][]string{
		"before it asks":   {"core.httpclient():get(", "core.nothing():get("},
		"while it asks":    {`url = "http://127.0.0.1/forward-auth"`, `url = "nonsense"`},
		"after the answer": {"if answer.status ~= 200 then", "if answer.status.x == 200 then"},
		"at the end":       {`txn:set_var("txn.postern", "allow")`, `txn:set_var("txn.postern", nothing.at_all)`},
		"does nothing":     {"    local answer = count", "    do return end\n    local answer = count"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := suiteBundle(t)
			p := haproxy(change...)
			s := &scene{t: t, proxy: p, upstream: startUpstream(t), postern: startPostern(t, setting{bundle: dir}), client: newClient(t, false)}
			s.address = p.start(t, addresses{http: s.postern.http, upstream: s.upstream.address})
			eventually(t, "HAProxy answers", func() bool {
				_, err := s.try(s.client, "GET", "/", nil)
				return err == nil
			})
			s.refuses("stopped") // as if there were none
		})
	}
}

// TestHAProxy_authRequestScript asks as the well-known haproxy-auth-request does: by HEAD,
// with the client's headers but a Host that is Postern's address, on a connection of its
// own.
func TestHAProxy_authRequestScript(t *testing.T) {
	s := startPostern(t, setting{})
	f := func(want int, lines ...string) http.Header {
		t.Helper()
		c, err := net.Dial("tcp", s.http)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		head := "HEAD /forward-auth HTTP/1.1\r\nhost: " + s.http + "\r\nconnection: close\r\n" + strings.Join(append(lines, "", ""), "\r\n")
		if _, err := c.Write([]byte(head)); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(c)
		res, err := http.ReadResponse(reader, &http.Request{Method: "HEAD"})
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want || !res.Close {
			t.Errorf("%q: %d, closes %v, want %d and a close", lines, res.StatusCode, res.Close, want)
		}
		if rest, err := reader.Peek(1); err == nil {
			t.Errorf("%q: %q follows the answer to a HEAD", lines, rest)
		}
		return res.Header
	}
	proto, host := "x-forwarded-proto: https", "x-forwarded-host: app.example"
	token := "authorization: Bearer " + sign(t, nil)
	got := f(200, "x-forwarded-method: GET", "x-forwarded-uri: /reports/7?a=b", proto, host, token, "accept: */*")
	if got.Get("X-Postern-User") != "user_1" || got.Get("X-Postern-Role") != "org:admin" {
		t.Errorf("identity: %v", got)
	}
	got = f(200, "x-forwarded-method: GET", "x-forwarded-uri: /public/x")
	for _, name := range identityHeaders {
		// That script leaves the client's header where the answer has none.
		if values, ok := got[name]; !ok || len(values) != 1 || values[0] != "" {
			t.Errorf("%s of nobody: %q, want one that is empty", name, values)
		}
	}
	f(403, "x-forwarded-method: POST", "x-forwarded-uri: /reports/7", token)
	f(401, "x-forwarded-method: GET", "x-forwarded-uri: /reports/7")
	f(400, "x-forwarded-method: GET", token)
	f(400, "x-forwarded-uri: /public/x")
}

// TestHAProxy_manyHeaders: a client can send as many headers as HAProxy takes. Its own client,
// which asks Postern, takes fewer, and brings HAProxy down where it is given more.
func TestHAProxy_manyHeaders(t *testing.T) {
	s := play(t, haproxy(), setting{})
	for n := range 110 {
		for _, lines := range []string{strings.Repeat("A: b\r\n", n), "A: " + strings.Repeat("b", 150*n) + "\r\n"} {
			all, err := s.raw(1, "GET /public/x HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n"+lines+"\r\n")
			if err != nil || len(all) != 1 || n < 80 && all[0].Code != 200 || all[0].Code >= 500 {
				t.Fatalf("%d headers, or one of %d bytes: %d answers, %v", n, 150*n, len(all), err)
			}
		}
	}
	s.expect(200, "GET", "/public/x")
}

// TestHAProxy_scriptIsShort keeps the promise of the docs.
func TestHAProxy_scriptIsShort(t *testing.T) {
	text, err := os.ReadFile("../testdata/proxies/haproxy/postern.lua")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "\n"); got > 100 {
		t.Errorf("postern.lua has %d lines, want at most 100", got)
	}
}
