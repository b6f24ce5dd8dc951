package proxies

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// suiteBundle is the policy that the suite's requests are for.
func suiteBundle(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
routes:
  - {match: "/", signed_in: true}
  - {match: "/public", public: true}
  - {match: "/public/", public: true}
  - {match: "/health", public: true}
  - {match: "GET /reports/{id}", require: {permission: "org:reports:read"}}
  - {match: "/reports/{id}", require: {permission: "org:reports:write"}}
  - {match: "/admin", require: {role: owner}}
  - {match: "/admin/", require: {role: owner}}
  - {match: "/hidden", require: {role: owner}, deny: {status: 404}}
  - {match: "/upgrade", require: {role: owner}, deny: {redirect: "/plans?from=upgrade"}}
`)
	// What costs more than the deadline, on request.
	write(t, dir, "extend.rego", `package postern.extend

deny contains "never" if {
	startswith(input.request.path, "/public/burn/")
	count([1 | some i in numbers.range(1, 3000); some j in numbers.range(1, 3000); i + j == 1]) > 0
}
`)
	return dir
}

// identityHeaders are those that the upstream is told who the session is by.
var identityHeaders = []string{"X-Postern-User", "X-Postern-Session", "X-Postern-Org", "X-Postern-Role", "X-Postern-Permissions"}

// identity is what the upstream was told, in the order of the headers.
func (e echo) identity() string {
	var all []string
	for _, name := range identityHeaders {
		all = append(all, e.header(name))
	}
	return strings.Join(all, " ")
}

const (
	nobody = "- - - - -"
	admin  = "user_1 sess_1 org_acme org:admin org:reports:export,org:reports:read"
)

// signIn is where the suite's Postern sends pages without a session.
const signIn = "https://accounts.example.com/sign-in"

// suite is what holds for every proxy.
func suite(t *testing.T, p proxy) {
	p.installed(t)
	t.Run("shared", func(t *testing.T) {
		s := play(t, p, setting{more: "sign_in_url: " + signIn})
		for _, test := range []struct {
			name string
			run  func(*testing.T, *scene)
		}{
			{"identity", suiteIdentity}, {"spoofed", suiteSpoofed}, {"denied", suiteDenied}, {"sign-in", suiteSignIn},
			{"cookie", suiteCookie}, {"methods", suiteMethods}, {"bodies", suiteBodies}, {"keep-alive", suiteKeepAlive},
			{"paths", suitePaths}, {"upgrade", suiteUpgrade},
		} {
			t.Run(test.name, func(t *testing.T) {
				in := *s
				in.t = t
				test.run(t, &in)
			})
		}
	})
	t.Run("stopped", func(t *testing.T) { suiteStopped(t, p) })
	t.Run("slow", func(t *testing.T) { suiteSlow(t, p) })
	t.Run("in time", func(t *testing.T) { suiteInTime(t, p) })
	t.Run("frozen", func(t *testing.T) { suiteFrozen(t, p) })
	t.Run("reload", func(t *testing.T) { suiteReload(t, p) })
}

func suiteIdentity(t *testing.T, s *scene) {
	f := func(want, target string, headers ...string) {
		t.Helper()
		a := s.expect(200, "GET", target, headers...)
		if got := a.identity(); got != want {
			t.Errorf("GET %s: the upstream is told %q, want %q", target, got, want)
		}
		if a.URI != target || a.Host != "app.example" {
			t.Errorf("GET %s: the upstream saw %s of %s", target, a.URI, a.Host)
		}
	}
	f(nobody, "/public/x")
	f(admin, "/public/x", bearer(sign(t, nil))...)
	f(admin, "/reports/7?a=b&c=%2F..", bearer(sign(t, nil))...)
	f("user_2 sess_2 - - -", "/health", bearer(sign(t, map[string]any{"sub": "user_2", "sid": "sess_2", "o": nil, "fea": nil, "pla": nil}))...)
	// A value can neither end a header nor begin another.
	f("user%2C%0D%0AX-Postern-Role:%20owner sess_1 org_acme org:admin org:reports:export,org:reports:read", "/public/x",
		bearer(sign(t, map[string]any{"sub": "user,\r\nX-Postern-Role: owner"}))...)
	// Where there is no session, for whatever reason, there is nobody.
	f(nobody, "/public/x", "Authorization", "Bearer x.y.z")
	f(nobody, "/public/x", bearer(sign(t, map[string]any{"exp": 1000000000}))...)
}

// suiteSpoofed: what a client says of itself never arrives.
func suiteSpoofed(t *testing.T, s *scene) {
	var forged []string
	for _, name := range identityHeaders {
		forged = append(forged, name, "forged")
	}
	if got := s.expect(200, "GET", "/public/x", forged...).identity(); got != nobody {
		t.Errorf("without a session: the upstream is told %q", got)
	}
	if got := s.expect(200, "GET", "/public/x", bearer(sign(t, nil), forged...)...).identity(); got != admin {
		t.Errorf("with a session: the upstream is told %q", got)
	}
	personal := sign(t, map[string]any{"o": nil, "fea": nil, "pla": nil})
	if got := s.expect(200, "GET", "/public/x", bearer(personal, forged...)...).identity(); got != "user_1 sess_1 - - -" {
		t.Errorf("with a session that has no organization: the upstream is told %q", got)
	}
	// Any case, and twice.
	for _, headers := range []string{"x-postern-user: forged\r\n", "X-POSTERN-USER: forged\r\nx-postern-user: forged\r\n", "x-Postern-Role: owner\r\n", "X-Postern-User:\r\n"} {
		s.oneRaw("GET /public/x HTTP/1.1\r\n"+headers, func(a answer) {
			if a.Code == 200 && strings.ReplaceAll(a.identity(), " ", "") != strings.ReplaceAll(nobody, " ", "") {
				t.Errorf("%q: the upstream is told %q", headers, a.identity())
			}
		})
	}
	// Twins and what would have ours dropped: refused, or gone.
	for _, headers := range []string{
		"X_Postern_User: forged\r\n", "X-Postern_User: forged\r\n", "x_postern-role: owner\r\n", "X.Postern.User: forged\r\n",
		"Connection: x-postern-user\r\n", "Connection: close, X-Postern-Role\r\n", "Connection: x-postern-user\r\nX-Postern-User: forged\r\n",
	} {
		for _, more := range []string{"", "Authorization: Bearer " + sign(t, nil) + "\r\n"} {
			want := nobody
			if more != "" {
				want = admin
			}
			s.oneRaw("GET /public/x HTTP/1.1\r\n"+headers+more, func(a answer) {
				if a.Code/100 != 2 {
					return
				}
				if a.identity() != want {
					t.Errorf("%q: the upstream is told %q, want %q", headers, a.identity(), want)
				}
				for _, named := range a.echo.Header["Connection"] {
					if strings.Contains(strings.ToLower(named), "x-postern") {
						t.Errorf("%q: the upstream was sent Connection: %s, and may hand on none of it", headers, named)
					}
				}
				for name := range a.echo.Header {
					flat := strings.NewReplacer("_", "-", ".", "-").Replace(name)
					if strings.HasPrefix(strings.ToLower(flat), "x-postern-") && !slices.Contains(identityHeaders, name) {
						t.Errorf("%q: the upstream was sent %s", headers, name)
					}
				}
			})
		}
	}
}

// suiteUpgrade: an upgrade to HTTP/2 never reaches the upstream, which could make a tunnel of
// the connection that nobody is asked about. One to WebSocket is the upstream's affair.
func suiteUpgrade(t *testing.T, s *scene) {
	for _, headers := range []string{
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
		"Connection: upgrade\r\nUpgrade: websocket, H2C\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
	} {
		s.oneRaw("GET /public/x HTTP/1.1\r\n"+headers, func(a answer) {
			if a.Code == 101 {
				t.Errorf("%q: there is a tunnel", headers)
			}
			for _, to := range a.echo.Header["Upgrade"] {
				if strings.Contains(strings.ToLower(to), "h2c") {
					t.Errorf("%q: the upstream was sent Upgrade: %s", headers, to)
				}
			}
		})
	}
}

// oneRaw sends one request, all but its Host, and looks at the one answer, if there is any.
func (s *scene) oneRaw(head string, look func(answer)) {
	s.t.Helper()
	if !strings.Contains(strings.ToLower(head), "connection:") {
		head += "Connection: close\r\n"
	}
	all, err := s.raw(1, head+"Host: app.example\r\n\r\n")
	if err == nil && len(all) == 1 {
		look(all[0]) // else it was hung up on
	}
}

func suiteDenied(t *testing.T, s *scene) {
	good, owner := sign(t, nil), sign(t, organization("org_acme", "owner"))
	a := s.expect(401, "GET", "/reports/7")
	if got := a.Header.Values("Www-Authenticate"); len(got) != 1 || got[0] != "Bearer" {
		t.Errorf("401 with WWW-Authenticate %q, want one that is Bearer", got)
	}
	s.expect(401, "GET", "/admin/x")
	s.expect(401, "GET", "/reports/7", "Authorization", "Bearer x.y.z")
	s.expect(401, "GET", "/reports/7", bearer(sign(t, map[string]any{"exp": 1000000000}))...)
	// Some proxies refuse a second Authorization by themselves.
	if a := s.do("GET", "/reports/7", "", "Authorization", "Bearer "+good, "Authorization", "Bearer "+owner); a.Code != 401 && a.Code != 400 {
		t.Errorf("two credentials: %d, want 401 or 400", a.Code)
	}
	a = s.expect(403, "POST", "/reports/7", bearer(good)...)
	if strings.Contains(a.Body, "org:reports:write") || a.Header.Get("Www-Authenticate") != "" {
		t.Errorf("403 tells %q, WWW-Authenticate %q", a.Body, a.Header.Get("Www-Authenticate"))
	}
	s.expect(403, "GET", "/admin/x", bearer(good)...)
	s.expect(200, "GET", "/admin/x", bearer(owner)...)

	notFound := 404
	if s.proxy.plainDenials {
		notFound = 403
	}
	s.expect(notFound, "GET", "/hidden", bearer(good)...)
	s.expect(401, "GET", "/hidden")
	a = s.expect(302, "GET", "/upgrade", bearer(good)...)
	if got := a.Header.Get("Location"); !strings.HasSuffix(got, "/plans?from=upgrade") {
		t.Errorf("Location: %q, want /plans?from=upgrade", got)
	}
}

// suiteSignIn: pages are sent to sign in, and back; others are told 401.
func suiteSignIn(t *testing.T, s *scene) {
	page := []string{"Accept", "text/html,application/xhtml+xml", "Sec-Fetch-Dest", "document", "Sec-Fetch-Mode", "navigate"}
	a := s.expect(302, "GET", "/reports/7?a=b", page...)
	to, err := url.Parse(a.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(to.String(), signIn) {
		t.Fatalf("Location: %q, %v", a.Header.Get("Location"), err)
	}
	// Where the proxy does not say its scheme, https is taken for it.
	if back := to.Query().Get("redirect_url"); back != "http://app.example/reports/7?a=b" && back != "https://app.example/reports/7?a=b" {
		t.Errorf("redirect_url: %q of %s", back, to)
	}
	if cache := a.Header.Get("Cache-Control"); !strings.Contains(cache, "no-store") && !s.proxy.plainDenials {
		t.Errorf("Cache-Control of a redirect: %q, want no-store", cache)
	}
	s.expect(302, "GET", "/reports/7", append(page, bearer(sign(t, map[string]any{"exp": 1000000000}))...)...)
	s.expect(401, "GET", "/reports/7", "Accept", "application/json")
	// What was posted cannot be posted again from there.
	if got := s.expect(302, "POST", "/reports/7", page...).Header.Get("Location"); got != signIn {
		t.Errorf("Location of a POST: %q, want %q", got, signIn)
	}
	s.expect(403, "GET", "/admin/x", append(page, bearer(sign(t, nil))...)...)
	s.expect(200, "GET", "/public/x", page...)
}

func suiteCookie(t *testing.T, s *scene) {
	good, other := sign(t, nil), sign(t, map[string]any{"sub": "user_2"})
	f := func(want int, headers ...string) {
		t.Helper()
		a := s.expect(want, "GET", "/reports/7", headers...)
		if want == 200 && a.identity() != admin {
			t.Errorf("the upstream is told %q, want %q", a.identity(), admin)
		}
	}
	f(200, "Cookie", "__session="+good)
	f(200, "Cookie", "a=b; __session="+good+"; c=d")
	f(401, "Cookie", "__session=x.y.z")
	f(401, "Cookie", "__session="+good+"; __session="+other)
	f(401, "Cookie", "__session="+good, "Authorization", "Bearer x.y.z")
	f(200, "Cookie", "__session=x.y.z", "Authorization", "Bearer "+good)
}

func suiteMethods(t *testing.T, s *scene) {
	good, owner := sign(t, nil), sign(t, organization("org_acme", "owner"))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		a := s.expect(200, method, "/public/x")
		if method != "HEAD" && a.Method != method {
			t.Errorf("%s arrives as %s", method, a.Method)
		}
		s.expect(401, method, "/admin/x")
		s.expect(403, method, "/admin/x", bearer(good)...)
		s.expect(200, method, "/admin/x", bearer(owner)...)
		want := 403
		if method == "GET" || method == "HEAD" {
			want = 200
		}
		s.expect(want, method, "/reports/7", bearer(good)...)
		s.expect(want, method, "/reports/7", bearer(good, "X-Http-Method-Override", "GET", "X-Forwarded-Method", "GET", "X-Original-Method", "GET")...)
	}
	// What a client says of another path chooses nothing.
	for _, name := range []string{
		"X-Forwarded-Uri", "X-Original-Uri", "X-Original-Url", "X-Rewrite-Url", "X-Forwarded-Path", "X-Envoy-Original-Path", "X_Forwarded_Uri", "X_Original_Uri",
	} {
		for _, value := range []string{"/public/x", "http://app.example/public/x"} {
			want := 401
			if strings.Contains(name, "_") && s.proxy.refusesUnderscores {
				want = 400
			}
			s.expect(want, "GET", "/reports/7", name, value)
		}
	}
	s.expect(401, "GET", "/reports/7", "Connection", "X-Forwarded-Uri, X-Original-Uri, X-Forwarded-Method")
	a := s.do("GET", "/reports/7", "", "Connection", "authorization, cookie", "Authorization", "Bearer "+good)
	if a.Code != 200 && a.Code/100 != 4 || a.Code == http.StatusOK && a.identity() != admin {
		t.Errorf("Connection: authorization: %d %s", a.Code, a.identity())
	}
}
