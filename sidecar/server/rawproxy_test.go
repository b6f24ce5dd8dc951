package server_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// readTimeoutInTests is the server's, after which a request that has not arrived is hung
// up on.
const readTimeoutInTests = 5 * time.Second

// statuses reads what comes on a connection until it is closed, and returns the statuses.
// Proxies are told nothing else: there is no body.
func statuses(t testing.TB, c net.Conn, head bool) string {
	t.Helper()
	var words []string
	asked := &http.Request{Method: http.MethodGet}
	if head {
		asked.Method = http.MethodHead
	}
	for r := bufio.NewReader(c); ; {
		if _, err := r.Peek(1); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("the connection was not closed in order: %v", err)
			}
			return strings.Join(words, ", ")
		}
		res, err := http.ReadResponse(r, asked)
		if err != nil {
			t.Errorf("no HTTP response: %v", err)
			return strings.Join(words, ", ")
		}
		text, err := io.ReadAll(res.Body)
		if err != nil || len(text) > 0 && res.StatusCode != http.StatusNotFound {
			t.Errorf("%d with the body %q, %v", res.StatusCode, text, err)
		}
		words = append(words, fmt.Sprint(res.StatusCode))
	}
}

// refusal is the status that a door sends for a fault of HTTP itself: nginx knows 401 and
// 403 alone, and Envoy takes a 5xx for our failure.
func refusal(door string, status int) string {
	switch {
	case door == "/auth-request":
		status = 403
	case door == "/ext_authz" && status >= 500:
		status = 400
	}
	return fmt.Sprint(status)
}

// proxyRequest is the head of a request that asks a door about another, less its end.
func proxyRequest(door, method, target string) string {
	switch door {
	case "/ext_authz":
		return method + " /ext_authz" + target + " HTTP/1.1\r\nHost: app.example\r\n"
	case "/auth-request":
		return "GET /auth-request HTTP/1.1\r\nHost: postern\r\nX-Original-Method: " + method + "\r\nX-Original-URI: " + target + "\r\n"
	default:
		return "GET /forward-auth HTTP/1.1\r\nHost: postern\r\nX-Forwarded-Method: " + method + "\r\nX-Forwarded-Uri: " + target + "\r\n"
	}
}

// atDoors runs a test at each door. Its check sends a text as it is, and compares the
// statuses that come back.
func atDoors(t *testing.T, run func(t *testing.T, door string, check func(name, text, want string))) {
	s := start(t, standard(t, gated(t)))
	for _, door := range []string{"/forward-auth", "/auth-request", "/ext_authz"} {
		t.Run(door[1:], func(t *testing.T) {
			run(t, door, func(name, text, want string) {
				t.Helper()
				c := s.dial()
				// The server may close while this is written; what it said before counts.
				_, _ = io.WriteString(c, text)
				if got := statuses(t, c, strings.HasPrefix(text, "HEAD ")); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			})
		})
	}
}

// closing ends the connection behind a request that is allowed.
func closing(door string) string {
	return proxyRequest(door, "GET", "/public/last") + "Connection: close\r\n\r\n"
}

// TestRawProxy_length: two lengths, or one that is none, are no request at any door
// (ATTACKS 113 to 117).
func TestRawProxy_length(t *testing.T) {
	atDoors(t, func(t *testing.T, door string, check func(name, text, want string)) {
		head, behind := proxyRequest(door, "POST", "/public/x"), closing(door)
		refused := func(name, headers, body string) {
			t.Helper()
			check(name, head+headers+"\r\n"+body+behind, refusal(door, 400))
		}
		refused("length, then chunked", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")
		refused("chunked, then length", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")
		refused("length 0 and chunked", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")
		for _, value := range []string{"identity", "gzip, chunked", "chunked, chunked", "xchunked", "\vchunked", "chunked;a=b", "", "chunked\x00"} {
			refused(fmt.Sprintf("Transfer-Encoding %q", value), "Transfer-Encoding: "+value+"\r\n", "0\r\n\r\n")
		}
		refused("identity and length", "Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello")
		refused("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")
		refused("a space before the colon", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n")
		refused("the length twice", "Content-Length: 5\r\nContent-Length: 5\r\n", "hello")
		for _, value := range []string{"5, 5", "+5", "-5", "0x5", "5 5", "", "20000000000000000000"} {
			refused(fmt.Sprintf("Content-Length %q", value), "Content-Length: "+value+"\r\n", "hello")
		}
		check("chunked in HTTP/1.0", strings.Replace(head, "HTTP/1.1", "HTTP/1.0", 1)+"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"+behind, refusal(door, 400))
		chunks := func(name, body string, status int) {
			t.Helper()
			want := fmt.Sprint(status)
			if door != "/ext_authz" {
				want = "200" // which read none, and end the connection
			} else if status == 200 {
				want = "200, 200"
			}
			check(name, head+"Transfer-Encoding: chunked\r\n\r\n"+body+behind, want)
		}
		chunks("chunks", "5\r\nhello\r\n0\r\n\r\n", 200)
		chunks("a chunk of 0x5", "0x5\r\nhello\r\n0\r\n\r\n", 400)
		chunks("a bare LF", "5\nhello\r\n0\r\n\r\n", 400)
		chunks("a size of 17 digits", "10000000000000005\r\nhello\r\n0\r\n\r\n", 400)
		chunks("a trailer", "5\r\nhello\r\n0\r\nAuthorization: Bearer a.b.c\r\n\r\n", 400)
		chunks("a size beyond the limit", "7fffffff\r\nhello\r\n0\r\n\r\n", 413)
	})
}

// TestRawProxy_users: what belongs to one user never decides for the next (119).
func TestRawProxy_users(t *testing.T) {
	admin := "Authorization: Bearer " + sign(t, nil) + "\r\n"
	member := "Authorization: Bearer " + sign(t, map[string]any{"sub": "user_2", "o": nil, "fea": nil, "pla": nil}) + "\r\n"
	atDoors(t, func(t *testing.T, door string, check func(name, text, want string)) {
		ask := func(headers string) string { return proxyRequest(door, "GET", "/reports/7") + headers + "\r\n" }
		check("alternating", strings.Repeat(ask(admin)+ask(member)+ask(""), 20)+closing(door), strings.Repeat("200, 403, 401, ", 20)+"200")
		hidden := ask(admin)
		want := "401, 200"
		if door != "/ext_authz" {
			want = "401"
		}
		check("a request in the body of another", fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s",
			proxyRequest(door, "GET", "/reports/7"), len(hidden), hidden)+closing(door), want)
		if door == "/ext_authz" {
			want = "400"
		}
		check("a credential in a trailer", proxyRequest(door, "GET", "/reports/7")+"Transfer-Encoding: chunked\r\n\r\n0\r\n"+admin+"\r\n"+closing(door), want)
	})
}

// TestRawProxy_headers: fields without end, or without form, are refused at any door (112,
// 120, 104), and fields that move other servers' decisions move none (101, 105, 106, 109,
// 111).
func TestRawProxy_headers(t *testing.T) {
	bearer := "Authorization: Bearer " + sign(t, nil) + "\r\n"
	atDoors(t, func(t *testing.T, door string, check func(name, text, want string)) {
		head, behind := proxyRequest(door, "GET", "/public/x"), closing(door)
		f := func(name, fields string, status int) {
			t.Helper()
			check(name, head+fields+"\r\n"+behind, refusal(door, status))
		}
		f("5,000 headers", strings.Repeat("A: b\r\n", 5000), 431)
		f("a header of 1 MiB", "A: "+strings.Repeat("b", 1<<20)+"\r\n", 431)
		f("400 cookies", "Cookie: "+strings.Repeat("a=b; ", 400)+"\r\n", 431)
		f("300 credentials", strings.Repeat("Authorization: Bearer a\r\n", 300), 431)
		f("a bare LF", "A: b\nC: d\r\n", 400)
		f("a bare CR", "A: b\rc\r\n", 400)
		f("a NUL", "A: b\x00c\r\n", 400)
		f("a folded header", "A: b\r\n c\r\n", 400)
		f("a space in a name", "A B: c\r\n", 400)
		f("no name", ": b\r\n", 400)
		f("another Host", "Host: other\r\n", 400)
		for _, host := range []string{"", "Host:\r\n", "Host: a/b@c\r\n", "Host: a:99999\r\n", "Host: a b\r\n"} {
			line, rest, _ := strings.Cut(head, "\r\n")
			_, rest, _ = strings.Cut(rest, "\r\n")
			check(fmt.Sprintf("%q", host), line+"\r\n"+host+rest+"\r\n"+behind, refusal(door, 400))
		}
		for _, field := range []string{
			"User-Agent: GoogleHC/1.0", "User-Agent: kube-probe/1.31", "Connection: authorization", "Connection: x-forwarded-uri, x-original-uri",
			"X-Http-Method-Override: GET", "X-Method-Override: GET", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: ::1%eth0, junk, " + strings.Repeat("1.1.1.1,", 500),
			"X-Rewrite-Url: /public/x", "X-Forwarded-Path: /public/x", "X-Forwarded-Prefix: /public", "X-Envoy-Original-Path: /public/x", "Forwarded: for=1.1.1.1;host=a",
		} {
			check(field+" for a stranger", proxyRequest(door, "GET", "/reports/7")+field+"\r\n\r\n"+behind, "401, 200")
			check(field+" for one who may", proxyRequest(door, "GET", "/reports/7")+bearer+field+"\r\n\r\n"+behind, "200, 200")
			check(field+" for one who may not", proxyRequest(door, "DELETE", "/owner")+bearer+field+"\r\n\r\n"+behind, moved(door)+", 200")
		}
	})
}

// moved is the status of gated's redirect.
func moved(door string) string {
	if door == "/auth-request" {
		return "403"
	}
	return "302"
}

// TestRawProxy_methods: policy decides on every method, and a tunnel is none (100, 102).
func TestRawProxy_methods(t *testing.T) {
	atDoors(t, func(t *testing.T, door string, check func(name, text, want string)) {
		behind := closing(door)
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "POST", "FOO"} {
			check(method, proxyRequest(door, method, "/owner")+"Connection: close\r\n\r\n"+behind, "401")
		}
		for _, method := range []string{"get", "PRI", "CONNECT", "GET,POST", "G\xff"} {
			check(method, proxyRequest(door, method, "/public/x")+"Connection: close\r\n\r\n"+behind, refusal(door, 400))
		}
		if door != "/ext_authz" {
			for _, method := range []string{"", "GET, POST", "G\tT"} {
				check(method, proxyRequest(door, method, "/public/x")+"Connection: close\r\n\r\n"+behind, refusal(door, 400))
			}
		}
	})
}

// TestRawProxy_lines: what is no request line of HTTP/1.1 is refused (90, 92, 93, 121).
func TestRawProxy_lines(t *testing.T) {
	atDoors(t, func(t *testing.T, door string, check func(name, text, want string)) {
		head, behind := proxyRequest(door, "GET", "/public/x"), closing(door)
		for version, status := range map[string]int{"HTTP/2.0": 505, "HTTP/1.2": 505, "HTTP/0.9": 505, "HTTP/11": 400, "http/1.1": 400, "ICAP/1.0": 400} {
			check(version, strings.Replace(head, "HTTP/1.1", version, 1)+"\r\n"+behind, refusal(door, status))
		}
		// Where the proxy hands it on to the upstream too, what follows is asked about by nobody.
		check("an upgrade to HTTP/2", head+"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"+behind, refusal(door, 400)+", 200")
		check("an upgrade to WebSocket", head+"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"+behind, "200, 200")
		check("a path of 64 KiB", proxyRequest(door, "GET", "/public/"+strings.Repeat("a", 64<<10))+"\r\n"+behind, refusal(door, 431))
		check("empty lines before the request", "\r\n\r\n"+head+"\r\n"+behind, "200, 200")
		if door != "/ext_authz" {
			return
		}
		for _, target := range []string{"/public/\xff", "/public/\x80", "/public#/../owner", "/public//x", "/public/%zz", "/public/%00", "", "?x", "//public/x", "/public/..%2fowner"} {
			check(target, proxyRequest(door, "GET", target)+"Connection: close\r\n\r\n", "400")
		}
		check("a tab in the target", proxyRequest(door, "GET", "/public/\tx")+"\r\n", "400")
		check("a space in the target", proxyRequest(door, "GET", "/public/ x")+"\r\n", "400")
		check("the whole server", proxyRequest(door, "OPTIONS", "*")+"Connection: close\r\n\r\n", "404")
		check("another door's target", "GET http://app.example/ext_authz/public/x HTTP/1.1\r\nHost: app.example\r\nConnection: close\r\n\r\n", "404")
	})
}
