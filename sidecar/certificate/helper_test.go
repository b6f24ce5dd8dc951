package certificate_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/sidecar/certificate"
	"postern/testdata/harness"
)

// A listener answers every connection under one identity with the client's name and then
// whatever the client sends.
type listener struct {
	t        *testing.T
	dir      string
	identity *certificate.Identity
	address  string
	failed   chan error
}

// files writes the files of an identity into dir, each in one step.
func files(t testing.TB, dir string, server harness.Pair, ca string) {
	t.Helper()
	for name, text := range map[string]string{"cert.pem": server.Cert, "key.pem": server.Key, "ca.pem": ca} {
		if err := os.WriteFile(filepath.Join(dir, name+".new"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// options are those of files.
func options(dir string, change ...func(*certificate.Options)) certificate.Options {
	o := certificate.Options{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), ClientCA: filepath.Join(dir, "ca.pem"),
		MinVersion: tls.VersionTLS13, Protocol: certificate.HTTP1,
	}
	for _, c := range change {
		c(&o)
	}
	return o
}

func listen(t *testing.T, server harness.Pair, ca string, change ...func(*certificate.Options)) *listener {
	t.Helper()
	l := &listener{t: t, dir: t.TempDir(), failed: make(chan error, 100)}
	files(t, l.dir, server, ca)
	o := options(l.dir, change...)
	o.Failed = func(_ net.Addr, err error) { l.failed <- err }
	l.identity = certificate.New(o)
	if err := l.identity.Load(time.Now()); err != nil {
		t.Fatal(err)
	}
	on, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { on.Close() })
	l.address = on.Addr().String()
	go func() {
		for {
			raw, err := on.Accept()
			if err != nil {
				return
			}
			go echo(l.identity.Secure(raw))
		}
	}()
	return l
}

func echo(c *certificate.Conn) {
	defer c.Close()
	b := make([]byte, 100)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		name, _ := c.Client()
		if _, err := io.WriteString(c, name+":"+string(b[:n])); err != nil {
			return
		}
	}
}

// client is a client's configuration that trusts the authority.
func client(a *harness.Authority, pairs ...harness.Pair) *tls.Config {
	c := &tls.Config{RootCAs: a.Pool(), ServerName: "localhost"}
	for _, p := range pairs {
		c.Certificates = append(c.Certificates, p.TLS)
	}
	return c
}

// ask sends a word on a connection and returns what comes back.
func ask(c net.Conn) (string, error) {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(c, "hi"); err != nil {
		return "", err
	}
	b := make([]byte, 100)
	n, err := c.Read(b)
	return string(b[:n]), err
}

// dial makes a connection, asks once and leaves it open.
func (l *listener) dial(c *tls.Config) (*tls.Conn, string, error) {
	l.t.Helper()
	conn, err := tls.Dial("tcp", l.address, c)
	if err != nil {
		return nil, "", err
	}
	l.t.Cleanup(func() { conn.Close() })
	said, err := ask(conn)
	return conn, said, err
}

// in wants a client to be let in and called by a name.
func (l *listener) in(what string, c *tls.Config, name string) *tls.Conn {
	l.t.Helper()
	conn, said, err := l.dial(c)
	if err != nil || said != name+":hi" {
		l.t.Fatalf("%s: %q, %v, want %q", what, said, err, name)
	}
	return conn
}

// out wants a client not to be let in.
func (l *listener) out(what string, c *tls.Config) error {
	l.t.Helper()
	if _, said, err := l.dial(c); err == nil {
		l.t.Errorf("%s: %q, want no answer", what, said)
	}
	select {
	case err := <-l.failed:
		return err
	case <-time.After(10 * time.Second):
		l.t.Errorf("%s: nobody was told of the handshake", what)
		return errors.New("none")
	}
}
