package proxies

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"postern/sidecar/failmode"
)

// documented is the status that the proxy answers with by itself, as a row of the table of
// failure modes says: stopped, or slow.
func (p proxy) documented(t testing.TB, name string) int {
	t.Helper()
	for _, row := range failmode.Rows() {
		if status, ok := row.Proxies[p.inTable]; ok && row.Name == name {
			return status
		}
	}
	t.Fatalf("the table of failure modes has no row %s about %s", name, p.inTable)
	return 0
}

// large: an identity longer than the buffers that proxies have by default arrives whole.
func large(t *testing.T, p proxy) {
	s := play(t, p, setting{})
	// A byte of the token is three in the header.
	user := "user_" + strings.Repeat("\x7f", 2000)
	a := s.expect(200, "GET", "/public/x", bearer(sign(t, map[string]any{"sub": user}))...)
	if want := "user_" + strings.Repeat("%7F", 2000); a.header("X-Postern-User") != want {
		t.Errorf("the upstream is told %d bytes of the user, want %d", len(a.header("X-Postern-User")), len(want))
	}
}

// overUnix: Postern on a Unix socket.
func overUnix(t *testing.T, p proxy) {
	s := play(t, p, setting{unix: true})
	if got := s.expect(200, "GET", "/reports/7", bearer(sign(t, nil))...).identity(); got != admin {
		t.Errorf("the upstream is told %q, want %q", got, admin)
	}
	s.expect(401, "GET", "/reports/7")
}

// keepsConnections: a proxy asks over connections that it keeps.
func keepsConnections(t *testing.T, p proxy) {
	start, relay := p.start, (*relay)(nil)
	p.start = func(t testing.TB, at addresses) string {
		relay = startRelay(t, at.http)
		at.http = relay.address
		return start(t, at)
	}
	s := play(t, p, setting{})
	before := relay.accepted.Load()
	const n = 50
	for i := range n {
		if i%2 == 0 {
			s.expect(401, "GET", "/reports/7")
		} else {
			s.expect(200, "POST", "/public/x")
		}
	}
	// Each of its workers may have a few.
	if got := relay.accepted.Load() - before; got > n/2 {
		t.Errorf("%d connections for %d requests one after the other", got, n)
	}
}

// A relay hands on connections, and counts them.
type relay struct {
	address  string
	accepted atomic.Int64
}

func startRelay(t testing.TB, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: l.Addr().String()}
	var open sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.accepted.Add(1)
			open.Go(func() { splice(c, to) })
		}
	}()
	return r
}

// splice copies both ways until one side ends.
func splice(c net.Conn, to string) {
	defer c.Close()
	d, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer d.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{c, d}, {d, c}} {
		go func() {
			_, _ = io.Copy(way[0], way[1]) // whichever side ends ends both
			done <- struct{}{}
		}()
	}
	<-done
}
