package server_test

import (
	"net/url"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// TestSignIn: a page without a session is sent to sign in and back, by every door, and
// nothing else is.
func TestSignIn(t *testing.T) {
	const page = "https://accounts.example.com/sign-in?theme=dark"
	s := start(t, standard(t, gated(t), "sign_in_url: "+page))
	client := authv3.NewAuthorizationClient(s.connect())
	// f wants a status, another at nginx, and where it leads.
	f := func(name, method, path string, status, nginx int, back string, headers ...string) {
		t.Helper()
		see := func(door string, code int, location string, want int, host string) {
			t.Helper()
			if code != want {
				t.Errorf("%s at %s: %d, want %d", name, door, code, want)
			}
			wanted := ""
			if status == 302 {
				wanted = page
				if back != "" && host != "" {
					wanted += "&redirect_url=" + url.QueryEscape("https://"+host+back)
				}
			}
			if location != wanted {
				t.Errorf("%s at %s: Location %q, want %q", name, door, location, wanted)
			}
		}
		a := s.do("GET", "/forward-auth", "", asked(method, path, headers...)...)
		see("forward-auth", a.Code, a.Header.Get("Location"), status, "App.Example:443")
		a = s.do("GET", "/auth-request", "", append([]string{"X-Original-Method", method, "X-Original-Url", "https://app.example" + path}, headers...)...)
		see("auth-request", a.Code, a.Header.Get("Location"), nginx, "app.example")
		if a.Code == 401 && !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s at auth-request: headers %v", name, a.Header)
		}
		a = s.do("GET", "/auth-request", "", append([]string{"X-Original-Method", method, "X-Original-Uri", path}, headers...)...)
		see("auth-request without a host", a.Code, a.Header.Get("Location"), nginx, "")
		a = s.do(method, "/ext_authz"+path, "", headers...)
		see("ext_authz", a.Code, a.Header.Get("Location"), status, strings.TrimPrefix(s.url, "http://"))
		lower := make([]string, len(headers))
		for i, h := range headers {
			lower[i] = h
			if i%2 == 0 {
				lower[i] = strings.ToLower(h)
			}
		}
		r, err := client.Check(soon(t), envoyAsks(method, path, lower...))
		if err != nil {
			t.Fatal(err)
		}
		location := ""
		for _, h := range r.GetDeniedResponse().GetHeaders() {
			switch h.GetHeader().GetKey() {
			case "location":
				location = h.GetHeader().GetValue()
			case "cache-control":
				if h.GetHeader().GetValue() != "no-store" {
					t.Errorf("%s: %v", name, h)
				}
			}
		}
		see("gRPC", int(r.GetDeniedResponse().GetStatus().GetCode()), location, status, "app.example")
	}
	html := []string{"Accept", "text/html,*/*;q=0.8"}
	good := []string{"Authorization", "Bearer " + sign(t, nil)}
	f("a page", "GET", "/reports/7?a=b&c=%2F", 302, 401, "/reports/7?a=b&c=%2F", html...)
	f("its head", "HEAD", "/reports/7", 302, 401, "/reports/7", html...)
	f("a navigation", "GET", "/reports/7", 302, 401, "/reports/7", "Sec-Fetch-Dest", "document")
	f("a form", "POST", "/owner", 302, 401, "", html...)
	f("a bad token", "GET", "/reports/7", 302, 401, "/reports/7", append(html, "Authorization", "Bearer x")...)
	f("a fetch", "GET", "/reports/7", 401, 401, "", "Accept", "application/json")
	f("a server action", "POST", "/owner", 401, 401, "", "Next-Url", "/owner", "Next-Action", "a")
	f("a bad path", "GET", "/public/../owner", 400, 403, "", html...)
	f("a page that may not", "POST", "/reports/7", 403, 403, "", append(html, good...)...)
	f("a long page", "GET", "/reports/7?"+strings.Repeat("a", 3000), 302, 401, "", html...)
	// A host that could end the header, or lead elsewhere, is none.
	for _, host := range []string{"a/b", "evil.example\\@app.example", "a@b", "a?b", "a#b", "a b"} {
		a := s.do("GET", "/forward-auth", "", "X-Forwarded-Method", "GET", "X-Forwarded-Uri", "/reports/7", "X-Forwarded-Host", host, "Accept", "text/html")
		if a.Code != 400 || a.Header.Get("Location") != "" {
			t.Errorf("host %q: %d, Location %q", host, a.Code, a.Header.Get("Location"))
		}
	}
}
