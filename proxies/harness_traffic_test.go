package proxies

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
)

// suiteBodies: bodies arrive whole, with and without a length.
func suiteBodies(t *testing.T, s *scene) {
	owner := sign(t, organization("org_acme", "owner"))
	for _, size := range []int{1, 1000, 64 << 10, 1 << 20} {
		body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		sum := sha256.Sum256(body)
		for name, reader := range map[string]func() io.Reader{
			"length":  func() io.Reader { return bytes.NewReader(body) },
			"chunked": func() io.Reader { return io.MultiReader(bytes.NewReader(body)) },
		} {
			a, err := s.try(s.client, "POST", "/admin/x", reader(), bearer(owner, "Content-Type", "application/octet-stream")...)
			if err != nil {
				t.Errorf("%s of %d bytes: %v", name, size, err)
				continue
			}
			if a.Code != 200 || a.Length != size || a.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("%s of %d bytes: %d, and %d bytes arrive", name, size, a.Code, a.Length)
			}
		}
	}
	before := s.upstream.requests.Load()
	for range 3 {
		// The proxy may hang up on a body that it will not read.
		if a, err := s.try(s.client, "POST", "/admin/x", io.MultiReader(strings.NewReader(strings.Repeat("x", 200_000)))); err == nil && a.Code != 401 {
			t.Errorf("a body without a session: %d, want 401", a.Code)
		}
	}
	if s.upstream.requests.Load() != before {
		t.Error("the upstream saw a body that was denied")
	}
}

// suiteKeepAlive: requests of several users on one connection are told apart, one after
// the other, sent all at once, and in parallel.
func suiteKeepAlive(t *testing.T, s *scene) {
	var tokens []string
	for i := range 4 {
		tokens = append(tokens, sign(t, map[string]any{"sub": fmt.Sprintf("user_%d", i)}))
	}
	whose := func(i int) string {
		if i%5 == 4 {
			return "-"
		}
		return fmt.Sprintf("user_%d", i%5)
	}
	var pipelined strings.Builder
	const n = 20
	for i := range n {
		fmt.Fprintf(&pipelined, "GET /public/%d HTTP/1.1\r\nHost: app.example\r\n", i)
		if i%5 != 4 {
			fmt.Fprintf(&pipelined, "Authorization: Bearer %s\r\n", tokens[i%5])
		}
		if i == n-1 {
			pipelined.WriteString("Connection: close\r\n")
		}
		pipelined.WriteString("\r\n")
	}
	all, err := s.raw(n, pipelined.String())
	if err != nil || len(all) != n {
		t.Fatalf("pipelined: %d answers, want %d: %v", len(all), n, err)
	}
	for i, a := range all {
		if a.Code != 200 || a.header("X-Postern-User") != whose(i) || a.URI != fmt.Sprintf("/public/%d", i) {
			t.Errorf("pipelined %d: %d %s is told %s, want %s", i, a.Code, a.URI, a.header("X-Postern-User"), whose(i))
		}
	}
	clients := []bool{false}
	if s.proxy.http2 {
		clients = append(clients, true)
	}
	for _, http2 := range clients {
		client := newClient(t, http2)
		var together sync.WaitGroup
		for i := range 40 {
			together.Go(func() {
				var headers []string
				if i%5 != 4 {
					headers = bearer(tokens[i%5])
				}
				a, err := s.try(client, "GET", fmt.Sprintf("/public/%d", i), nil, headers...)
				if err != nil || a.Code != 200 || a.header("X-Postern-User") != whose(i) || a.URI != fmt.Sprintf("/public/%d", i) {
					t.Errorf("HTTP/2 %v, in parallel %d: %d %s is told %s, want %s: %v", http2, i, a.Code, a.URI, a.header("X-Postern-User"), whose(i), err)
				}
			})
		}
		together.Wait()
	}
}
