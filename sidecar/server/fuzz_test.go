package server_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// FuzzConnection sends any bytes behind a head with a good token. Whatever comes back is
// HTTP with JSON, no request is allowed that a reader without quirks would not have read,
// and the process lives.
func FuzzConnection(f *testing.F) {
	s, head := rawServer(f)
	for _, seed := range []string{
		length + "\r\n" + question,
		"Transfer-Encoding: chunked\r\n\r\n" + chunked,
		length + "Transfer-Encoding: chunked\r\n\r\n" + chunked,
		"Transfer-Encoding: chunked\r\n\r\n14;a=b\r\n" + question + "\r\n0\r\nX-A: b\r\n\r\n",
		"X-A: b\r\n c\r\n" + length + "\r\n" + question,
		"X-A: b\n" + length + "\r\n" + question,
		"Expect: 100-continue\r\n" + length + "\r\n" + question,
		length + "\r\n" + question + "\r\n\r\n" + strings.Replace(last, "GET", "POST", 1),
		"Connection: close\r\n" + length + "\r\n" + question + "GET / HTTP/1.0\n\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rest string) {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(15 * time.Second)); err != nil {
			t.Fatal(err)
		}
		text := head + rest
		// The server may hang up while this is written; what it said before counts.
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		allows := 0
		for _, a := range answers(t, c) {
			if a.Allow {
				allows++
			}
		}
		if most := plainly(text); allows > most {
			t.Errorf("%d allows for %d readable requests in %q", allows, most, text)
		}
	})
}
