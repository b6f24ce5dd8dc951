package certificate_test

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"postern/sidecar/certificate"
	"postern/testdata/harness"
)

// TestClose_unread: a client that does not read does not hold up whoever closes its
// connection.
func TestClose_unread(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	dir := t.TempDir()
	files(t, dir, a.Server(t), a.PEM)
	identity := certificate.New(options(dir))
	if err := identity.Load(time.Now()); err != nil {
		t.Fatal(err)
	}
	// A pipe holds nothing: what is written waits until it is read.
	here, there := net.Pipe()
	t.Cleanup(func() { there.Close() })
	server, peer := identity.Secure(here), tls.Client(there, client(a, a.Client(t, "one")))
	said := make(chan error, 1)
	go func() {
		_, err := ask(peer)
		said <- err
	}()
	b := make([]byte, 10)
	if _, err := server.Read(b); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Write(b[:2]); err != nil {
		t.Fatal(err)
	}
	if err := <-said; err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	_ = server.Close() // the client could not be told, or it could
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	if _, err := here.Write(b); err == nil {
		t.Error("the connection below is open")
	}
}
