package request

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// everything is all that a request says, as text.
func everything(p *Proxied) string {
	fields := ""
	for name, value := range p.Fields {
		fields += name + "=" + value + "\n"
	}
	return fmt.Sprintf("%s %s %s %s %s %+v %s %+v %v\n%s", p.Door, p.Method, p.Scheme, p.Host, p.Authority, p.Target, bodySays(p.Body), p.Credential(cookieNames), p.Envoy != nil, fields)
}

// TestProxied_Clone: a request changes with the memory that it was read from, and a clone of
// it does not.
func TestProxied_Clone(t *testing.T) {
	f := func(name string, read func(*Proxied, *fasthttp.Request) error, text, next string) {
		t.Helper()
		var r fasthttp.Request
		var p Proxied
		if err := r.Read(bufio.NewReader(strings.NewReader(text))); err != nil {
			t.Fatal(err)
		}
		if err := read(&p, &r); err != nil {
			t.Fatal(err)
		}
		before, clone := everything(&p), p.Clone()
		if got := everything(&clone); got != before {
			t.Errorf("%s: cloned as %s, want %s", name, got, before)
		}
		if err := r.Read(bufio.NewReader(strings.NewReader(next))); err != nil {
			t.Fatal(err)
		}
		if everything(&p) == before {
			t.Errorf("%s: nothing has changed, so that this tests nothing", name)
		}
		p.Reset()
		if got := everything(&clone); got != before {
			t.Errorf("%s: the clone became %s, was %s", name, got, before)
		}
	}
	const common = "Authorization: Bearer a.b.c\r\nX-Envoy-Auth-Partial-Body: false\r\nContent-Length: 3\r\n\r\nabc"
	const others = "Authorization: Basic  x.y.z\r\nX-Envoy-Auth-Partial-Bady: fulse\r\nContent-Length: 3\r\n\r\nxyz"
	f("ext_authz", ReadExtAuthz, "PUT /ext_authz/a/b?c HTTP/1.1\r\nHost: app.example\r\n"+common, "GET /ext_authz/d/e?f HTTP/1.1\r\nHost: new.example\r\n"+others)
	f("forward-auth", ReadForwardAuth,
		"PUT / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: PUT\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: app.example:443\r\nX-Forwarded-Uri: /a/b?c\r\n"+common,
		"PUT / HTTP/1.1\r\nHost: b\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Proto: wssss\r\nX-Forwarded-Host: new.example:123\r\nX-Forwarded-Uri: /d/e?f\r\n"+others)
	f("auth-request", ReadAuthRequest,
		"PUT / HTTP/1.1\r\nHost: a\r\nX-Original-Method: PUT\r\nX-Original-URL: https://app.example/a/b?c\r\n"+common,
		"PUT / HTTP/1.1\r\nHost: b\r\nX-Original-Method: GET\r\nX-Original-URL: httpx://new.example/d/e?f\r\n"+others)
}

// TestProxied_WithField: two that were made of one do not share what was added.
func TestProxied_WithField(t *testing.T) {
	p := withFields("A", "a")
	whole := p.WithField("B", "b")
	if _ = p.WithField("B", "c"); whole.Headers()["b"] != "b" {
		t.Errorf("the headers became %v", whole.Headers())
	}
}

// TestReaders_again: nothing of a request is left when the next one is read in its place,
// whatever became of either.
func TestReaders_again(t *testing.T) {
	folded := &fasthttp.Request{}
	if err := folded.Header.Read(bufio.NewReader(strings.NewReader("GET /ext_authz/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nX-A: b\r\n c\r\n\r\n"))); err != nil {
		t.Fatal(err)
	}
	body := everydayRequest(t, "/ext_authz/x", "X-Envoy-Auth-Partial-Body: false")
	body.SetBodyString("abc")
	posted := rawCheck("POST", "https", "a", "/p?q", "Authorization: Bearer x")
	posted.Attributes.Request.Http.RawBody = []byte("abc")
	reads := []func(p *Proxied) error{
		func(p *Proxied) error { return ReadExtAuthz(p, everydayRequest(t, "/ext_authz"+everydayTarget)) },
		func(p *Proxied) error { return ReadExtAuthz(p, everydayRequest(t, "/other")) },
		func(p *Proxied) error { return ReadExtAuthz(p, folded) },
		func(p *Proxied) error { return ReadExtAuthz(p, body) },
		func(p *Proxied) error { return ReadForwardAuth(p, everydayRequest(t, "/", everydayForwarded...)) },
		func(p *Proxied) error { return ReadForwardAuth(p, everydayRequest(t, "/", everydayForwarded[:3]...)) },
		func(p *Proxied) error { return ReadForwardAuth(p, folded) },
		func(p *Proxied) error { return ReadAuthRequest(p, everydayRequest(t, "/", everydayOriginal...)) },
		func(p *Proxied) error { return ReadAuthRequest(p, everydayRequest(t, "/", everydayOriginal[:1]...)) },
		func(p *Proxied) error { return ReadCheckRequest(p, check("GET", "", "", "/")) },
		func(p *Proxied) error { return ReadCheckRequest(p, posted) },
		func(p *Proxied) error { return ReadCheckRequest(p, nil) },
		func(p *Proxied) error { p.Reset(); return nil },
	}
	for _, first := range reads {
		for i, second := range reads {
			var p, fresh Proxied
			_ = first(&p)
			err, want := second(&p), second(&fresh)
			if got, want := words(err)+everything(&p), words(want)+everything(&fresh); got != want {
				t.Errorf("reading %d into a used request: %s, want %s", i, got, want)
			}
			p.Reset()
			for _, f := range p.fields[:cap(p.fields)] {
				if f != (field{}) {
					t.Fatalf("reading %d leaves %q behind", i, f)
				}
			}
		}
	}
	var p Proxied
	p.fields = make([]field, mostFields+1)
	if p.Reset(); cap(p.fields) > 0 {
		t.Errorf("room for %d fields is kept", cap(p.fields))
	}
}
