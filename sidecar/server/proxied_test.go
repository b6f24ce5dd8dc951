package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// gated is a bundle with routes.
func gated(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
routes:
  - {match: "/public/", public: true}
  - {match: "GET /reports/{id}", require: {permission: "org:reports:read"}}
  - {match: "/o/{org}/", organization: "{org}", require: {role: admin}, deny: {status: 404}}
  - {match: "/owner", require: {role: owner}, deny: {redirect: "/upgrade?from=owner"}}
`)
	return dir
}

// asked are the headers of a proxy, and others, as they go over the wire.
func asked(method, uri string, more ...string) []string {
	return append([]string{"X-Forwarded-Method", method, "X-Forwarded-Uri", uri, "X-Forwarded-Host", "App.Example:443", "X-Forwarded-Proto", "https"}, more...)
}

func TestForwardAuth(t *testing.T) {
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := start(t, standard(t, gated(t), "decision_log: "+log))
	bearer := []string{"Authorization", "Bearer " + sign(t, nil)}
	f := func(want int, headers ...string) answer {
		t.Helper()
		a := s.do("GET", "/forward-auth", "", headers...)
		if a.Code != want || a.Body != "" {
			t.Errorf("%v: %d %q, want %d without a body", headers, a.Code, a.Body, want)
		}
		if len(a.Header.Get("X-Decision-Id")) != 36 || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Content-Type") != "" {
			t.Errorf("%v: headers %v", headers, a.Header)
		}
		if (a.Header.Get("Www-Authenticate") == "Bearer") != (want == 401) {
			t.Errorf("%v: WWW-Authenticate %q with %d", headers, a.Header.Get("Www-Authenticate"), want)
		}
		return a
	}
	f(200, asked("GET", "/public/x")...)
	f(401, asked("GET", "/reports/7")...)
	f(200, asked("GET", "/reports/7", bearer...)...)
	f(200, asked("HEAD", "/reports/7", bearer...)...)
	f(403, asked("POST", "/reports/7", bearer...)...)
	f(200, asked("GET", "/o/org_acme/x", bearer...)...)
	f(404, asked("GET", "/o/org_globex/x", bearer...)...)
	f(401, asked("GET", "/o/org_acme/x")...)
	a := f(302, asked("GET", "/owner", bearer...)...)
	if a.Header.Get("Location") != "/upgrade?from=owner" {
		t.Errorf("Location: %q", a.Header.Get("Location"))
	}
	f(401, asked("GET", "/owner")...)
	f(400, asked("GET", "/public/../owner", bearer...)...)
	f(400, asked("GET", "/o/org_acme%2f..%2forg_globex/", bearer...)...)
	f(400, asked("GET", "/public/%ff")...)
	f(400, asked("G\xff", "/public/x")...)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.log.String(), "loses records") {
		t.Error("the decision log lost records")
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := `"method":"GET","host":"app.example","path":"/reports/7","route":"GET /reports/{id}"`
	if !strings.Contains(string(text), want) {
		t.Errorf("the decision log lacks %s:\n%s", want, text)
	}
}

// TestForwardAuth_headers: the proxy's own headers say what is asked, each once, and no
// other does.
func TestForwardAuth_headers(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	f := func(want int, headers ...string) {
		t.Helper()
		if a := s.do("GET", "/forward-auth?x=/public/", "", headers...); a.Code != want {
			t.Errorf("%v: %d, want %d", headers, a.Code, want)
		}
	}
	base := func(without string, more ...string) []string {
		var all []string
		for i, h := range asked("GET", "/public/x") {
			if i%2 == 0 && h != without {
				all = append(all, h, asked("GET", "/public/x")[i+1])
			}
		}
		return append(all, more...)
	}
	f(200, base("")...)
	f(200, base("X-Forwarded-Host")...)
	f(200, base("X-Forwarded-Proto")...)
	f(400, base("X-Forwarded-Uri")...)
	f(400, base("X-Forwarded-Method")...)
	f(400, base("X-Forwarded-Uri", "X-Original-Uri", "/public/x", "X-Rewrite-Url", "/public/x")...)
	for name, values := range map[string][]string{
		"X-Forwarded-Uri":    {"", "public", "//public/x", "http://app.example/public/x", "/public/x#a", "/public,/owner", "/public, /owner", "/public;x", "/" + strings.Repeat("a", 9000), "*"},
		"X-Forwarded-Method": {"", "get", "GET, POST", "G T", "PRI", "CONNECT"},
		"X-Forwarded-Host":   {"a/b@c", "a, b", "a..b", "a:99999", "[::1"},
		"X-Forwarded-Proto":  {"javascript", "http, https", "HTTP"},
	} {
		for _, value := range values {
			f(400, base(name, name, value)...)
		}
		f(400, base("", name, asked("GET", "/public/x")[1])...) // twice
	}
	// What only looks like it is not read.
	f(200, base("", "X_Forwarded_Uri", "/owner", "X-Forwarded-Path", "/owner", "X-Forwarded-Prefix", "/owner", "Forwarded", "host=x", "X-Http-Method-Override", "DELETE")...)
	f(401, asked("GET", "/reports/7", "X-Original-Url", "/public/x", "X_Forwarded_Uri", "/public/x")...)
	// A comma is a part of a path.
	f(200, asked("GET", "/public/a,b")...)
}

// TestForwardAuth_methods: the proxy may ask by any method, about any request.
func TestForwardAuth_methods(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
		if a := s.do(method, "/forward-auth", "", asked("DELETE", "/public/x")...); a.Code != 200 {
			t.Errorf("%s: %d, want 200", method, a.Code)
		}
		if a := s.do(method, "/forward-auth", "", asked("OPTIONS", "/owner")...); a.Code != 401 {
			t.Errorf("%s: %d, want 401", method, a.Code)
		}
	}
	for _, path := range []string{"/forward-auth/", "/forward-auth/public/x", "/Forward-Auth"} {
		if a := s.do("GET", path, "", asked("GET", "/public/x")...); a.Code != 404 {
			t.Errorf("%s: %d, want 404", path, a.Code)
		}
	}
}

// TestForwardAuth_notReady: without a bundle the answer is a denial that no proxy takes for
// an allow.
func TestForwardAuth_notReady(t *testing.T) {
	c := standard(t, filepath.Join(t.TempDir(), "missing"))
	s := start(t, c)
	if a := s.do("GET", "/forward-auth", "", asked("GET", "/public/x")...); a.Code != 403 {
		t.Errorf("%d, want 403", a.Code)
	}
}

func TestForwardAuth_doorClosed(t *testing.T) {
	c := standard(t, gated(t))
	c.Doors.ForwardAuth = false
	s := start(t, c)
	if a := s.do("GET", "/forward-auth", "", asked("GET", "/public/x")...); a.Code != 404 {
		t.Errorf("%d, want 404", a.Code)
	}
}

// TestForwardAuth_reload: routes change with the bundle.
func TestForwardAuth_reload(t *testing.T) {
	dir := gated(t)
	s := start(t, standard(t, dir))
	if a := s.do("GET", "/forward-auth", "", asked("GET", "/new")...); a.Code != 403 {
		t.Fatalf("before: %d", a.Code)
	}
	write(t, dir, "model/data.yaml", `routes: [{match: "/new", public: true}]`)
	eventually(t, "the new route is served", func() bool {
		return s.do("GET", "/forward-auth", "", asked("GET", "/new")...).Code == 200
	})
	if a := s.do("GET", "/forward-auth", "", asked("GET", "/public/x")...); a.Code != 403 {
		t.Errorf("a route that went: %d", a.Code)
	}
}

// TestForwardAuth_brokenPolicy: what keeps policy from an answer is no matter of the route's
// own deny.
func TestForwardAuth_brokenPolicy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `routes: [{match: "/", signed_in: true, deny: {redirect: /upgrade}}]`)
	write(t, dir, "extend.rego", "package postern.extend\n\ndeny contains \"odd\" if to_number(input.request.headers[\"x-n\"]) == 1\n")
	s := start(t, standard(t, dir))
	bearer := []string{"Authorization", "Bearer " + sign(t, nil)}
	for n, want := range map[string]int{"0": 200, "1": 302, "abc": 403} {
		if a := s.do("GET", "/forward-auth", "", asked("GET", "/x", append(bearer, "X-N", n)...)...); a.Code != want {
			t.Errorf("x-n %s: %d, want %d", n, a.Code, want)
		}
	}
}
