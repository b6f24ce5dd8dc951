package server_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// doorsOfProxies are the doors of HTTP that proxies ask at.
var doorsOfProxies = []string{"/forward-auth", "/auth-request", "/ext_authz"}

// askDoor asks a door over a connection of its own, and returns the status.
func (s *sidecar) askDoor(door, target, headers string) string {
	s.t.Helper()
	c := s.dial()
	defer c.Close()
	if _, err := io.WriteString(c, proxyRequest(door, "GET", target)+headers+"Connection: close\r\n\r\n"); err != nil {
		s.t.Error(err)
	}
	return statuses(s.t, c, false)
}

// TestOverload_doors: what is over the limit is denied at once at every door, by a status
// that no proxy takes for an allow, and the next request is answered as ever.
func TestOverload_doors(t *testing.T) {
	s := startBusy(t, standard(t, gated(t), "limits: {concurrency: 1}"))
	first := make(chan string)
	s.occupy(func() { first <- s.askDoor("/forward-auth", "/public/x", "") })
	var others sync.WaitGroup
	for _, door := range doorsOfProxies {
		for range 20 {
			others.Go(func() {
				began := time.Now()
				if got := s.askDoor(door, "/public/x", ""); got != "403" {
					t.Errorf("%s over the limit: %s, want 403", door, got)
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%s over the limit: answered after %v", door, took)
				}
			})
		}
	}
	others.Wait()
	s.release()
	if got := <-first; got != "200" {
		t.Errorf("the request that was under way: %s, want 200", got)
	}
	metrics := s.do("GET", "admin:/metrics", "").Body
	for path, door := range map[string]string{"/forward-auth": "forward_auth", "/auth-request": "auth_request", "/ext_authz": "ext_authz_http"} {
		if got := s.askDoor(path, "/public/x", ""); got != "200" {
			t.Errorf("%s afterwards: %s", door, got)
		}
		if want := fmt.Sprintf(`postern_denial_reasons_total{door="%s",reason="overloaded"} 20`, door); !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestOverload_storm: a crowd far over the limit is answered, each with an allow or a
// denial, and never with a 5xx.
func TestOverload_storm(t *testing.T) {
	s := start(t, standard(t, gated(t), "limits: {concurrency: 2}"))
	s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 500
	headers := append(asked("GET", "/reports/7", "X-Original-Method", "GET", "X-Original-Uri", "/reports/7"), "Authorization", "Bearer "+sign(t, nil))
	var crowd sync.WaitGroup
	for i := range 500 {
		door := []string{"/forward-auth", "/auth-request", "/ext_authz/reports/7"}[i%3]
		crowd.Go(func() {
			for range 4 {
				a, err := s.try("GET", door, "", headers...)
				if err != nil || a.Code != 200 && a.Code != 403 || a.Body != "" {
					t.Errorf("%s: %d %s %v", door, a.Code, a.Body, err)
					return
				}
			}
		})
	}
	crowd.Wait()
	if a := s.do("GET", "/ext_authz/reports/7", "", headers...); a.Code != 200 {
		t.Errorf("afterwards: %d", a.Code)
	}
}

// TestOverload_slow: whoever sends slowly to a door of proxies is hung up on after the time
// that a request may take, and others are served meanwhile.
func TestOverload_slow(t *testing.T) {
	t.Parallel()
	s := start(t, standard(t, gated(t)))
	var clients sync.WaitGroup
	for _, door := range doorsOfProxies {
		head := proxyRequest(door, "POST", "/public/x")
		texts := map[string]string{"half a request line": head[:9], "half a head": head}
		if door == "/ext_authz" {
			texts["a body that never comes"] = head + "Content-Length: 5\r\n\r\n"
			texts["half a chunk"] = head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhe"
		}
		for name, text := range texts {
			clients.Go(func() {
				c := s.dial()
				began := time.Now()
				if _, err := io.WriteString(c, text); err != nil {
					t.Error(err)
				}
				want := refusal(door, 408)
				if name == "half a request line" {
					want = "408" // nobody knows yet who asks
				}
				var got string
				if name == "half a request line" {
					text, _ := io.ReadAll(c)
					got, _, _ = strings.Cut(strings.TrimPrefix(string(text), "HTTP/1.1 "), " ")
				} else {
					got = statuses(t, c, false)
				}
				if took := time.Since(began); got != want || took < readTimeoutInTests-time.Second || took > 14*time.Second {
					t.Errorf("%s, %s: %s after %v, want %s after 5s", door, name, got, took, want)
				}
			})
		}
	}
	for i := range 60 {
		if got := s.askDoor(doorsOfProxies[i%3], "/public/x", ""); got != "200" {
			t.Errorf("meanwhile: %s", got)
		}
	}
	clients.Wait()
}

// TestOverload_idle: a thousand connections that ask for nothing keep no proxy out.
func TestOverload_idle(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	for i := range 1000 {
		c := s.dial()
		if i%2 == 0 {
			if _, err := io.WriteString(c, proxyRequest(doorsOfProxies[i%3], "GET", "/public/x")+"\r\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 60 {
		if got := s.askDoor(doorsOfProxies[i%3], "/public/x", ""); got != "200" {
			t.Errorf("beside idle connections: %s", got)
		}
	}
}
