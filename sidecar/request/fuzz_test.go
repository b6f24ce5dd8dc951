package request

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/proto"
)

// served are upstreams by what they make of a raw target. The last ones rewrite or redirect
// what they hold to be a path in another form than its own.
var served = map[string]func(raw string) string{
	"net/url": func(raw string) string {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			return err.Error()
		}
		return u.Path
	},
	"fasthttp": func(raw string) string {
		var u fasthttp.URI
		if err := u.Parse([]byte("app.example"), []byte(raw)); err != nil {
			return err.Error()
		}
		return string(u.Path())
	},
	"path.Clean": func(raw string) string {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			return err.Error()
		}
		clean := path.Clean(u.Path)
		if strings.HasSuffix(u.Path, "/") && clean != "/" {
			clean += "/"
		}
		return clean
	},
	"http.ServeMux": func(raw string) string {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			return err.Error()
		}
		saw := "another handler"
		mux := http.NewServeMux()
		mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { saw = r.URL.Path })
		mux.ServeHTTP(httptest.NewRecorder(), &http.Request{Method: "GET", URL: u, Host: "app.example", RequestURI: raw})
		return saw
	},
}

// FuzzParseTarget: the path that policy decides on is the path that upstreams serve, and it
// is in its plain form: encoded again it is read as the same.
func FuzzParseTarget(f *testing.F) {
	for _, v := range vectors(f) {
		if len(v.Raw) < 1000 { // the long ones only make it slow
			f.Add(v.Raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := ParseTarget(raw)
		if err != nil {
			return
		}
		for name, path := range served {
			if path := path(raw); path != got.Path {
				t.Errorf("ParseTarget(%q) = %q; %s serves %q", raw, got.Path, name, path)
			}
		}
		plain := (&url.URL{Path: got.Path}).EscapedPath()
		if len(plain) > maxTarget {
			return
		}
		again, err := ParseTarget(plain)
		if err != nil || again.Path != got.Path {
			t.Errorf("ParseTarget(%q) = %q; encoded again %q, %v", raw, got.Path, again.Path, err)
		}
		if err := CheckPath(got.Path); err != nil {
			t.Errorf("CheckPath(%q) = %v", got.Path, err)
		}
		if got.Path != "/" && "/"+strings.Join(got.Segments(), "/") != got.Path {
			t.Errorf("segments of %q: %q", got.Path, got.Segments())
		}
	})
}

// sound checks what holds of every request that is read, and that nothing made of one
// panics.
func sound(t *testing.T, p Proxied, err error) {
	t.Helper()
	c := p.Credential([]string{"__session"})
	if (c.Token == "") == (c.Code == "") {
		t.Errorf("credential %+v", c)
	}
	_ = p.CheckIdentity([]string{"x-postern-user"})
	for name := range p.Headers() {
		if name == "authorization" || name == "cookie" || strings.HasPrefix(name, ":") {
			t.Errorf("the headers have %q", name)
		}
	}
	if err != nil {
		return
	}
	if !IsMethod(p.Method) {
		t.Errorf("method %q", p.Method)
	}
	if again, err := ParseTarget(p.Target.Raw); err != nil || again != p.Target {
		t.Errorf("target %+v; read again %+v, %v", p.Target, again, err)
	}
	if p.Authority != "" {
		if host, err := NormalHost(p.Authority); err != nil || host != p.Host {
			t.Errorf("host %q of %q, %v", p.Host, p.Authority, err)
		}
	}
}

// FuzzReadCheckRequest reads any message.
func FuzzReadCheckRequest(f *testing.F) {
	for _, v := range vectors(f) {
		for _, r := range []*authv3.CheckRequest{
			check("GET", "https", "app.example", v.Raw, "Authorization: Bearer a.b.c", "Cookie: __session=a"),
			rawCheck("POST", "http", "app.example:80", v.Raw, "X_Postern_User: root", "X-Envoy-Auth-Partial-Body: true"),
		} {
			if raw, err := proto.Marshal(r); err == nil && len(raw) < 1000 {
				f.Add(raw)
			}
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var r authv3.CheckRequest
		if proto.Unmarshal(raw, &r) != nil {
			return
		}
		p, err := filled(ReadCheckRequest, &r)
		sound(t, p, err)
		h := r.GetAttributes().GetRequest().GetHttp()
		if err == nil && (p.Method != h.GetMethod() || p.Target.Raw != h.GetPath()) {
			t.Errorf("%s %q is read as %s %q", h.GetMethod(), h.GetPath(), p.Method, p.Target.Raw)
		}
	})
}

// FuzzHeaders reads any headers at the doors that are told of a request by them. Whatever is
// taken, another reader finds once.
func FuzzHeaders(f *testing.F) {
	f.Add("X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /a\r\n")
	f.Add("X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /a\r\nx-forwarded-uri: /b\r\nX_Forwarded_Uri: /c\r\n")
	f.Add("X-Original-Method: GET\r\nX-Original-URI: /a?b\r\nCookie: __session=a, b=c\r\n")
	f.Add("X-Original-Method: GET\r\nX-Original-URL: https://a.example:8443/b\r\nConnection: x-postern-user\r\n")
	f.Add("X-Original-Method: GET\r\nX-Original-URL: https://a/b\r\nX-Original-URI: /b\r\n")
	f.Add("X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /a\r\n /b\r\n")
	f.Add("Authorization: Bearer a\r\nAuthorization: Bearer a\r\nX.Postern.User: root\r\n")
	f.Fuzz(func(t *testing.T, lines string) {
		text := "GET /ext_authz/x HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"
		var r fasthttp.Request
		if r.Header.Read(bufio.NewReaderSize(strings.NewReader(text), 64<<10)) != nil {
			return
		}
		other, otherErr := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		once := func(err error, want string, names ...string) {
			t.Helper()
			if err != nil || otherErr != nil {
				return
			}
			var all []string
			for _, name := range names {
				all = append(all, other.Header.Values(name)...)
			}
			if len(all) != 1 || all[0] != want && !strings.HasSuffix(all[0], "://"+want) {
				t.Errorf("%q is read as %q", lines, want)
			}
		}
		p, err := filled(ReadForwardAuth, &r)
		sound(t, p, err)
		once(err, p.Target.Raw, "X-Forwarded-Uri")
		once(err, p.Method, "X-Forwarded-Method")
		p, err = filled(ReadAuthRequest, &r)
		sound(t, p, err)
		once(err, p.Authority+p.Target.Raw, "X-Original-Uri", "X-Original-Url")
		once(err, p.Method, "X-Original-Method")
		p, err = filled(ReadExtAuthz, &r)
		sound(t, p, err)
		var ambiguous AmbiguousPath
		if errors.As(err, &ambiguous) || err == nil && p.Target.Raw != "/x" {
			t.Errorf("%q makes the target %q, %v", lines, p.Target.Raw, err)
		}
	})
}
