package certificate_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/certificate"
	"postern/testdata/harness"
)

// TestSecure_clients: who is let in has a certificate of the authority, that is for clients
// and good now; all others are refused.
func TestSecure_clients(t *testing.T) {
	a, other := harness.NewAuthority(t, "authority"), harness.NewAuthority(t, "other")
	l := listen(t, a.Server(t), a.PEM)
	hour := time.Hour
	l.in("a client", client(a, a.Client(t, "app.example")), "app.example")
	l.in("a certificate without extended key usage", client(a, a.Client(t, "b", func(c *x509.Certificate) { c.ExtKeyUsage = nil })), "b")
	refused := map[string]*tls.Config{
		"no certificate":             client(a),
		"of another authority":       client(a, other.Client(t, "app.example")),
		"of an authority's namesake": client(a, harness.NewAuthority(t, "authority").Client(t, "app.example")),
		"expired":                    client(a, a.Client(t, "app.example", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })),
		"not good yet":               client(a, a.Client(t, "app.example", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(hour) })),
		"a server's":                 client(a, a.Server(t)),
	}
	// The library's client sends what fits to the authorities that it is told of.
	for what, c := range refused {
		if len(c.Certificates) > 0 {
			pair := c.Certificates[0]
			c.Certificates = nil
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		l.out(what, c)
	}
	l.in("a client after all that", client(a, a.Client(t, "app.example")), "app.example")
}

// TestSecure_names: with client_sans a certificate needs one of them, whole and of its kind.
func TestSecure_names(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	l := listen(t, a.Server(t), a.PEM, func(o *certificate.Options) {
		o.ClientSANs = []string{"app.example", "spiffe://example.org/ns/a/sa/b", "ops@example.org", "10.0.0.1", "*.wild.example", "::ffff:10.0.0.2"}
	})
	f := func(name string, change func(*x509.Certificate)) {
		t.Helper()
		pair := a.Client(t, "x", func(c *x509.Certificate) { c.DNSNames = nil }, change)
		if name == "" {
			if err := l.out("", client(a, pair)); !strings.Contains(err.Error(), "client_sans") {
				t.Errorf("refused with %v, want for its names", err)
			}
			return
		}
		l.in(name, client(a, pair), name)
	}
	dns := func(names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = names }
	}
	ip := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(text)} }
	}
	uri := func(text string) func(*x509.Certificate) {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return func(c *x509.Certificate) { c.URIs = []*url.URL{u} }
	}
	mail := func(text string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.EmailAddresses = []string{text} }
	}
	f("app.example", dns("other.example", "APP.Example"))
	f("spiffe://example.org/ns/a/sa/b", uri("spiffe://example.org/ns/a/sa/b"))
	f("ops@example.org", mail("ops@example.org"))
	f("10.0.0.1", ip("10.0.0.1"))
	f("10.0.0.2", ip("10.0.0.2"))
	f("*.wild.example", dns("*.wild.example"))
	f("", dns())
	f("", dns("other.example"))
	f("", dns("sub.app.example"))
	f("", dns("app.example.evil.example"))
	f("", dns("*.example"))
	f("", dns("a.wild.example"))
	f("", dns("10.0.0.1"))
	f("", uri("spiffe://example.org/ns/a/sa/B"))
	f("", uri("spiffe://example.org/ns/a/sa/b/c"))
	f("", uri("https://app.example"))
	f("", mail("OPS@example.org"))
	f("", ip("10.0.0.3"))
	f("", func(c *x509.Certificate) { c.Subject.CommonName = "app.example" })
}

// TestSecure_resumed: a session that is resumed is asked for its name too, and none outlives
// the authorities that it began under.
func TestSecure_resumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a, other := harness.NewAuthority(t, "authority"), harness.NewAuthority(t, "other")
		server := a.Server(t)
		l := listen(t, server, a.PEM, func(o *certificate.Options) {
			o.ClientSANs, o.MinVersion = []string{"app.example"}, tls.VersionTLS12
		})
		c := client(a, a.Client(t, "app.example"))
		c.ClientSessionCache, c.MaxVersion = tls.NewLRUClientSessionCache(10), version
		l.in("first", c, "app.example")
		if again := l.in("again", c, "app.example"); !again.ConnectionState().DidResume {
			t.Errorf("TLS %x: the session was not resumed", version)
		}
		files(t, l.dir, server, other.PEM)
		if err := l.identity.Load(time.Now()); err != nil {
			t.Fatal(err)
		}
		l.out("with a session of the old authority", c)
	}
}

// TestLoad_closes: an open connection ends with the load that its client would not be let in
// by, or after its certificate's end; others go on.
func TestLoad_closes(t *testing.T) {
	a, other := harness.NewAuthority(t, "authority"), harness.NewAuthority(t, "other")
	server := a.Server(t)
	l := listen(t, server, a.PEM+other.PEM)
	end := time.Now().Add(2 * time.Hour)
	one := l.in("one", client(a, a.Client(t, "one")), "one")
	brief := l.in("brief", client(a, a.Client(t, "brief", func(c *x509.Certificate) { c.NotAfter = end })), "brief")
	two := l.in("two", client(a, other.Client(t, "two")), "two")
	open := func(what string, c *tls.Conn, want bool) {
		t.Helper()
		if said, err := ask(c); (err == nil) != want {
			t.Errorf("%s: %q, %v, want open %v", what, said, err, want)
		}
	}
	load := func(at time.Time) {
		t.Helper()
		if err := l.identity.Load(at); err != nil {
			t.Fatal(err)
		}
	}
	load(time.Now())
	open("one", one, true)
	open("two", two, true)
	files(t, l.dir, a.Server(t), other.PEM+a.PEM) // the same, otherwise
	load(time.Now())
	open("one with another server certificate", one, true)
	load(end.Add(-time.Second))
	open("brief before its end", brief, true)
	load(end)
	open("brief at its end", brief, false)
	open("one", one, true)
	files(t, l.dir, server, other.PEM)
	load(time.Now())
	open("one without its authority", one, false)
	open("two", two, true)
}

// TestSecure_versions: TLS 1.2 is spoken only where it is asked for, and what is older never.
func TestSecure_versions(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	for _, least := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		l := listen(t, a.Server(t), "", func(o *certificate.Options) { o.ClientCA, o.MinVersion = "", least })
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
			c := client(a)
			c.MinVersion, c.MaxVersion = version, version
			if version >= least {
				l.in("", c, "")
			} else {
				l.out("an old version", c)
			}
		}
	}
}

// TestSecure_protocols: HTTP/1.1 is spoken with clients that do not say, HTTP/2 is not.
func TestSecure_protocols(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	f := func(protocol string, want bool, offers ...string) {
		t.Helper()
		l := listen(t, a.Server(t), "", func(o *certificate.Options) { o.ClientCA, o.Protocol = "", protocol })
		c := client(a)
		c.NextProtos = offers
		if want {
			l.in(protocol, c, "")
		} else {
			l.out(protocol, c)
		}
	}
	f(certificate.HTTP1, true)
	f(certificate.HTTP1, true, "http/1.1")
	f(certificate.HTTP1, true, "h2", "http/1.1")
	f(certificate.HTTP1, false, "h2")
	f(certificate.HTTP2, true, "h2")
	f(certificate.HTTP2, true, "http/1.1", "h2")
	f(certificate.HTTP2, false)
	f(certificate.HTTP2, false, "http/1.1")
	f(certificate.HTTP2, false, "spdy/3")
}

// TestLoad_bad: files that are not good are an error at first, and change nothing later.
func TestLoad_bad(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	server, another := a.Server(t), a.Server(t)
	dir := t.TempDir()
	good := map[string]string{"cert.pem": server.Cert, "key.pem": server.Key, "ca.pem": a.PEM}
	f := func(name, text, want string) {
		t.Helper()
		for file, text := range good {
			harness.Write(t, dir, file, text)
		}
		later := certificate.New(options(dir))
		if err := later.Load(time.Now()); err != nil {
			t.Fatal(err)
		}
		before := later.Status()
		if path := filepath.Join(dir, name); text == "" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		} else {
			harness.Write(t, dir, name, text)
		}
		for _, i := range []*certificate.Identity{certificate.New(options(dir)), later} {
			err := i.Load(time.Now())
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) || i.Status().LastError != err.Error() {
				t.Errorf("Load with a bad %s = %v, want %q, status %+v", name, err, want, i.Status())
			}
			if err != nil && strings.Contains(err.Error(), strings.Split(server.Key, "\n")[1]) {
				t.Errorf("the key is in the error: %v", err)
			}
		}
		after := later.Status()
		if after.LastError = ""; after.NotAfter != before.NotAfter || after.LoadedAt != before.LoadedAt {
			t.Errorf("a bad %s changed %+v to %+v", name, before, after)
		}
	}
	broken := strings.Replace(a.PEM, a.PEM[60:70], "##########", 1)
	f("cert.pem", "", "no such file")
	f("cert.pem", "text", "failed to find any PEM data")
	f("cert.pem", another.Cert, "private key does not match")
	f("cert.pem", server.Key, "failed to find certificate")
	f("cert.pem", server.Cert+server.Key, `a block "PRIVATE KEY"`)
	f("cert.pem", server.Cert+broken, "cannot be read")
	f("key.pem", "", "no such file")
	f("key.pem", "text", "no PEM block")
	f("key.pem", another.Key, "private key does not match")
	f("key.pem", server.Cert, "found a certificate rather than a key")
	f("ca.pem", "", "no such file")
	f("ca.pem", "text", "no certificate")
	f("ca.pem", a.PEM+server.Key, `a block "PRIVATE KEY"`)
	f("ca.pem", a.PEM+broken, "cannot be read")
	f("ca.pem", a.PEM+broken+a.PEM, "1 of 3 PEM blocks cannot be read")
	f("ca.pem", a.PEM+server.Cert, "certificate 2, CN=server, is no authority")
	f("ca.pem", strings.Repeat("a", 2<<20), "more than")
}

func TestStatus(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	old := harness.NewAuthority(t, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	f := func(server harness.Pair, ca string, want ...string) {
		t.Helper()
		dir := t.TempDir()
		files(t, dir, server, ca)
		i := certificate.New(options(dir))
		if err := i.Load(time.Now()); err != nil {
			t.Fatal(err)
		}
		notes := i.Status().Notes
		if len(notes) != len(want) {
			t.Fatalf("notes %q, want %q", notes, want)
		}
		for n := range want {
			if !strings.Contains(notes[n], want[n]) {
				t.Errorf("note %q, want %q", notes[n], want[n])
			}
		}
	}
	end := func(in time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = time.Now().Add(in) }
	}
	f(a.Server(t), a.PEM)
	f(a.Server(t, end(8*24*time.Hour)), a.PEM)
	f(a.Server(t, end(6*24*time.Hour)), a.PEM, "cert.pem expires at ")
	f(a.Server(t, end(-time.Minute)), a.PEM, "cert.pem has expired at ")
	f(a.Server(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) }), a.PEM, "cert.pem is not good before ")
	f(a.Client(t, "x"), a.PEM, "cert.pem is not for servers")
	f(a.Server(t), a.PEM+old.PEM, "the authority CN=old has expired")

	dir := t.TempDir()
	files(t, dir, a.Server(t), a.PEM)
	if err := os.Chmod(filepath.Join(dir, "key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	i := certificate.New(options(dir))
	now := time.Now()
	if err := i.Load(now); err != nil {
		t.Fatal(err)
	}
	s := i.Status()
	if len(s.Notes) != 1 || !strings.HasSuffix(s.Notes[0], "key.pem can be read by everybody on this machine") {
		t.Errorf("notes: %q", s.Notes)
	}
	if !s.LoadedAt.Equal(now) || len(s.ClientAuthorities) != 1 || s.ClientAuthorities[0] != "CN=authority" || s.NotAfter.Before(now) || s.NotBefore.After(now) {
		t.Errorf("status: %+v", s)
	}
	// What nears its end while it serves is noted without a change of the files.
	if err := i.Load(s.NotAfter.Add(-time.Hour)); err != nil || len(i.Status().Notes) != 2 || !i.Status().LoadedAt.Equal(now) {
		t.Errorf("status near the end: %+v, %v", i.Status(), err)
	}
}

// TestSecure_plain: a request without TLS is denied, and other bytes are hung up on.
func TestSecure_plain(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	f := func(protocol, text string, want string) {
		t.Helper()
		l := listen(t, a.Server(t), "", func(o *certificate.Options) { o.ClientCA, o.Protocol = "", protocol })
		c, err := net.Dial("tcp", l.address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		// A reset is an end as good as another.
		_, _ = got.ReadFrom(c)
		if first, _, _ := strings.Cut(got.String(), "\r\n"); first != want {
			t.Errorf("%q is answered with %q, want %q", text[:min(len(text), 20)], first, want)
		}
	}
	const denied = "HTTP/1.1 400 Bad Request"
	f(certificate.HTTP1, "POST /v1/check HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", denied)
	f(certificate.HTTP1, "GET / HTTP/1.1\r\n", denied)
	f(certificate.HTTP1, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "")
	f(certificate.HTTP2, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "")
	f(certificate.HTTP1, "get / HTTP/1.1\r\n", "")
	f(certificate.HTTP1, strings.Repeat("\xff", 100), "")
	f(certificate.HTTP1, strings.Repeat("\x00", 100), "")
}

// TestSecure_slow: a handshake that does not go on is ended, and others are made meanwhile.
func TestSecure_slow(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	l := listen(t, a.Server(t), a.PEM)
	began := time.Now()
	var stuck []net.Conn
	for _, text := range []string{"", "\x16\x03\x01\x01\x00", "\x16\x03\x01\x00\x05\x01"} {
		for range 20 {
			c, err := net.Dial("tcp", l.address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			stuck = append(stuck, c)
		}
	}
	for range 10 {
		l.in("meanwhile", client(a, a.Client(t, "app.example")), "app.example")
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the others took %v", took)
	}
	for _, c := range stuck {
		if err := c.SetReadDeadline(began.Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		var rest bytes.Buffer
		if _, err := rest.ReadFrom(c); err != nil {
			t.Fatalf("a handshake that stands still: %v, want the connection's end", err)
		}
	}
	if took := time.Since(began); took < 4*time.Second || took > 15*time.Second {
		t.Errorf("they ended after %v, want 5s", took)
	}
}
