package server_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRaw_slow: whoever sends slowly, or nothing, is hung up on after the time that a
// request may take (5 seconds), and others are served meanwhile.
func TestRaw_slow(t *testing.T) {
	t.Parallel()
	s, head := rawServer(t)
	var clients sync.WaitGroup
	client := func(name, text string, more []byte, want string) {
		clients.Go(func() {
			c := s.dial()
			began := time.Now()
			if _, err := io.WriteString(c, text); err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			ended := make(chan struct{})
			var trickle sync.WaitGroup
			trickle.Go(func() {
				for ; len(more) > 0; more = more[1:] {
					select {
					case <-ended:
						return
					case <-time.After(100 * time.Millisecond):
						// The server may hang up meanwhile; the answers say whether it did.
						_, _ = c.Write(more[:1])
					}
				}
			})
			got := summary(answers(t, c))
			close(ended)
			trickle.Wait()
			if took := time.Since(began); !slices.Contains(strings.Split(want, " or "), got) || took < 4*time.Second || took > 14*time.Second {
				t.Errorf("%s: %s after %v, want %s after 5s", name, got, took, want)
			}
		})
	}
	endless := []byte(strings.Repeat("a", 1000))
	client("nothing", "", nil, "408")
	client("half a request line", "POST /v1/ch", nil, "408")
	client("half a head", head, nil, "408")
	client("a byte at a time", "POST /v1/check HTTP/1.1\r\nHost: postern\r\nX-Slow: ", endless, "408")
	client("a body that never comes", head+length+"\r\n", nil, "408")
	client("a body a byte at a time", head+"Content-Length: 1000\r\n\r\n", endless, "408")
	client("half a chunk", head+"Transfer-Encoding: chunked\r\n\r\n14\r\n{", nil, "408")
	client("a body that was asked for", head+"Expect: 100-continue\r\n"+length+"\r\n", nil, "100, 408")
	// What has come of the second is told of, or not, as it came before or after the wait for it.
	client("half a second request", head+length+"\r\n"+question+"POST", nil, "200 allow or 200 allow, 408")

	token := sign(t, nil)
	for range 50 {
		if a := s.ask(token, question); !a.Allow {
			t.Errorf("meanwhile: %d %s", a.Code, a.Body)
		}
	}
	clients.Wait()
}

// TestRaw_idle: a thousand connections that ask for nothing keep nobody out.
func TestRaw_idle(t *testing.T) {
	s, head := rawServer(t)
	var idle []net.Conn
	for i := range 1000 {
		c := s.dial()
		if i%2 == 0 {
			if _, err := io.WriteString(c, head+length+"\r\n"+question); err != nil {
				t.Fatal(err)
			}
		}
		idle = append(idle, c)
	}
	token := sign(t, nil)
	for range 100 {
		if a := s.ask(token, question); !a.Allow {
			t.Fatalf("beside idle connections: %d %s", a.Code, a.Body)
		}
	}
	for i, c := range idle {
		if i%2 == 0 {
			text := make([]byte, 15)
			if _, err := io.ReadFull(c, text); err != nil || string(text) != "HTTP/1.1 200 OK" {
				t.Fatalf("connection %d: %q, %v", i, text, err)
			}
		}
		c.Close()
	}
}

// TestRaw_halfClosed: a client that has said all still gets its answer.
func TestRaw_halfClosed(t *testing.T) {
	s, head := rawServer(t)
	f := func(name, text, want string) {
		t.Helper()
		c := s.dial()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got := summary(answers(t, c)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	one := head + length + "\r\n" + question
	f("a request", one, "200 allow")
	f("two requests", one+one, "200 allow, 200 allow")
	f("half a head", head, "400")
	f("half a body", head+"Content-Length: 1000\r\n\r\n"+question, "400")
	f("half a chunk", head+"Transfer-Encoding: chunked\r\n\r\n14\r\n"+question[:5], "400")
	f("no last chunk", head+"Transfer-Encoding: chunked\r\n\r\n14\r\n"+question+"\r\n", "")
	f("half a second request", one+head, "200 allow, 400")
	f("nothing", "", "")
}

// TestRaw_gone: clients that go away in the middle leave nothing behind.
func TestRaw_gone(t *testing.T) {
	c := standard(t, runaway(t))
	c.Policy.Deadline = 100 * time.Millisecond
	s := start(t, c)
	head := "POST /v1/check HTTP/1.1\r\nHost: postern\r\nAuthorization: Bearer " + sign(t, nil) + "\r\n"
	request := head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(slow), slow)
	for cut := 1; cut < len(request); cut += 40 {
		c := s.dial()
		if _, err := io.WriteString(c, request[:cut]); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for range 20 {
		c := s.dial()
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		if err := c.(*net.TCPConn).SetLinger(0); err != nil { // a reset, not an end
			t.Fatal(err)
		}
		c.Close()
	}
	eventually(t, "nothing is in flight", func() bool {
		metrics := s.do("GET", "admin:/metrics", "").Body
		return strings.Contains(metrics, "postern_requests_in_flight 0") && strings.Contains(metrics, "postern_abandoned_evaluations 0")
	})
	token := sign(t, nil)
	eventually(t, "questions are answered as ever", func() bool { return s.ask(token, question).Allow })
}
