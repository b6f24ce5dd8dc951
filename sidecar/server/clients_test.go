package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"postern/sidecar/client"
	"postern/sidecar/config"
	"postern/sidecar/decision"
	"postern/testdata/harness"
)

// An asker asks a server's decision listener who it is let in as.
type asker struct {
	t       *testing.T
	server  *Server
	network string
	address string
	client  http.Client
}

// askers starts a listener that lets clients in as the doors do that need them, and answers
// with their names.
func askers(t *testing.T, c *config.Config) *asker {
	t.Helper()
	s, err := New(Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.loadCredentials(); err != nil {
		t.Fatal(err)
	}
	l, err := listen(c.HTTP.Listen)
	if err != nil {
		t.Skip(err) // IPv6, say, is not everywhere
	}
	doors := s.fasthttp()
	doors.Handler = func(ctx *fasthttp.RequestCtx) {
		if !s.admit(ctx, decision.DoorEvaluation) {
			ctx.SetStatusCode(fasthttp.StatusUnauthorized)
			return
		}
		ctx.SetBodyString(s.beginClient(ctx, decision.DoorEvaluation).client)
	}
	ended := make(chan error, 1)
	go func() { ended <- doors.Serve(patient{s.underTLS(l, listenerHTTP), s.log}) }()
	a := &asker{t: t, server: s, network: l.Addr().Network(), address: l.Addr().String()}
	a.client.Timeout = 10 * time.Second
	a.client.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, a.network, a.address)
	}}
	t.Cleanup(func() {
		if err := doors.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a
}

// as sends a request to a URL, whatever its host, with headers, names and values in turn. It
// returns the client's name, or the status and the challenge.
func (a *asker) as(url string, headers ...string) string {
	a.t.Helper()
	r, err := http.NewRequest("POST", url, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	res, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if res.StatusCode != 200 {
		return fmt.Sprint(res.StatusCode, " ", res.Header.Get("WWW-Authenticate"))
	}
	return "in as " + string(text)
}

func at(address string) *config.Config {
	c := config.Default()
	c.HTTP.Listen = config.Address{Network: "tcp", Address: address}
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		c.HTTP.Listen = config.Address{Network: "unix", Address: path}
	}
	return c
}

// socket is an address for a Unix socket.
func socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return "unix://" + dir + "/s"
}

const outside = "401 Bearer"

// TestAdmit_nobody: where no clients are configured, nobody is one.
func TestAdmit_nobody(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", socket(t)} {
		if got := askers(t, at(address)).as("http://localhost/", "Authorization", "Bearer 0123456789abcdef"); got != outside {
			t.Errorf("at %s: %s", address, got)
		}
	}
}

// TestAdmit_loopback: what comes from this machine and was meant for it. A page that a
// browser here shows is not this machine, whatever name it gives the address.
func TestAdmit_loopback(t *testing.T) {
	c := at("127.0.0.1:0")
	c.Clients.Anonymous, c.PublicURL = config.AnonymousLoopback, "https://pdp.example.com:8443/x"
	f := func(a *asker, want bool, url string, headers ...string) {
		t.Helper()
		wanted := outside
		if want {
			wanted = "in as "
		}
		if got := a.as(url, headers...); got != wanted {
			t.Errorf("%s to %s with %q: %q, want %q", a.address, url, headers, got, wanted)
		}
	}
	a := askers(t, c)
	f(a, true, "http://127.0.0.1/")
	f(a, true, "http://localhost:8181/")
	f(a, true, "http://LOCALHOST./")
	f(a, true, "http://[::1]:8181/")
	f(a, true, "http://127.9.9.9/")
	f(a, true, "http://[::ffff:127.0.0.1]/")
	f(a, true, "http://pdp.example.com:8443/")
	f(a, false, "http://pdp.example.com/")
	f(a, false, "http://evil.example/")
	f(a, false, "http://evil.example:8181/", "X-Forwarded-Host", "localhost")
	f(a, false, "http://localhost.evil.example/")
	f(a, false, "http://127.0.0.1.nip.io/")
	f(a, false, "http://0.0.0.0/")
	f(a, false, "http://[::]/")
	f(a, false, "http://10.0.0.1/")
	f(a, true, "http://localhost/", "Origin", "http://localhost:3000")
	f(a, true, "http://localhost/", "Origin", "https://pdp.example.com:8443")
	f(a, false, "http://localhost/", "Origin", "https://evil.example")
	f(a, false, "http://localhost/", "Origin", "null")
	f(a, false, "http://localhost/", "Origin", "http://localhost", "Origin", "https://evil.example")
	f(a, true, "http://localhost/", "X-Forwarded-For", "203.0.113.1")
	f(a, false, "http://evil.example/", "X-Forwarded-For", "127.0.0.1", "X-Real-IP", "127.0.0.1", "Forwarded", "for=127.0.0.1")
	f(a, true, "http://localhost/", "Authorization", "Bearer nothing")

	// All interfaces, asked through the loopback one and through others.
	c.HTTP.Listen.Address = "[::]:0"
	a = askers(t, c)
	_, port, err := net.SplitHostPort(a.address)
	if err != nil {
		t.Fatal(err)
	}
	for _, ip := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		a.address = net.JoinHostPort(ip, port)
		f(a, true, "http://localhost/")
		f(a, false, "http://evil.example/")
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range all {
		if own, ok := address.(*net.IPNet); ok && own.IP.IsGlobalUnicast() {
			a.address = net.JoinHostPort(own.IP.String(), port)
			f(a, false, "http://localhost/")
			f(a, false, "http://localhost/", "X-Forwarded-For", "127.0.0.1")
		}
	}

	c = at(socket(t))
	c.Clients.Anonymous = config.AnonymousLoopback
	f(askers(t, c), true, "http://anything/")
}

// TestAdmit_noHost: HTTP/1.0 has requests without a host, which nobody can have meant for
// this machine.
func TestAdmit_noHost(t *testing.T) {
	c := at("127.0.0.1:0")
	c.Clients.Anonymous = config.AnonymousLoopback
	a := askers(t, c)
	conn, err := net.Dial("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(text), "HTTP/1.0 401 ") && !strings.HasPrefix(string(text), "HTTP/1.1 401 ") {
		t.Errorf("%q, %v, want 401", text, err)
	}
}

const (
	billing = "0123456789abcdef"
	gateway = "fedcba9876543210"
)

// TestAdmit_tokens: a token of the file lets in, in an Authorization header and nowhere else;
// a session's never does.
func TestAdmit_tokens(t *testing.T) {
	c, dir := at("127.0.0.1:0"), t.TempDir()
	c.Clients.TokensFile = filepath.Join(dir, "tokens")
	harness.Write(t, dir, "tokens", "billing "+billing+"\ngateway "+gateway+"\n")
	a := askers(t, c)
	f := func(want string, headers ...string) {
		t.Helper()
		if got := a.as("http://anywhere.example/?token="+billing+"&access_token="+billing, headers...); got != want {
			t.Errorf("with %q: %q, want %q", headers, got, want)
		}
	}
	const wrong = outside + ` error="invalid_token"`
	f("in as billing", "Authorization", "Bearer "+billing)
	f("in as gateway", "Authorization", "bearer "+gateway)
	f("in as billing", "Authorization", billing)
	f("in as billing", "Authorization", billing, "Authorization", billing)
	f(outside)
	f(wrong, "Authorization", "undefined")
	f(wrong, "Authorization", "Bearer")
	f(wrong, "Authorization", "Basic "+billing)
	f(wrong, "Authorization", billing, "Authorization", gateway)
	f(wrong, "Authorization", billing, "Authorization", "Bearer "+billing)
	f(wrong, "Authorization", "Bearer "+harness.Sign(t, nil))
	f(wrong, "Authorization", harness.Sign(t, nil))
	f(outside, "Cookie", "__session="+billing)
	f(outside, "X-Authorization", billing, "Proxy-Authorization", "Bearer "+billing)

	// A token that is withdrawn is no credential after the next load, whatever else happens.
	harness.Write(t, dir, "tokens", "gateway "+gateway+"\n")
	if err := a.server.loadCredentials(); err != nil {
		t.Fatal(err)
	}
	f(wrong, "Authorization", billing)
	f("in as gateway", "Authorization", gateway)
	harness.Write(t, dir, "tokens", billing)
	if err := a.server.loadCredentials(); err == nil || !strings.Contains(err.Error(), "tokens:1: ") || strings.Contains(err.Error(), billing) {
		t.Errorf("a bad file: %v", err)
	}
	f(wrong, "Authorization", billing)
	f("in as gateway", "Authorization", gateway)
}

// TestAdmit_mtls: the certificate that the connection was made with lets in, and nothing in
// a request does.
func TestAdmit_mtls(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", socket(t)} {
		c, dir, authority := at(address), t.TempDir(), harness.NewAuthority(t, "authority")
		pair := authority.Server(t)
		c.HTTP.TLS = config.TLS{
			Cert: harness.Write(t, dir, "cert.pem", pair.Cert), Key: harness.Write(t, dir, "key.pem", pair.Key),
			ClientCA: harness.Write(t, dir, "ca.pem", authority.PEM), MinVersion: config.TLS13,
		}
		c.Clients.MTLS = true
		a := askers(t, c)
		transport := a.client.Transport.(*http.Transport)
		transport.TLSClientConfig = &tls.Config{
			RootCAs: authority.Pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1),
			Certificates: []tls.Certificate{authority.Client(t, "app.example").TLS},
		}
		for range 3 { // the later ones resume the session
			if got := a.as("https://localhost/"); got != "in as app.example" {
				t.Errorf("%q", got)
			}
		}
	}
	// Without TLS a header is no certificate.
	c := at("127.0.0.1:0")
	c.Clients.MTLS = true
	if got := askers(t, c).as("http://localhost/", "X-Forwarded-Client-Cert", "Subject=app.example", "X-SSL-Client-Verify", "SUCCESS"); got != outside {
		t.Errorf("without TLS: %q", got)
	}
}

// TestAdmit_users: the user who connected to the socket is let in if it is listed.
func TestAdmit_users(t *testing.T) {
	if !client.KnowsUsers {
		t.Skip("users of sockets are known on Linux")
	}
	own := os.Geteuid()
	f := func(address string, uids []int, want string) {
		t.Helper()
		c := at(address)
		c.Clients.UnixUIDs = uids
		if got := askers(t, c).as("http://anything/"); got != want {
			t.Errorf("%v at %s: %q, want %q", uids, address, got, want)
		}
	}
	f(socket(t), []int{own + 1, own}, fmt.Sprint("in as uid:", own))
	f(socket(t), []int{own + 1, own + 2}, outside)
	f("127.0.0.1:0", []int{own}, outside)
}
