package proxies

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestEnvoy_failOpen: with failure_mode_allow a Postern that answers still decides, however
// badly it fares; each of these is a denial, and none an error of the check.
func TestEnvoy_failOpen(t *testing.T) {
	eachDoor(t, func(t *testing.T, name string) {
		p := envoy(name, failOpen...)
		t.Run("denied", func(t *testing.T) {
			s := play(t, p, setting{})
			suiteSpoofed(t, s)
			suiteDenied(t, s)
			suitePaths(t, s)
			if got := s.expect(200, "GET", "/public/x").header("X-Envoy-Auth-Failure-Mode-Allowed"); got != "-" {
				t.Errorf("an allow is counted as a failure: %q", got)
			}
		})
		t.Run("past the deadline", func(t *testing.T) { suiteSlow(t, p) })
		t.Run("not ready", func(t *testing.T) {
			s := playUnready(t, p, setting{bundle: filepath.Join(t.TempDir(), "missing")})
			s.expect(403, "GET", "/public/x")
			s.expect(403, "GET", "/reports/7", bearer(sign(t, nil))...)
		})
		t.Run("broken policy", func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "acme.rego", "package acme\n\nanswer := 7 if input.request.path == \"/public/number\"\n\nanswer := true if startswith(input.request.path, \"/public/ready\")\n\n"+
				"answer := to_number(\"x\") if input.request.path == \"/public/error\"\n")
			s := play(t, p, setting{bundle: dir, more: "entrypoints: {route: acme/answer}"})
			for _, target := range []string{"/public/number", "/public/error", "/public/undefined"} {
				s.expect(403, "GET", target)
			}
		})
		t.Run("overload", func(t *testing.T) { envoyOverload(t, p) })
		t.Run("too large", func(t *testing.T) {
			s := play(t, p, setting{})
			// More than limits.header, so the HTTP door refuses it, and does not with a 5xx.
			a, err := s.try(s.client, "GET", "/admin/x", nil, "Authorization", "Bearer "+strings.Repeat("a", 40<<10))
			if err != nil || a.Code/100 != 4 || a.Echoed {
				t.Errorf("a token of 40 KiB: %d, %v", a.Code, err)
			}
			a, err = s.try(s.client, "GET", "/admin/x", nil, "Cookie", strings.Repeat("a=b; ", 8<<10))
			if err != nil || a.Code/100 != 4 || a.Echoed {
				t.Errorf("cookies of 40 KiB: %d, %v", a.Code, err)
			}
		})
	})
}

// playUnready is play for a Postern that denies everything.
func playUnready(t testing.TB, p proxy, o setting) *scene {
	t.Helper()
	p.installed(t)
	s := &scene{t: t, proxy: p, upstream: startUpstream(t), postern: startPostern(t, o), client: newClient(t, false)}
	s.address = p.start(t, addresses{http: s.postern.http, grpc: s.postern.grpc, upstream: s.upstream.address, hasty: o.hasty})
	eventually(t, "Envoy answers", func() bool {
		_, err := s.try(s.client, "GET", "/public/ready", nil)
		return err == nil
	})
	return s
}

// envoyOverload asks for more at once than is decided at once.
func envoyOverload(t *testing.T, p proxy) {
	s := play(t, p, setting{more: "limits: {concurrency: 2}\n", strict: true})
	var denied, allowed atomic.Int64
	before := s.upstream.touched.Load()
	var together sync.WaitGroup
	for n := range 60 {
		together.Go(func() {
			a, err := s.try(s.client, "GET", fmt.Sprintf("/public/burn/%d", n), nil)
			switch {
			case err != nil:
				t.Error(err)
			case a.Code == 403:
				denied.Add(1)
			default:
				allowed.Add(1)
			}
		})
	}
	together.Wait()
	if denied.Load() != 60 || s.upstream.touched.Load() != before {
		t.Errorf("overload: %d denied, %d answered otherwise", denied.Load(), allowed.Load())
	}
	eventually(t, "it recovers", func() bool {
		a, err := s.try(s.client, "GET", "/public/x", nil)
		return err == nil && a.Code == 200
	})
}

// TestEnvoy_failOpen_gone: what failure_mode_allow means. Without a Postern, or with one
// that does not answer in time, everything gets through, forged identity and all. The
// documentation says so, which is why its configurations do not set it.
func TestEnvoy_failOpen_gone(t *testing.T) {
	eachDoor(t, func(t *testing.T, name string) {
		p := envoy(name, failOpen...)
		through := func(t *testing.T, s *scene) {
			t.Helper()
			a := s.do("GET", "/admin/x", "", "X-Postern-User", "forged")
			if a.Code != 200 || a.header("X-Envoy-Auth-Failure-Mode-Allowed") != "true" || a.header("X-Postern-User") != "forged" {
				t.Errorf("%d, failure mode %s, user %s", a.Code, a.header("X-Envoy-Auth-Failure-Mode-Allowed"), a.header("X-Postern-User"))
			}
		}
		t.Run("stopped", func(t *testing.T) {
			s := play(t, p, setting{})
			s.expect(401, "GET", "/admin/x")
			s.postern.stop()
			through(t, s)
		})
		t.Run("frozen", func(t *testing.T) {
			s := play(t, p, setting{process: true, hasty: true})
			s.postern.process.Freeze(t)
			through(t, s)
		})
	})
}

// TestEnvoy_unavailableStatus: 503 is what an operator may ask for. Over HTTP that is an
// error for Envoy, which failure_mode_allow lets through; over gRPC it stays a denial.
func TestEnvoy_unavailableStatus(t *testing.T) {
	f := func(name string, want int, replace ...string) {
		t.Run(fmt.Sprint(name, want), func(t *testing.T) {
			s := playUnready(t, envoy(name, replace...), setting{bundle: filepath.Join(t.TempDir(), "missing"), more: "unavailable_status: 503"})
			if a := s.do("GET", "/admin/x", ""); a.Code != want {
				t.Errorf("%d, want %d", a.Code, want)
			}
		})
	}
	f("envoy-grpc", 503)
	f("envoy-grpc", 503, failOpen...)
	f("envoy-http", 403)
	f("envoy-http", 200, failOpen...)
}

// TestEnvoy_health: Envoy's gRPC health check sees whether Postern is ready.
func TestEnvoy_health(t *testing.T) {
	program(t, "envoy")
	dir := t.TempDir()
	bad := write(t, dir, "bad.rego", "package acme\n\nx := y\n")
	up, u := startPostern(t, setting{bundle: dir, more: "unavailable_status: 503"}), startUpstream(t)
	replace, admin := withAdmin(t)
	address, _ := startEnvoy(t, "envoy-grpc", addresses{grpc: up.grpc, upstream: u.address}, append(replace,
		"interval: 5s", "interval: 0.05s\n          no_traffic_interval: 0.05s\n          no_traffic_healthy_interval: 0.05s", "unhealthy_threshold: 2", "unhealthy_threshold: 1")...)
	flags := func() string {
		for line := range strings.Lines(get(t, "http://"+admin+"/clusters")) {
			if strings.HasPrefix(line, "postern::") && strings.Contains(line, "health_flags") {
				return strings.TrimSpace(line[strings.LastIndex(line, "::")+2:])
			}
		}
		return ""
	}
	eventually(t, "Envoy sees that Postern is not ready", func() bool { return strings.Contains(flags(), "/failed_active_hc") })
	// There is no other, so it is asked all the same, and it is its own denial that comes back.
	s := &scene{t: t, upstream: u, postern: up, address: address, client: newClient(t, false)}
	s.expect(503, "GET", "/x")
	write(t, dir, "model/data.yaml", `routes: [{match: "/", public: true}]`)
	if err := os.Remove(bad); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Envoy sees that Postern is ready", func() bool { return flags() == "healthy" })
	s.expect(200, "GET", "/x")
	up.stop()
	eventually(t, "Envoy sees that Postern is gone", func() bool { return strings.Contains(flags(), "/failed_active_hc") })
}

// statusLine is the first line that comes back for bytes that are sent.
func (s *scene) statusLine(text string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		s.t.Error(err)
	}
	return strings.TrimRight(line, "\r\n")
}

// TestEnvoy_connect: CONNECT has no path, and what has none is denied without an upset. Over
// HTTP, Envoy takes every answer about one for an error, which failure_mode_allow lets
// through; the documentation says so.
func TestEnvoy_connect(t *testing.T) {
	connect := []string{
		"                        - match: {prefix: \"/\"}\n", `                        - match: {connect_matcher: {}}
                          route: {cluster: app, upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]}
                        - match: {prefix: "/"}
`,
		"                stat_prefix: ingress\n", "                stat_prefix: ingress\n                upgrade_configs: [{upgrade_type: CONNECT}]\n",
	}
	eachDoor(t, func(t *testing.T, name string) {
		replace := slices.Clone(connect)
		if name == "envoy-grpc" {
			replace = append(replace, failOpen...)
		}
		s := play(t, envoy(name, replace...), setting{})
		owner := sign(t, organization("org_acme", "owner"))
		before := s.upstream.touched.Load()
		for _, head := range []string{"CONNECT app.example:443 HTTP/1.1\r\n", "CONNECT app.example:443 HTTP/1.1\r\nAuthorization: Bearer " + owner + "\r\n", "OPTIONS * HTTP/1.1\r\n", "GET * HTTP/1.1\r\n"} {
			s.oneRaw(head, func(a answer) {
				if a.Code/100 == 2 {
					t.Errorf("%q: %d", head, a.Code)
				}
			})
		}
		if s.upstream.touched.Load() != before {
			t.Error("the upstream was reached")
		}
		s.expect(200, "GET", "/public/x")
		if name == "envoy-http" {
			open := play(t, envoy(name, append(slices.Clone(connect), failOpen...)...), setting{})
			if got := open.statusLine("CONNECT app.example:443 HTTP/1.1\r\nHost: app.example:443\r\n\r\n"); got != "HTTP/1.1 200 OK" {
				t.Errorf("with failure_mode_allow: %q", got)
			}
		}
		for _, trace := range []string{"panicked", "BUG"} {
			if strings.Contains(s.postern.log.String(), trace) {
				t.Errorf("Postern's log has %s", trace)
			}
		}
	})
}
