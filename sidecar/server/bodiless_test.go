package server_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// bodilessDoors are requests about a public path, less the end of their headers, at the
// doors that read no body.
func bodilessDoors() map[string]string {
	return map[string]string{
		"/forward-auth": " /forward-auth HTTP/1.1\r\nHost: postern\r\nX-Forwarded-Method: POST\r\nX-Forwarded-Uri: /public/x\r\n",
		"/auth-request": " /auth-request HTTP/1.1\r\nHost: postern\r\nX-Original-Method: POST\r\nX-Original-URI: /public/x\r\n",
	}
}

// TestBodiless: a body that is announced is not waited for, and not taken for another
// request where it comes.
func TestBodiless(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	for door, head := range bodilessDoors() {
		f := func(name, text, want string) {
			t.Helper()
			c := s.dial()
			began := time.Now()
			if _, err := io.WriteString(c, text); err != nil {
				t.Fatal(err)
			}
			if got := statuses(t, c, strings.HasPrefix(text, "HEAD")); got != want {
				t.Errorf("%s, %s: %s, want %s", door, name, got, want)
			}
			// Less than the time that a request may take to arrive, with the time that a
			// connection lingers.
			if took := time.Since(began); took > readTimeoutInTests-time.Second {
				t.Errorf("%s, %s: answered after %v", door, name, took)
			}
		}
		hidden := "GET" + head + "\r\n"
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"} {
			f(method+" without the body", method+head+"Content-Length: 1000\r\n\r\n", "200")
			f(method+" without the chunks", method+head+"Transfer-Encoding: chunked\r\n\r\n", "200")
			f(method+" in HTTP/1.0", strings.Replace(method+head, "1.1", "1.0", 1)+"Content-Length: 1000\r\n\r\n", "200")
			f(method+" that is told to go on", method+head+"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", "200")
		}
		f("with the body", "POST"+head+"Content-Length: 5\r\n\r\nhello", "200")
		f("with the chunks", "POST"+head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "200")
		f("a request in the body", fmt.Sprintf("POST%sContent-Length: %d\r\n\r\n%s", head, len(hidden), hidden), "200")
		f("requests behind the body", "POST"+head+"Content-Length: 5\r\n\r\nhello"+hidden+hidden, "200")
		f("a request in place of chunks", "POST"+head+"Transfer-Encoding: chunked\r\n\r\n"+hidden, "200")
		f("1 GiB", "POST"+head+"Content-Length: 1073741824\r\n\r\n", "200")
		f("both lengths", "POST"+head+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+hidden, refusal(door, 400))
		f("both lengths, the other way round", "POST"+head+"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"+hidden, refusal(door, 400))
		f("a length that is none", "POST"+head+"Content-Length: +5\r\n\r\nhello"+hidden, refusal(door, 400))
		// Without a body the connection goes on.
		f("two requests", "POST"+head+"\r\n"+"GET"+head+"Content-Length: 0\r\n\r\n"+"GET"+head+"Connection: close\r\n\r\n", "200, 200, 200")
	}
}

// TestBodiless_late: a body that is on its way does not reset the answer.
func TestBodiless_late(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	body := strings.Repeat("a", 300_000)
	for door, head := range bodilessDoors() {
		for range 20 { // an answer that a reset connection swallows is seen only sometimes
			c := s.dial()
			if _, err := io.WriteString(c, fmt.Sprintf("POST%sContent-Length: %d\r\n\r\n", head, len(body))); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, body)
			if got := statuses(t, c, false); got != "200" {
				t.Errorf("%s: %s, want 200", door, got)
			}
		}
	}
}

// TestBodiless_read: Envoy's door reads bodies, up to the limit.
func TestBodiless_read(t *testing.T) {
	s := start(t, standard(t, gated(t), "limits: {body: 1KiB}"))
	const head = "POST /ext_authz/public/x HTTP/1.1\r\nHost: app.example\r\n"
	const end = "GET /ext_authz/public/x HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n"
	f := func(name, text, want string) {
		t.Helper()
		c := s.dial()
		_, _ = io.WriteString(c, text)
		if got := statuses(t, c, false); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	body := strings.Repeat("b", 1024)
	f("at the limit", head+"Content-Length: 1024\r\n\r\n"+body+end, "200, 200")
	f("over the limit", head+"Content-Length: 1025\r\n\r\n"+body+"b"+end, "413")
	f("over the limit in chunks", head+"Transfer-Encoding: chunked\r\n\r\n400\r\n"+body+"\r\n1\r\nb\r\n0\r\n\r\n"+end, "413")
	f("1 GiB that is asked for", head+"Expect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n", "413")
	f("that is asked for", head+"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"+end, "100, 200, 200")
}
