package request

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// TestReaders: a request is the same by whichever proxy it is described, as far as the proxy
// says anything.
func TestReaders(t *testing.T) {
	for _, q := range []struct{ method, scheme, host, target string }{
		{"GET", "https", "app.example", "/"},
		{"POST", "http", "App.Example:8443", "/a/b%20c?d=e&f=%2F"},
		{"M-SEARCH", "https", "app.example.", "/a/?"},
		{"OPTIONS", "https", "[::1]:443", "/caf%C3%A9?x?y"},
		{"DELETE", "ws", "a_b.internal", "/ext_authz/a"},
	} {
		want := Proxied{Method: q.method, Scheme: q.scheme, Authority: q.host}
		var err error
		if want.Host, err = NormalHost(q.host); err != nil {
			t.Fatal(err)
		}
		if want.Target, err = ParseTarget(q.target); err != nil {
			t.Fatal(err)
		}
		for name, read := range readers {
			got, err := read(t, q.method, q.scheme, q.host, q.target, "X-A: b", "x-a: c", "Accept: */*")
			if err != nil {
				t.Errorf("%s: %+v: %v", name, q, err)
				continue
			}
			says := want
			if name == "ext_authz" || name == "auth-request" {
				says.Scheme = ""
			}
			if name == "auth-request" {
				says.Host, says.Authority = "", ""
			}
			line := func(p Proxied) string {
				return fmt.Sprintf("%s %q %q %q %+v", p.Method, p.Scheme, p.Host, p.Authority, p.Target)
			}
			if line(got) != line(says) {
				t.Errorf("%s: %s, want %s", name, line(got), line(says))
			}
			if headers := got.Headers(); !maps.Equal(headers, map[string]string{"x-a": "b,c", "accept": "*/*"}) {
				t.Errorf("%s: headers %v", name, headers)
			}
			if got.Body != nil || (got.Envoy != nil) != strings.HasPrefix(name, "gRPC") {
				t.Errorf("%s: body %v, envoy %v", name, got.Body, got.Envoy)
			}
		}
	}
}

// TestReaders_refuse: what is no request is none by any proxy's word.
func TestReaders_refuse(t *testing.T) {
	f := func(method, scheme, host, target string, except ...string) {
		t.Helper()
		for name, read := range readers {
			if slices.Contains(except, name) {
				continue
			}
			var ambiguous AmbiguousPath
			if p, err := read(t, method, scheme, host, target); err == nil || errors.As(err, &ambiguous) {
				t.Errorf("%s: %s %s://%q%s is read as %s %q %q, %v", name, method, scheme, host, target, p.Method, p.Host, p.Target.Path, err)
			}
		}
	}
	for _, method := range []string{"", "get", "Get", "GET, POST", "GET,POST", "G T", "G\tT", "PRI", "CONNECT", "-", "G1", strings.Repeat("A", 33)} {
		f(method, "https", "app.example", "/a")
	}
	for _, scheme := range []string{"javascript", "HTTPS", "https, http", "https,https", "ftp", "https:"} {
		f("GET", scheme, "app.example", "/a", "ext_authz", "auth-request")
	}
	for _, host := range []string{
		"a b", "user@app.example", "user:pass@app.example", "app.example:", "app.example:0", "app.example:99999", "app.example:a", "app.example:80:80", "..", "a..b", ".",
		"a,b", "a, b", "é.example", "a%2eb", "[::1", "[::1%25eth0]", "[127.0.0.1]", "::1", "a\\b", "a\x00b", "a/../b@c", strings.Repeat("a", 254),
	} {
		if !strings.ContainsAny(host, "/") {
			f("GET", "https", host, "/a", "auth-request")
		} else {
			f("GET", "https", host, "/a", "auth-request", "auth-request by URL") // a path there
		}
	}
}

// TestReaders_foreign: a door reads what its own proxy sends, and nothing else.
func TestReaders_foreign(t *testing.T) {
	all := []string{
		"X-Forwarded-Method: DELETE", "X-Forwarded-Uri: /evil", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: ftp",
		"X_Forwarded_Method: DELETE", "X_Forwarded_Uri: /evil", "X-Forwarded_Uri: /evil", "X.Forwarded.Uri: /evil",
		"X-Original-Method: DELETE", "X-Original-URI: /evil", "X-Original-URL: https://evil.example/evil",
		"X_Original_Method: DELETE", "X_Original_URI: /evil", "X-Original_URL: https://evil.example/evil",
		"X-Rewrite-Url: /evil", "X-Forwarded-Path: /evil", "X-Forwarded-Prefix: /evil", "X-Envoy-Original-Path: /evil", "Forwarded: host=evil.example",
		"X-Http-Method-Override: DELETE", "X-Method-Override: DELETE", "User-Agent: GoogleHC/1.0",
	}
	own := map[string]string{"forward-auth": "X-Forwarded-", "auth-request": "X-Original-", "auth-request by URL": "X-Original-"}
	for name, read := range readers {
		for _, line := range all {
			p, err := read(t, "GET", "https", "app.example", "/a", line)
			key, _, _ := strings.Cut(line, ":")
			mine := own[name] != "" && strings.HasPrefix(line, own[name]) && !strings.Contains(key, "_") && !strings.HasSuffix(key, "Path") && !strings.HasSuffix(key, "Prefix")
			if (err != nil) != mine {
				t.Errorf("%s: with %s: %v", name, line, err)
			}
			if err == nil && (p.Method != "GET" || p.Target.Path != "/a" || p.Host != "app.example" && p.Host != "") {
				t.Errorf("%s: with %s: %s %q %q", name, line, p.Method, p.Host, p.Target.Path)
			}
		}
	}
}

// TestReadForwardAuth: each header counts once, in any case.
func TestReadForwardAuth(t *testing.T) {
	base := []string{"X-Forwarded-Method: GET", "X-Forwarded-Uri: /a", "X-Forwarded-Host: app.example", "X-Forwarded-Proto: https"}
	f := func(path string, lines ...string) {
		t.Helper()
		r, err := wire("GET", "/forward-auth?x=/evil", slices.Concat(lines, []string{"Host: postern"})...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := filled(ReadForwardAuth, r)
		if p.Target.Path != path || (err == nil) != (path != "") {
			t.Errorf("%q: %q, %v; want %q", lines, p.Target.Path, err, path)
		}
	}
	f("/a", base...)
	f("/a", base[:2]...)
	f("/a", "x-forwarded-method: GET", "X-FORWARDED-URI: /a")
	f("/a", "X-Forwarded-Method: GET", "X-Forwarded-Uri:  /a  ", "X-Forwarded-Host:", "X-Forwarded-Proto:")
	f("", base[1:]...)
	f("", base[0], base[2], base[3])
	f("", base[0], "X-Forwarded-Uri:")
	f("", base[0], "X-Forwarded-Uri: ,/a")
	f("", "X-Forwarded-Method:", base[1])
	for _, line := range base {
		f("", append(slices.Clone(base), line)...)
		f("", append(slices.Clone(base), strings.ToLower(line))...)
		name, _, _ := strings.Cut(line, ":")
		f("", append(slices.Clone(base), name+":")...)
	}
}

func TestReadAuthRequest(t *testing.T) {
	f := func(want string, lines ...string) {
		t.Helper()
		r, err := wire("GET", "/auth-request", slices.Concat(lines, []string{"Host: postern", "X-Original-Method: GET"})...)
		if err != nil {
			t.Fatal(err)
		}
		p, err := filled(ReadAuthRequest, r)
		if got := p.Scheme + " " + p.Host + " " + p.Target.Path; err == nil && got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", lines, got, err, want)
		}
	}
	f("  /a", "X-Original-URI: /a?b")
	f("  /a", "x-original-uri: /a")
	f("https app.example /a", "X-Original-URL: https://app.example/a")
	f("http app.example /a", "X-Original-URL: http://App.Example:8080/a?u=http://x/y")
	f("https [::1] /", "X-Original-URL: https://[::1]:8443/")
	f("")
	f("", "X-Original-URI:")
	f("", "X-Original-URL:")
	f("", "X-Original-URI: /a", "X-Original-URL: https://app.example/a")
	f("", "X-Original-URI: /a", "X-Original-URL:")
	f("", "X-Original-URI:", "X-Original-URL: https://app.example/a")
	f("", "X-Original-URI: /a", "X-Original-URI: /a")
	f("", "X-Original-URI: /a", "x-original-uri:")
	f("", "X-Original-URL: https://app.example/a", "X-ORIGINAL-URL: https://app.example/a")
	f("", "X-Original-URI: /a", "X-Original-Method: GET")
	for _, url := range []string{
		"https://app.example", "https://app.example?x", "https://app.example#/a", "https://app.example/a#b", "https:///a", "https://", "://a/b", "//app.example/a", "/a", "app.example/a",
		"https:/app.example/a", `https:\\app.example\a`, `https://evil\@app.example/a`, "https://user@app.example/a", "https://app.example:x/a", "https://app.example//a", "https://app.example/../a",
		"https://a/b?c,https://a/d", "https://a/b,https://a/d", "/x?u=https://app.example/a", "HTTPS://app.example/a", "https://é.example/a",
	} {
		f("", "X-Original-URL: "+url)
	}
}

// TestReadExtAuthz: what stands behind the prefix is the target, and nothing else is.
func TestReadExtAuthz(t *testing.T) {
	f := func(target, path string) {
		t.Helper()
		r, err := wire("GET", target, "Host: app.example")
		if err != nil {
			if path != "" {
				t.Errorf("%q: %v", target, err)
			}
			return
		}
		p, err := filled(ReadExtAuthz, r)
		if p.Target.Path != path || (err == nil) != (path != "") {
			t.Errorf("%q: %q, %v; want %q", target, p.Target.Path, err, path)
		}
	}
	f("/ext_authz/", "/")
	f("/ext_authz/a?b", "/a")
	f("/ext_authz/ext_authz/a", "/ext_authz/a")
	for _, target := range []string{
		"/ext_authz", "/ext_authz?/a", "/ext_authz?x", "/ext_authzx", "/ext_authzx/a", "/ext_authz//a", "/ext_authz#/a", "/ext_authz;/a", "/ext_authz%2fa", "/ext%5fauthz/a", "/EXT_AUTHZ/a",
		"/a", "/", "*", "//ext_authz/a", "/ext_authz/../a", "/a/../ext_authz/a", "/./ext_authz/a", "http://app.example/ext_authz/a", "http://evil/a", "/ext_authz/http://app.example/a",
	} {
		f(target, "")
	}
	if r, err := wire("GET", "/ext_authz/a", "Host:"); err == nil {
		if _, err = filled(ReadExtAuthz, r); err == nil {
			t.Error("a request without a host is read")
		}
	}
}

// TestReaders_folded: a header in several lines is none, by itself or beside another.
func TestReaders_folded(t *testing.T) {
	for _, lines := range []string{
		"X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /a\r\n :b\r\n",
		"X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /a\r\n\tb\r\n",
		"X-Forwarded-Uri: /a\r\nX-Forwarded-Method: GET\r\nX-B: c\r\n d: e\r\n",
	} {
		var r fasthttp.Request
		if err := r.Header.Read(bufio.NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"))); err != nil {
			t.Fatal(err)
		}
		if p, err := filled(ReadForwardAuth, &r); err == nil {
			t.Errorf("%q is read as %q", lines, p.Target.Path)
		}
	}
}
