package proxies

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"postern/sidecar/failmode"
)

// caddy is the configuration of the docs, with texts of it replaced.
func caddy(change ...string) proxy {
	return proxy{
		name:       "Caddy",
		program:    "caddy",
		normalises: true, // Go percent-encodes what is not ASCII
		inTable:    failmode.Caddy,
		start: func(t testing.TB, at addresses) string {
			binary, address, dir := program(t, "caddy"), freeAddress(t), t.TempDir()
			replace := append([]string{
				"127.0.0.1:8181", strings.Replace(at.http, "unix://", "unix/", 1), "127.0.0.1:3000", at.upstream, ":8080", strings.TrimPrefix(address, "127.0.0.1"),
			}, change...)
			if !at.hasty {
				replace = append(replace, "_timeout 250ms", "_timeout 30s")
			}
			path := adapted(t, dir, "caddy/Caddyfile", replace...)
			// It keeps state below its home.
			run(t, "caddy", "env", "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "PATH="+os.Getenv("PATH"),
				binary, "run", "--config", path, "--adapter", "caddyfile")
			return address
		},
	}
}

func TestCaddy(t *testing.T) {
	t.Run("suite", func(t *testing.T) { suite(t, caddy()) })
	t.Run("large", func(t *testing.T) { large(t, caddy()) })
	t.Run("keeps connections", func(t *testing.T) { keepsConnections(t, caddy()) })
	t.Run("unix", func(t *testing.T) { overUnix(t, caddy()) })
}

// TestCaddy_connection: Caddy drops what Connection names on the way to the upstream, and
// on the way to Postern, so that Postern cannot refuse it: ours would be dropped. It is
// the two lines of the configuration that refuse such requests.
func TestCaddy_connection(t *testing.T) {
	good := sign(t, nil)
	named := []string{"x-postern-user", "X-Postern-User", "close, X-POSTERN-ROLE", "keep-alive,x-postern-org"}
	t.Run("refused", func(t *testing.T) {
		s := play(t, caddy(), setting{})
		for _, options := range named {
			s.expect(400, "GET", "/public/x", bearer(good, "Connection", options)...)
		}
		s.expect(400, "GET", "/public/x", bearer(good, "Connection", "keep-alive", "Connection", "x-postern-user")...)
		s.expect(200, "GET", "/public/x", bearer(good, "Connection", "keep-alive")...)
	})
	t.Run("without the lines", func(t *testing.T) {
		s := play(t, caddy("\terror @drops 400\n", ""), setting{})
		for _, options := range named {
			a := s.expect(200, "GET", "/public/x", bearer(good, "Connection", options)...)
			if a.identity() == admin {
				t.Errorf("Connection: %s: Caddy drops nothing any more; the lines can go", options)
			}
			if a.header("X-Postern-User") != "user_1" && a.header("X-Postern-User") != "-" {
				t.Errorf("Connection: %s: the upstream is told %s", options, a.header("X-Postern-User"))
			}
		}
	})
}

// TestCaddy_anyHost: no Host leads around the question.
func TestCaddy_anyHost(t *testing.T) {
	s := play(t, caddy(), setting{})
	for _, host := range []string{"app.example", "127.0.0.1", "localhost", "other.example:99", "[::1]:80"} {
		all, err := s.raw(1, "GET /reports/7 HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
		if err != nil || len(all) != 1 || all[0].Code != http.StatusUnauthorized {
			t.Errorf("Host %s: %v, %v, want 401", host, all, err)
		}
	}
}
