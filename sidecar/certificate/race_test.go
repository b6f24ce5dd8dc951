package certificate_test

import (
	"crypto/tls"
	"sync"
	"testing"
	"time"

	"postern/testdata/harness"
)

// TestLoad_overtaken: a handshake that began under authorities which a load has replaced by
// its end lets nobody in by them, however the two fall together.
func TestLoad_overtaken(t *testing.T) {
	a, other := harness.NewAuthority(t, "authority"), harness.NewAuthority(t, "other")
	server := a.Server(t)
	l := listen(t, server, a.PEM)
	var mu sync.Mutex // guards open
	open := map[string][]*tls.Conn{}
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for name, issuer := range map[string]*harness.Authority{"one": a, "two": other} {
		c := client(a, issuer.Client(t, name))
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				case err := <-l.failed: // makes room for the next
					if err == nil {
						t.Error("a handshake failed without a cause")
					}
				default:
				}
				if conn, said, err := l.dial(c); err == nil && said == name+":hi" {
					mu.Lock()
					open[name] = append(open[name], conn)
					mu.Unlock()
				}
			}
		})
	}
	for n := range 40 {
		name, issuer := "one", a
		if n%2 == 0 {
			name, issuer = "two", other
		}
		files(t, l.dir, server, issuer.PEM)
		if err := l.identity.Load(time.Now()); err != nil {
			t.Fatal(err)
		}
		l.in("a client of the authority that was loaded", client(a, issuer.Client(t, name)), name)
	}
	close(stop)
	clients.Wait()
	if len(open["one"]) == 0 || len(open["two"]) == 0 {
		t.Fatalf("%d and %d connections were made, want some of each", len(open["one"]), len(open["two"]))
	}
	l.in("the client of the last authority", client(a, a.Client(t, "one")), "one")
	for _, conn := range open["two"] {
		if said, err := ask(conn); err == nil {
			t.Fatalf("a client of the replaced authority is told %q", said)
		}
	}
}
