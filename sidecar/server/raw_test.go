package server_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The question of most raw requests, with its length, and as one chunk.
const (
	question = `{"role":"org:admin"}`
	length   = "Content-Length: 20\r\n"
	chunked  = "14\r\n" + question + "\r\n0\r\n\r\n"
)

// dial opens a connection that no step of a test waits on for longer than 15 seconds.
func (s *sidecar) dial() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	return c
}

// answers reads what comes on a connection until it is closed.
func answers(t testing.TB, c net.Conn) []answer {
	t.Helper()
	var all []answer
	r := bufio.NewReader(c)
	for {
		if _, err := r.Peek(1); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("the connection was not closed in order: %v", err)
			}
			return all
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Errorf("no HTTP response: %v", err)
			return all
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Errorf("the body of a response: %v", err)
			return all
		}
		a := answer{Code: res.StatusCode, Header: res.Header, Body: string(text)}
		if bare := len(text) == 0 && a.Code >= 400; a.Code != http.StatusContinue && !bare {
			if err := json.Unmarshal(text, &a.Decision); err != nil || !a.Allow && len(a.Reasons) == 0 && a.Code != 200 {
				t.Errorf("an answer that is no decision: %d %q", a.Code, text)
			}
		}
		all = append(all, a)
	}
}

// summary is each answer's status, with the codes of decisions.
func summary(all []answer) string {
	var words []string
	for _, a := range all {
		word := fmt.Sprint(a.Code)
		switch {
		case a.Allow:
			word += " allow"
		case a.Code == 200 && len(a.Reasons) > 0:
			word += " " + a.codes()
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// plainly counts the requests in a text that a reader without quirks takes for a check
// with a token and a body.
func plainly(text string) int {
	n := 0
	for r := bufio.NewReader(strings.NewReader(text)); ; {
		for { // RFC 9112 section 2.2: empty lines before a request are no part of it
			if next, _ := r.Peek(2); string(next) != "\r\n" {
				break
			}
			_, _ = r.Discard(2)
		}
		req, err := http.ReadRequest(r)
		if err != nil {
			return n
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return n
		}
		if req.URL.Path == "/v1/check" && strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ") && len(body) > 0 {
			n++
		}
	}
}

// raw sends a text as it is and checks all that comes back before the connection is
// closed: among it is no allow that a plain reader of the text would not give.
func (s *sidecar) raw(name, text, want string) {
	s.t.Helper()
	c := s.dial()
	// The server may close while this is written; what it said before counts.
	_, _ = io.WriteString(c, text)
	all := answers(s.t, c)
	allows := 0
	for _, a := range all {
		if a.Allow {
			allows++
		}
	}
	if got := summary(all); got != want {
		s.t.Errorf("%s: %s, want %s", name, got, want)
	}
	if most := plainly(text); allows > most {
		s.t.Errorf("%s: %d allows for %d readable requests", name, allows, most)
	}
}

// rawServer is a server with the lines of a good request's head, less its end.
func rawServer(t testing.TB) (s *sidecar, head string) {
	t.Helper()
	s = start(t, standard(t, plain(t)))
	return s, "POST /v1/check HTTP/1.1\r\nHost: postern\r\nAuthorization: Bearer " + sign(t, nil) + "\r\n"
}

// last closes the connection behind it, so that what came is all that comes.
const last = "GET /last HTTP/1.1\r\nHost: postern\r\nConnection: close\r\n\r\n"

func TestRaw_plain(t *testing.T) {
	s, head := rawServer(t)
	s.raw("one", head+length+"Connection: close\r\n\r\n"+question, "200 allow")
	s.raw("a chunked body", head+"Transfer-Encoding: chunked\r\n\r\n"+chunked+last, "200 allow, 404")
	s.raw("two", head+length+"\r\n"+question+head+length+"\r\n"+question+last, "200 allow, 200 allow, 404")
	s.raw("HTTP/1.0", strings.Replace(head, "1.1", "1.0", 1)+length+"\r\n"+question, "200 allow")
	s.raw("HTTP/1.0 without Host", "GET /v1/session HTTP/1.0\r\n\r\n", "401")
}

// TestRaw_length: a body has one length, said once, in digits.
func TestRaw_length(t *testing.T) {
	s, head := rawServer(t)
	smuggled := head + length + "\r\n" + question
	refused := func(name, headers, body string) {
		t.Helper()
		s.raw(name, head+headers+"\r\n"+body+smuggled, "400")
	}
	refused("length, then chunked", length+"Transfer-Encoding: chunked\r\n", chunked)
	refused("chunked, then length", "Transfer-Encoding: chunked\r\n"+length, chunked)
	refused("length 0 and chunked", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", chunked)
	refused("length and chunked in odd cases", "cOnTENT-lENGTH: 20\r\ntRANSFER-eNCODING: CHUNKED\r\n", chunked)
	refused("identity and length", "Transfer-Encoding: identity\r\n"+length, question)
	refused("length and identity", length+"Transfer-Encoding: identity\r\n", question)
	refused("identity alone", "Transfer-Encoding: identity\r\n", question)
	for _, value := range []string{
		"gzip, chunked", "chunked, chunked", "chunked, identity", "xchunked", "\vchunked", "chunked;a=b", "\"chunked\"", "", "chunked\x00",
	} {
		refused(fmt.Sprintf("Transfer-Encoding %q", value), "Transfer-Encoding: "+value+"\r\n", chunked)
	}
	refused("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked)
	refused("chunked and gzip", "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", chunked)
	refused("a space before the colon", "Transfer-Encoding : chunked\r\n", chunked)
	refused("a space before the length's colon", "Content-Length : 20\r\n", question)
	refused("the length twice", length+length, question)
	refused("two lengths", length+"Content-Length: 0\r\n", question)
	for _, value := range []string{"20, 20", "+20", "-20", "0x14", "2 0", "20.0", "1e1", "", "20000000000000000000", "18446744073709551636"} {
		refused(fmt.Sprintf("Content-Length %q", value), "Content-Length: "+value+"\r\n", question)
	}
	s.raw("chunked in HTTP/1.0", strings.Replace(head, "1.1", "1.0", 1)+"Transfer-Encoding: chunked\r\n\r\n"+chunked+smuggled, "400")
	s.raw("a tab before chunked", head+"Transfer-Encoding:\tchunked\r\n\r\n"+chunked+last, "200 allow, 404")
	s.raw("no length", head+"\r\n"+last, "400, 404")
}

func TestRaw_chunks(t *testing.T) {
	s, head := rawServer(t)
	head += "Transfer-Encoding: chunked\r\n\r\n"
	smuggled := strings.Replace(head, "Transfer-Encoding: chunked\r\n", length, 1) + question
	f := func(name, body, want string) {
		t.Helper()
		s.raw(name, head+body+smuggled+last, want)
	}
	f("0x", "0x14\r\n"+question+"\r\n0\r\n\r\n", "400")
	f("a bare LF after the size", "14\n"+question+"\r\n0\r\n\r\n", "400")
	f("a bare LF after the data", "14\r\n"+question+"\n0\r\n\r\n", "400")
	f("a size of 17 digits", "10000000000000014\r\n"+question+"\r\n0\r\n\r\n", "400")
	f("a size of 16 digits", "fffffffffffffff0\r\n"+question+"\r\n0\r\n\r\n", "400")
	f("a negative size", "-14\r\n"+question+"\r\n0\r\n\r\n", "400")
	f("a size too small", "13\r\n"+question+"\r\n0\r\n\r\n", "400")
	f("a size beyond the limit", "7fffffff\r\n"+question+"\r\n0\r\n\r\n", "413")
	f("no size", "\r\n"+question+"\r\n0\r\n\r\n", "400")
	f("a bare LF in an extension", "14;a\n0\r\n\r\n"+question+"\r\n0\r\n\r\n", "400")
	f("an extension", "14;a=b\r\n"+question+"\r\n0\r\n\r\n", "200 allow, 200 allow, 404")
	// The closing chunk's blank line is missing: the request behind it reads as a trailer,
	// whose first line is none.
	f("no end of the trailer", "14\r\n"+question+"\r\n0\r\n", "400")
	// Chunks add up: no number of small ones passes the limit.
	f("many chunks", strings.Repeat("400\r\n"+strings.Repeat(" ", 1024)+"\r\n", 70)+chunked, "413")
}

// TestRaw_trailers: no credential comes behind the body.
func TestRaw_trailers(t *testing.T) {
	s, _ := rawServer(t)
	good := sign(t, nil)
	head := "POST /v1/check HTTP/1.1\r\nHost: postern\r\nTransfer-Encoding: chunked\r\n"
	body := "\r\n14\r\n" + question + "\r\n0\r\n"
	for _, name := range []string{"Authorization", "authorization", "AUTHORIZATION"} {
		s.raw(name, head+"Trailer: "+name+"\r\n"+body+name+": Bearer "+good+"\r\n\r\n"+last, "400")
		s.raw(name+", not announced", head+body+name+": Bearer "+good+"\r\n\r\n"+last, "400")
	}
	s.raw("Cookie", head+body+"Cookie: __session="+good+"\r\n\r\n"+last, "400")
	s.raw("Authorization with a space", head+body+"Authorization : Bearer "+good+"\r\n\r\n"+last, "400")
	s.raw("Content-Length", head+body+"Content-Length: 5\r\n\r\n"+last, "400")
	s.raw("of no meaning", head+body+"X-Checksum: 1\r\n\r\n"+last, "200 token_missing, 404")
}

// TestRaw_pipeline: what belongs to one user never decides for the next.
func TestRaw_pipeline(t *testing.T) {
	s, _ := rawServer(t)
	admin := sign(t, nil)
	member := sign(t, map[string]any{"sub": "user_2", "o": map[string]any{"id": "org_acme", "rol": "member"}})
	ask := func(headers string) string {
		return "POST /v1/check HTTP/1.1\r\nHost: postern\r\n" + headers + length + "\r\n" + question
	}
	one, two, none := ask("Authorization: Bearer "+admin+"\r\n"), ask("Authorization: Bearer "+member+"\r\n"), ask("")
	cookie := ask("Cookie: __session=" + admin + "\r\n")
	s.raw("alternating", strings.Repeat(one+two+none+cookie+none, 20)+last,
		strings.Repeat("200 allow, 200 role_required, 200 token_missing, 200 allow, 200 token_missing, ", 20)+"404")
	inner := ask("Authorization: Bearer " + admin + "\r\n")
	s.raw("a request in the body of another", fmt.Sprintf(
		"GET /v1/session HTTP/1.1\r\nHost: postern\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner)+none+last, "401, 200 token_missing, 404")
	s.raw("a body on an unknown path", fmt.Sprintf(
		"POST /nowhere HTTP/1.1\r\nHost: postern\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner)+none+last, "404, 200 token_missing, 404")
}

func TestRaw_lines(t *testing.T) {
	s, head := rawServer(t)
	end := length + "\r\n" + question + last
	f := func(name, text, want string) {
		t.Helper()
		s.raw(name, text, want)
	}
	f("bare LF throughout", strings.ReplaceAll(head+length+"\r\n", "\r\n", "\n")+question+last, "400")
	f("bare LF behind one header", head+"X-A: b\n"+end, "400")
	f("bare LF hides a header", head+"X-A: b\nTransfer-Encoding: chunked\r\n"+end, "400")
	f("bare CR in a value", head+"X-A: b\rc\r\n"+end, "400")
	f("NUL in a value", head+"X-A: b\x00c\r\n"+end, "400")
	f("a control character in a value", head+"X-A: b\x01c\r\n"+end, "400")
	f("two content types", head+"Content-Type: a\r\ncontent-type: b\r\n"+end, "400")
	f("two user agents", head+"User-Agent: a\r\nUser-Agent: b\r\n"+end, "400")
	f("a folded header", head+"X-A: b\r\n c\r\n"+end, "400")
	f("a header folded with a tab", head+"X-A: b\r\n\tc\r\n"+end, "400")
	f("a folded credential", strings.Replace(head, "Bearer ", "Bearer\r\n ", 1)+end, "400")
	f("a header that starts folded", "POST /v1/check HTTP/1.1\r\n Host: postern\r\n"+end, "400")
	f("a space in a name", head+"X A: b\r\n"+end, "400")
	f("no name", head+": b\r\n"+end, "400")
	f("no colon", head+"X-A\r\n"+end, "400")
	f("empty lines before the request", "\r\n\r\n"+head+end, "200 allow, 404")
	// RFC 9112 section 2.2 allows this one, and nothing can hide in it.
	f("bare LF behind the request line", strings.Replace(head, "\r\n", "\n", 1)+end, "200 allow, 404")
	f("a space in the target", strings.Replace(head, "/v1/check", "/v1/check /v1/check", 1)+end, "400")
	f("a tab in the target", strings.Replace(head, "/v1/check", "/v1/check\t", 1)+end, "400")
	f("no method", strings.TrimPrefix(head, "POST")+end, "400")
	f("garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400")
}

func TestRaw_versions(t *testing.T) {
	s, head := rawServer(t)
	f := func(version, want string) {
		t.Helper()
		s.raw(version, strings.Replace(head, "HTTP/1.1", version, 1)+length+"\r\n"+question+last, want)
	}
	f("HTTP/2.0", "505")
	f("HTTP/1.2", "505")
	f("HTTP/0.9", "505")
	f("HTTP/1.1.1", "400")
	f("http/1.1", "400")
	f("HTTP/11", "400")
	f("ICAP/1.0", "400")
	f("", "400")
	s.raw("HTTP/0.9 without a version", "GET /v1/session\r\n\r\n", "400")
	s.raw("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "505")
	s.raw("an upgrade to HTTP/2", head+"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"+length+"\r\n"+question+last, "200 allow, 404")
	s.raw("an upgrade to WebSocket", "GET /v1/session HTTP/1.1\r\nHost: postern\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"+last, "401, 404")
	s.raw("a tunnel", "CONNECT postern:443 HTTP/1.1\r\nHost: postern\r\n\r\n"+last, "404, 404")
	s.raw("a proxy's request", strings.Replace(head, " /v1", " http://postern/v1", 1)+length+"\r\n"+question+last, "404, 404")
	s.raw("the whole server", "OPTIONS * HTTP/1.1\r\nHost: postern\r\n\r\n"+last, "404, 404")
}

func TestRaw_host(t *testing.T) {
	s, head := rawServer(t)
	f := func(host, want string) {
		t.Helper()
		s.raw(fmt.Sprintf("%q", host), strings.Replace(head, "Host: postern\r\n", host, 1)+length+"\r\n"+question+last, want)
	}
	f("", "400")
	f("Host:\r\n", "400")
	f("Host: postern\r\nHost: postern\r\n", "400")
	f("Host: a\r\nHost: b\r\n", "400")
	f("Host: a/b@c\r\n", "400")
	f("Host: a b\r\n", "400")
	f("Host: a:99999\r\n", "400")
	f("Host: a:x\r\n", "400")
	f("Host: a:+80\r\n", "400")
	f("Host: [::1]:99999\r\n", "400")
	f("Host: a:80\r\n", "200 allow, 404")
	f("Host: [::1]:8181\r\n", "200 allow, 404")
	f("Host: [::1]\r\n", "200 allow, 404")
}

// TestRaw_unmoved: headers that move other servers' decisions.
func TestRaw_unmoved(t *testing.T) {
	s, head := rawServer(t)
	for _, header := range []string{
		"Connection: authorization", "Connection: Authorization, close, x", "User-Agent: GoogleHC/1.0", "User-Agent: kube-probe/1.31",
		"X-HTTP-Method-Override: GET", "X-Original-URL: /nowhere", "X-Forwarded-Uri: /nowhere", "X-Rewrite-URL: /nowhere",
	} {
		s.raw(header, head+header+"\r\n"+length+"\r\n"+question+last, "200 allow, 404")
		s.raw(header+" without a token", "POST /v1/check HTTP/1.1\r\nHost: postern\r\n"+header+"\r\n"+length+"\r\n"+question+last, "200 token_missing, 404")
	}
}

func TestRaw_sizes(t *testing.T) {
	s, head := rawServer(t)
	f := func(name, headers string) {
		t.Helper()
		s.raw(name, head+headers+length+"\r\n"+question+last, "431")
	}
	f("5,000 headers", strings.Repeat("A: b\r\n", 5000))
	f("5,000 empty headers", strings.Repeat("A:\r\n", 5000))
	f("a header of 1 MiB", "A: "+strings.Repeat("b", 1<<20)+"\r\n")
	f("a name of 1 MiB", strings.Repeat("b", 1<<20)+": A\r\n")
	f("300 copies of a credential", strings.Repeat("Authorization: Bearer x\r\n", 300))
	f("400 cookies", "Cookie: "+strings.Repeat("a=b; ", 400)+"\r\n")
	f("400 cookies, each by itself", strings.Repeat("Cookie: a=b\r\n", 400))
	s.raw("a target of 64 KiB", "GET /"+strings.Repeat("a", 64<<10)+" HTTP/1.1\r\nHost: postern\r\n\r\n"+last, "431")
	s.raw("an announced body of 1 GiB", head+"Content-Length: 1073741824\r\n\r\n"+question, "413")
}

// TestRaw_expect: a body that is too long is not asked for.
func TestRaw_expect(t *testing.T) {
	s, head := rawServer(t)
	head += "Expect: 100-continue\r\n"
	s.raw("1 GiB", head+"Content-Length: 1073741824\r\n\r\n"+last, "413")
	s.raw("two lengths", head+length+"Transfer-Encoding: chunked\r\n\r\n"+chunked+last, "400")
	s.raw("a small body", head+length+"\r\n"+question+last, "100, 200 allow, 404")
	s.raw("a small body in chunks", head+"Transfer-Encoding: chunked\r\n\r\n"+chunked+last, "100, 200 allow, 404")
	s.raw("1 GiB in a chunk", head+"Transfer-Encoding: chunked\r\n\r\n40000000\r\n"+question, "100, 413")
	s.raw("afterwards", strings.Replace(head, "Expect: 100-continue\r\n", "", 1)+length+"\r\n"+question+last, "200 allow, 404")
}
