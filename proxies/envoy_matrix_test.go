package proxies

import (
	"fmt"
	"strings"
	"testing"
)

// What the configurations of the matrix replace.
var (
	failOpen    = []string{"failure_mode_allow: false", "failure_mode_allow: true\n                      failure_mode_allow_header_add: true"}
	noChecks    = []string{"normalize_path: true", "normalize_path: false", "merge_slashes: true", "merge_slashes: false", "REJECT_REQUEST\n                common", "KEEP_UNCHANGED\n                common", "{headers_with_underscores_action: REJECT_REQUEST}", "{headers_with_underscores_action: ALLOW}"}
	joined      = []string{"encode_raw_headers: true", "encode_raw_headers: false"}
	http2Behind = []string{"    - name: app\n      type: STATIC\n", `    - name: app
      type: STATIC
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
`}
)

// withBody has Envoy hand on bodies.
func withBody(options string) []string {
	return []string{"failure_mode_allow: false", "failure_mode_allow: false\n                      with_request_body: {" + options + "}"}
}

// eachDoor runs a test for Envoy's two ways to ask.
func eachDoor(t *testing.T, f func(t *testing.T, name string)) {
	program(t, "envoy")
	for _, name := range []string{"envoy-grpc", "envoy-http"} {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}

// TestEnvoy_unix: Postern listens on Unix sockets.
func TestEnvoy_unix(t *testing.T) {
	eachDoor(t, func(t *testing.T, name string) {
		s := play(t, envoy(name), setting{unix: true})
		suiteIdentity(t, s)
		suiteSpoofed(t, s)
		suiteDenied(t, s)
		s.postern.stop()
		s.refuses("stopped")
	})
}

// TestEnvoy_posternAlone: without Envoy's own checks of paths and names Postern alone refuses.
func TestEnvoy_posternAlone(t *testing.T) {
	eachDoor(t, func(t *testing.T, name string) {
		p := envoy(name, noChecks...)
		p.normalises, p.refusesUnderscores = false, false
		s := play(t, p, setting{})
		suiteSpoofed(t, s)
		suiteMethods(t, s)
		suitePaths(t, s)
		for _, header := range []string{"X_Postern_User", "X-Postern_Role", "X.Postern.Org"} {
			s.expect(400, "GET", "/public/x", header, "forged")
		}
		for _, target := range []string{"/public//x", "/public/../x", "/public/%2e%2e/x", "/public/..%2fx", "/public/..;/x"} {
			s.expect(400, "GET", target)
		}
	})
}

// TestEnvoy_joinedHeaders: without encode_raw_headers repeated headers are joined, which
// hides no second credential.
func TestEnvoy_joinedHeaders(t *testing.T) {
	s := play(t, envoy("envoy-grpc", joined...), setting{more: "sign_in_url: " + signIn})
	suiteIdentity(t, s)
	suiteSpoofed(t, s)
	suiteDenied(t, s)
	suiteCookie(t, s)
	suiteSignIn(t, s)
	suiteMethods(t, s)
}

// TestEnvoy_cookies: several Cookie headers of one request are one where they arrive one by
// one. Joined with commas, they hold no session, and no other one either.
func TestEnvoy_cookies(t *testing.T) {
	f := func(p proxy, want int) {
		t.Run(fmt.Sprint(p.name, want), func(t *testing.T) {
			s := play(t, p, setting{})
			good := "__session=" + sign(t, nil)
			for _, cookies := range [][]string{{"a=b", good, "c=d"}, {good, "c=d"}, {"a=b", good}, {good, good}} {
				head := "GET /reports/7 HTTP/1.1\r\n"
				for _, cookie := range cookies {
					head += "Cookie: " + cookie + "\r\n"
				}
				s.oneRaw(head, func(a answer) {
					if a.Code != want {
						t.Errorf("%.20q: %d, want %d", cookies, a.Code, want)
					}
				})
			}
			s.oneRaw("GET /reports/7 HTTP/1.1\r\nCookie: "+good+"\r\nCookie: __session=x.y.z\r\n", func(a answer) {
				if a.Code != 401 {
					t.Errorf("two sessions: %d, want 401", a.Code)
				}
			})
		})
	}
	f(envoy("envoy-grpc"), 200)
	f(envoy("envoy-grpc", joined...), 401)
	f(envoy("envoy-http"), 401)
}

// TestEnvoy_http2: HTTP/2 before and behind Envoy.
func TestEnvoy_http2(t *testing.T) {
	eachDoor(t, func(t *testing.T, name string) {
		s := play(t, envoy(name, http2Behind...), setting{})
		s.client = newClient(t, true)
		if a := s.do("GET", "/public/x", ""); a.Proto != "HTTP/2.0" {
			t.Errorf("the upstream is spoken to in %s", a.Proto)
		}
		suiteIdentity(t, s)
		suiteBodies(t, s)
		suiteKeepAlive(t, s)
		good := sign(t, nil)
		for range 3 { // expect counts requests of HTTP/1.1, so it is not for here
			for target, want := range map[string]int{"/admin/x": 403, "/hidden": 404, "/reports/7": 200, "/public/../admin/x": 403} {
				if a := s.do("GET", target, "", bearer(good)...); a.Code != want {
					t.Errorf("GET %s: %d, want %d", target, a.Code, want)
				}
			}
		}
		if got := s.do("GET", "/public/x", "", "x-postern-user", "forged", "x-postern-role", "owner").identity(); got != nobody {
			t.Errorf("the upstream is told %q", got)
		}
		// HTTP/2 lets a cookie come in pieces (RFC 9113 section 8.2.3).
		a := s.do("GET", "/reports/7", "", "Cookie", "a=b", "Cookie", "__session="+good, "Cookie", "c=d")
		if a.Code != 200 || a.identity() != admin {
			t.Errorf("a cookie in pieces: %d %s", a.Code, a.identity())
		}
	})
}

// TestEnvoy_accessLog: the decision's id reaches Envoy's access log, for an allow and for a
// denial, and it is the decision log's.
func TestEnvoy_accessLog(t *testing.T) {
	eachDoor(t, func(t *testing.T, name string) {
		program(t, "envoy")
		u, up := startUpstream(t), startPostern(t, setting{})
		address, process := startEnvoy(t, name, addresses{http: up.http, grpc: up.grpc, upstream: u.address})
		s := &scene{t: t, proxy: envoy(name), upstream: u, postern: up, address: address, client: newClient(t, false)}
		eventually(t, "Envoy answers", func() bool {
			a, err := s.try(s.client, "GET", "/public/ready", nil)
			return err == nil && a.Code == 200
		})
		s.expect(200, "GET", "/public/allowed")
		s.expect(401, "GET", "/admin/denied")
		up.stop()
		decided := map[string]decisionRecord{}
		for _, r := range decisions(t, up) {
			decided[r.ID] = r
		}
		for path, reason := range map[string]string{"/public/allowed": "", "/admin/denied": "token_missing"} {
			var line accessLine
			eventually(t, "Envoy logs "+path, func() bool {
				for _, l := range accessLines(process) {
					if strings.HasSuffix(l.Request, path) {
						line = l
						return true
					}
				}
				return false
			})
			r, ok := decided[line.Decision]
			if !ok || r.Path != path {
				t.Errorf("%s: Envoy logs decision %q, which is %+v", path, line.Decision, r)
			}
			if name == "envoy-grpc" && reason != "" && (len(line.Reasons) != 1 || line.Reasons[0] != reason) {
				t.Errorf("%s: Envoy logs reasons %v, want %s", path, line.Reasons, reason)
			}
		}
	})
}
