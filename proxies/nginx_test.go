package proxies

import (
	"os"
	"strings"
	"testing"
	"time"

	"postern/sidecar/failmode"
)

// nginx is the configuration of the docs, with texts of it replaced.
func nginx(change ...string) proxy {
	return proxy{
		name:         "nginx",
		program:      "nginx",
		plainDenials: true,
		normalises:   false,
		inTable:      failmode.Nginx,
		start: func(t testing.TB, at addresses) string {
			binary, address, dir := program(t, "nginx"), freeAddress(t), t.TempDir()
			replace := append([]string{
				"127.0.0.1:8181", strings.Replace(at.http, "unix://", "unix:", 1), "127.0.0.1:3000", at.upstream, "127.0.0.1:8080", address,
				// Where it keeps long bodies is built into it, and is for root alone.
				"http {\n", "http {\n    access_log off;\n    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n",
			}, change...)
			if !at.hasty {
				replace = append(replace, " 250ms;", " 30s;")
			}
			path := adapted(t, dir, "nginx/nginx.conf", replace...)
			globals := "daemon off; worker_shutdown_timeout 1s; error_log stderr; pid " + dir + "/nginx.pid;"
			if os.Geteuid() == 0 {
				globals += " user root;" // for its files in dir
			}
			run(t, "nginx", binary, "-p", dir, "-e", "stderr", "-c", path, "-g", globals)
			return address
		},
	}
}

func TestNginx(t *testing.T) {
	t.Run("suite", func(t *testing.T) { suite(t, nginx()) })
	t.Run("large", func(t *testing.T) { large(t, nginx()) })
	t.Run("keeps connections", func(t *testing.T) { keepsConnections(t, nginx()) })
	t.Run("unix", func(t *testing.T) { overUnix(t, nginx()) })
}

// TestNginx_uri is the variant that hands on path and query alone: hosts of routes are not
// known then, and nobody can be sent back from signing in.
func TestNginx_uri(t *testing.T) {
	p := nginx(
		"proxy_set_header X-Original-URL    $scheme://$http_host$request_uri;", "proxy_set_header X-Original-URI    $request_uri;",
		"proxy_set_header X-Original-URI    \"\";", "proxy_set_header X-Original-URL    \"\";",
	)
	s := play(t, p, setting{})
	for _, test := range []struct {
		name string
		run  func(*testing.T, *scene)
	}{{"identity", suiteIdentity}, {"spoofed", suiteSpoofed}, {"denied", suiteDenied}, {"methods", suiteMethods}, {"paths", suitePaths}} {
		t.Run(test.name, func(t *testing.T) {
			in := *s
			in.t = t
			test.run(t, &in)
		})
	}
}

// TestNginx_hosts: routes of a host are matched, since the host is a part of what nginx
// hands on; and without one nothing is.
func TestNginx_hosts(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `routes: [{match: "/public/ready", public: true}, {match: "app.example/x", public: true}, {match: "other.example/y", public: true}]`)
	s := play(t, nginx(), setting{bundle: dir})
	s.expect(200, "GET", "/x")
	s.expect(403, "GET", "/y")
	for head, want := range map[string]int{
		"GET /x HTTP/1.1\r\nHost: APP.example:8080\r\n": 200,
		"GET /y HTTP/1.1\r\nHost: other.example\r\n":    200,
		"GET /y HTTP/1.0\r\n":                           400,
		// Where the target says another, nobody could say which is meant.
		"GET http://other.example/y HTTP/1.1\r\nHost: app.example\r\n": 400,
		"GET http://app.example/x HTTP/1.1\r\nHost: other.example\r\n": 400,
		"GET /x HTTP/1.1\r\nHost: app.example.\r\n":                    200,
	} {
		all, err := s.raw(1, head+"Connection: close\r\n\r\n")
		if err != nil || len(all) != 1 || all[0].Code != want {
			t.Errorf("%q: %v, %v, want %d", head, all, err, want)
		}
	}
}

// TestNginx_servers: the server that nginx chooses is of the host that is judged. A target in
// absolute form chooses one whatever Host says.
func TestNginx_servers(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `routes: [{match: "/public/ready", public: true}, {match: "app.example/x", public: true}, {match: "admin.example/x", require: {role: owner}}]`)
	p := nginx("        absolute_redirect off;\n", "        absolute_redirect off;\n        server_name admin.example;\n")
	s := play(t, p, setting{bundle: dir})
	for head, want := range map[string]int{
		"GET /x HTTP/1.1\r\nHost: admin.example\r\n":                             401,
		"GET http://admin.example/x HTTP/1.1\r\nHost: admin.example\r\n":         401,
		"GET http://ADMIN.example:80/x HTTP/1.1\r\nHost: admin.example:8080\r\n": 401,
		"GET http://admin.example/x HTTP/1.1\r\nHost: app.example\r\n":           400,
		"GET http://admin.example/x HTTP/1.1\r\nHost: app.example:80\r\n":        400,
	} {
		all, err := s.raw(1, head+"Connection: close\r\n\r\n")
		if err != nil || len(all) != 1 || all[0].Code != want {
			t.Errorf("%q: %v, %v, want %d", head, all, err, want)
		}
	}
}

// TestNginx_internal: the location that asks is not for clients.
func TestNginx_internal(t *testing.T) {
	s := play(t, nginx(), setting{})
	for _, target := range []string{"/_postern", "/_postern?x", "/%5fpostern"} {
		s.expect(404, "GET", target, "X-Original-Method", "GET", "X-Original-Uri", "/public/x")
	}
}

// TestNginx_announcedBody: a configuration that leaves out what is about bodies has nginx
// announce one that it never sends. It is answered at once all the same.
func TestNginx_announcedBody(t *testing.T) {
	for name, without := range map[string][]string{
		"both":   {"            proxy_pass_request_body off;\n", "", "            proxy_set_header Content-Length    \"\";\n", ""},
		"length": {"            proxy_set_header Content-Length    \"\";\n", ""},
		"off":    {"            proxy_pass_request_body off;\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, nginx(without...), setting{})
			for range 5 {
				for _, size := range []int{1, 100_000} {
					began := time.Now()
					a := s.do("POST", "/public/x", strings.Repeat("x", size))
					if a.Code != 200 || a.Length != size {
						t.Errorf("a body of %d bytes: %d, and %d arrive", size, a.Code, a.Length)
					}
					if took := time.Since(began); took > 3*time.Second {
						t.Errorf("a body of %d bytes: answered after %v", size, took)
					}
				}
				s.expect(401, "POST", "/admin/x")
				s.expect(200, "GET", "/public/x")
			}
		})
	}
}
