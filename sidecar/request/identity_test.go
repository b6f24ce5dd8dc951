package request

import (
	"strings"
	"testing"
)

var identityNames = []string{"x-postern-user", "x-postern-session", "x-postern-org", "x-postern-role", "x-postern-permissions"}

func TestCheckIdentity(t *testing.T) {
	f := func(good bool, lines ...string) {
		t.Helper()
		for name, read := range readers {
			p, err := read(t, "GET", "https", "app.example", "/a", lines...)
			if err != nil {
				t.Errorf("%s: %q: %v", name, lines, err)
				continue
			}
			if err := p.CheckIdentity(identityNames); (err == nil) != good {
				t.Errorf("%s: CheckIdentity with %q = %v", name, lines, err)
			}
		}
	}
	f(true)
	// Those of the very name are overwritten or removed.
	f(true, "X-Postern-User: root", "x-postern-user: root", "X-POSTERN-ROLE: admin")
	f(true, "X-Postern-Users: a", "X-Postern: a", "Postern-User: a", "X--Postern-User: a", "XPosternUser: a", "X-Postern-Usex: a", "Y-Postern-User: a")
	for _, name := range []string{
		"X_Postern_User", "x_postern_user", "X_POSTERN_USER", "X-Postern_User", "x_postern-user", "X.Postern.User", "X-Postern~User", "X!Postern-User", "x+postern|user",
		"X_Postern_Session", "x-postern_org", "x_postern-role", "X-Postern.Permissions",
	} {
		f(false, "Accept: */*", name+": root")
		f(false, name+":")
		f(false, "X-Postern-User: root", name+": root")
	}
	f(true, "Connection: close", "X-A: x-postern-user")
	f(true, "Connection: keep-alive, x-postern, x-postern-user-a, authorization")
	f(true, "Connection: x-postern-user y", "Keep-Alive: x-postern-user")
	for _, value := range []string{"x-postern-user", "X-Postern-User", "close, X-POSTERN-ROLE", "a,\tx-postern-org ,b", ",,x-postern-session", "x-postern-permissions,"} {
		f(false, "Connection: "+value)
		f(false, "connection: close", "CONNECTION: "+value)
	}
	if p, err := readers["gRPC"](t, "GET", "https", "a", "/", "x_postern_user: a"); err != nil || p.CheckIdentity(nil) != nil {
		t.Error("without identity headers there is nothing to forge")
	}
}

// TestProxied_memory: going through the headers of an ordinary request takes none.
func TestProxied_memory(t *testing.T) {
	lines := []string{"Connection: keep-alive, te", "Accept: */*", "X-Postern-User: me", "X-Request-Id: 1"}
	for range 20 {
		lines = append(lines, "X-Some-Header: "+strings.Repeat("x", 50))
	}
	for name, read := range readers {
		p, err := read(t, "GET", "https", "app.example", "/a", lines...)
		if err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if p.CheckIdentity(identityNames) != nil {
				t.Fatal("refused")
			}
		}); n > 0 {
			t.Errorf("%s: CheckIdentity allocates %v times", name, n)
		}
		if n := testing.AllocsPerRun(100, func() { p.Credential(cookieNames) }); n > 0 {
			t.Errorf("%s: Credential allocates %v times where there is none", name, n)
		}
		seen := 0
		if n := testing.AllocsPerRun(100, func() {
			for range p.Fields {
				seen++
			}
		}); n > 0 || seen == 0 {
			t.Errorf("%s: Fields allocates %v times", name, n)
		}
	}
}

var cookieNames = []string{"__session"}

// TestProxied_Credential: the same credential is found whichever way it came, and nothing
// that the check door would not have found.
func TestProxied_Credential(t *testing.T) {
	f := func(want, joined string, lines ...string) {
		t.Helper()
		for name, read := range readers {
			p, err := read(t, "GET", "https", "app.example", "/a", lines...)
			if err != nil {
				t.Errorf("%s: %q: %v", name, lines, err)
				continue
			}
			want := want
			if name == "gRPC" {
				want = joined // Envoy joins what is there several times
			}
			if got := p.Credential(cookieNames); got.Token+string(got.Code) != want {
				t.Errorf("%s: %q: %+v, want %s", name, lines, got, want)
			}
		}
		if got := FindCredential(header(t, lines...), cookieNames); got.Token+string(got.Code) != want {
			t.Errorf("FindCredential: %q: %+v, want %s", lines, got, want)
		}
	}
	const ambiguous, malformed, missing = "credentials_ambiguous", "token_malformed", "token_missing"
	f(missing, missing)
	f("a.b.c", "a.b.c", "Authorization: Bearer a.b.c")
	f("a.b.c", "a.b.c", "AUTHORIZATION: bearer a.b.c", "Cookie: __session=x.y.z")
	f("a.b.c", ambiguous, "Authorization: Bearer a.b.c", "authorization: Bearer a.b.c")
	f(ambiguous, ambiguous, "Authorization: Bearer a.b.c", "Authorization: Bearer a.b.d")
	f(ambiguous, ambiguous, "Authorization: Bearer a.b.c,Bearer a.b.d")
	f(ambiguous, malformed, "Authorization: Basic eDp5", "Authorization: Bearer a.b.c")
	f(missing, missing, "Proxy-Authorization: Bearer a.b.c", "X-Authorization: Bearer a.b.c")
	f("a.b.c", "a.b.c", "Cookie: x=1; __session=a.b.c; y")
	f("a.b.c", ambiguous, "Cookie: x=1", "Cookie: __session=a.b.c")
	f("a.b.c", ambiguous, "Cookie: __session=a.b.c", "Cookie: x=1")
	f("a.b.c", ambiguous, "Cookie: __session=a.b.c", "cookie: __session=a.b.c")
	f(ambiguous, ambiguous, "Cookie: __session=a.b.c", "Cookie: __session=a.b.d")
	f(ambiguous, ambiguous, "Cookie: __session=a.b.c, x=1")
	f(ambiguous, ambiguous, "Cookie: x=1,\t__session=a.b.c")
	f(ambiguous, ambiguous, "Cookie: x,__session=a.b.c; __session=a.b.c")
	f("a.b.c", "a.b.c", "Cookie: x=1,y=2; __session=a.b.c")
	// A value that is no cookie's by the letter counts all the same.
	f(ambiguous, ambiguous, `Cookie: __session="a b\"; __session=a.b.c`)
	f(`"a.b.c"`, `"a.b.c"`, `Cookie: __session="a.b.c"`)
	f(ambiguous, ambiguous, "Cookie: __session=; __session=a.b.c")
	f(missing, missing, "Cookie: __session", "X-Cookie: __session=a.b.c")
}

// TestProxied_CheckUpgrade: an upgrade to HTTP/2 would take what follows out of sight.
func TestProxied_CheckUpgrade(t *testing.T) {
	f := func(ok bool, values ...string) {
		t.Helper()
		p := Proxied{}
		for _, value := range values {
			p = p.WithField("uPgrade", value)
		}
		if err := p.CheckUpgrade(); (err == nil) != ok {
			t.Errorf("Upgrade: %q: %v, want it accepted: %v", values, err, ok)
		}
	}
	f(true)
	f(true, "")
	f(true, "websocket")
	f(true, "WebSocket", "TLS/1.0")
	f(false, "h2c")
	f(false, "H2C")
	f(false, "websocket, h2c")
	f(false, "websocket", " h2c/2 ")
}
