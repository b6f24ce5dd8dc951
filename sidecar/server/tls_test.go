package server_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"postern/sidecar/config"
	"postern/testdata/harness"
)

// A secured server speaks TLS with clients of one authority, at all its listeners.
type secured struct {
	*sidecar
	authority *harness.Authority
	files     configMap // cert.pem, key.pem and ca.pem, as Kubernetes mounts a secret
	trusted   *tls.Config
}

// secretOf are the files of a server.
func secretOf(server harness.Pair, ca string) map[string]string {
	return map[string]string{"cert.pem": server.Cert, "key.pem": server.Key, "ca.pem": ca}
}

// withTLS sets the TLS of all listeners.
func withTLS(c *config.Config, dir string) {
	t := config.TLS{
		Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem"), ClientCA: filepath.Join(dir, "ca.pem"),
		ClientSANs: []string{"app.example"}, MinVersion: config.TLS13,
	}
	c.HTTP.TLS, c.GRPC.TLS, c.Admin.TLS = t, t, t
}

// startSecured starts a server. Its client has a good certificate.
func startSecured(t testing.TB, c *config.Config, now func() time.Time) *secured {
	t.Helper()
	s := &secured{authority: harness.NewAuthority(t, "authority"), files: configMap{t: t, dir: t.TempDir()}}
	s.files.publish(secretOf(s.authority.Server(t), s.authority.PEM))
	withTLS(c, s.files.dir)
	s.sidecar = startAt(t, c, now)
	s.url, s.admin = "https"+strings.TrimPrefix(s.url, "http"), "https"+strings.TrimPrefix(s.admin, "http")
	s.trusted = s.with(s.authority.Client(t, "app.example"))
	transport := s.client.Transport.(*http.Transport)
	transport.TLSClientConfig = s.trusted
	if socket := transport.DialContext; socket != nil { // admin is not on it
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "postern:") {
				return socket(ctx, network, address)
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	}
	return s
}

// with is a client's configuration with its certificates.
func (s *secured) with(pairs ...harness.Pair) *tls.Config {
	c := &tls.Config{RootCAs: s.authority.Pool(), ServerName: "localhost"}
	for _, p := range pairs {
		c.Certificates = append(c.Certificates, p.TLS)
	}
	return c
}

// raw is a connection to the decision listener, as dial makes it.
func (s *secured) raw(c *tls.Config) (*tls.Conn, error) {
	s.t.Helper()
	network, address := "tcp", s.server.Addresses()["http"]
	if path, ok := strings.CutPrefix(address, "unix://"); ok {
		network, address = "unix", path
	}
	conn, err := tls.Dial(network, address, c)
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { conn.Close() })
	return conn, conn.SetDeadline(time.Now().Add(15 * time.Second))
}

// call asks at the gRPC listener.
func (s *secured) call(c *tls.Config) string {
	s.t.Helper()
	conn := s.connect(grpc.WithTransportCredentials(credentials.NewTLS(c)))
	defer conn.Close()
	return told(authv3.NewAuthorizationClient(conn).Check(soon(s.t), envoyAsks("GET", "/reports", "authorization", "Bearer "+sign(s.t, nil))))
}

// get asks a listener for a page over a new connection.
func (s *secured) get(url string, c *tls.Config) (status int, err error) {
	transport := s.client.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig, transport.DisableKeepAlives = c, true
	res, err := (&http.Client{Transport: transport, Timeout: 10 * time.Second}).Get(url)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// TestTLS: every listener answers clients with a good certificate, over TCP and sockets, and
// none without.
func TestTLS(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			c := standard(t, plain(t))
			if network == "unix" {
				dir := short(t)
				c.HTTP.Listen = config.Address{Network: "unix", Address: filepath.Join(dir, "http.sock")}
				c.GRPC.Listen = config.Address{Network: "unix", Address: filepath.Join(dir, "grpc.sock")}
			}
			s := startSecured(t, c, nil)
			if a := s.ask(sign(t, nil), question); !a.Allow {
				t.Errorf("http: %d %s", a.Code, a.Body)
			}
			if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
				t.Errorf("admin: %d %s", a.Code, a.Body)
			}
			if got := s.call(s.trusted); strings.HasPrefix(got, "error") {
				t.Errorf("grpc: %s", got)
			}
			other := harness.NewAuthority(t, "authority")
			for what, pairs := range map[string][]harness.Pair{
				"no certificate":             nil,
				"of another authority":       {other.Client(t, "app.example")},
				"with another name":          {s.authority.Client(t, "other.example")},
				"a server's":                 {s.authority.Server(t)},
				"expired":                    {s.authority.Client(t, "app.example", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })},
				"with the name as a subject": {s.authority.Client(t, "app.example", func(c *x509.Certificate) { c.DNSNames = nil })},
			} {
				bad := s.with(pairs...)
				for _, url := range []string{s.url + "/v1/session", s.admin + "/healthz"} {
					if status, err := s.get(url, bad); err == nil {
						t.Errorf("%s: %s answers %d", what, url, status)
					}
				}
				if got := s.call(bad); got != "error Unavailable" {
					t.Errorf("%s: grpc answers %s", what, got)
				}
			}
			if a := s.ask(sign(t, nil), question); !a.Allow {
				t.Errorf("http after all that: %d %s", a.Code, a.Body)
			}
			if n := s.metric(`postern_tls_handshake_errors_total{listener="grpc"}`); n == "" || n == "0" {
				t.Errorf("handshake errors at grpc: %q", n)
			}
		})
	}
}

// metric is the value of one line of the metrics.
func (s *sidecar) metric(name string) string {
	s.t.Helper()
	for line := range strings.Lines(s.do("GET", "admin:/metrics", "").Body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// TestTLS_refusals: what is refused before a door looks at it is answered under TLS as it is
// without: whole, and for the door that it was meant for.
func TestTLS_refusals(t *testing.T) {
	s := startSecured(t, standard(t, plain(t)), nil)
	f := func(text, want string) {
		t.Helper()
		c, err := s.raw(s.trusted)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			// The server may hang up before all of it is sent.
			_, _ = io.WriteString(c, text)
		}()
		if got := summary(answers(t, c)); got != want {
			t.Errorf("%.40q: %s, want %s", text, got, want)
		}
	}
	head := "POST /v1/check HTTP/1.1\r\nHost: postern\r\nAuthorization: Bearer " + sign(t, nil) + "\r\n"
	f(head+length+"Connection: close\r\n\r\n"+question, "200 allow")
	f(head+length+"\r\n"+question+head+length+"Connection: close\r\n\r\n"+question, "200 allow, 200 allow")
	f(head+"Content-Length: 4000000\r\n\r\n"+strings.Repeat(" ", 4_000_000), "413")
	f("GET /auth-request nonsense\r\nHost: postern\r\n\r\n", "403")
	f("GET /v1/check nonsense\r\nHost: postern\r\n\r\n", "400")
	f("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505")
}

// TestTLS_noTLS: who speaks no TLS gets no decision, and a proxy is told a denial.
func TestTLS_noTLS(t *testing.T) {
	s := startSecured(t, standard(t, plain(t)), nil)
	for _, listener := range []string{"http", "admin"} {
		res, err := http.Get("http://" + s.server.Addresses()[listener] + "/healthz")
		if err != nil {
			t.Errorf("%s: %v", listener, err)
			continue
		}
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != 400 || strings.Contains(string(text), "{") {
			t.Errorf("%s: %d %q, want 400 and no answer", listener, res.StatusCode, text)
		}
	}
	plain := s.connect()
	if got := told(authv3.NewAuthorizationClient(plain).Check(soon(t), envoyAsks("GET", "/"))); got != "error Unavailable" {
		t.Errorf("grpc: %s", got)
	}
	for _, m := range s.families()["postern_decisions_total"].GetMetric() {
		if m.GetCounter().GetValue() != 0 {
			t.Errorf("handshakes were counted as decisions: %v", m)
		}
	}
}

// TestTLS_stuck: handshakes that stand still keep nobody out of any listener.
func TestTLS_stuck(t *testing.T) {
	s := startSecured(t, standard(t, plain(t)), nil)
	for _, address := range s.server.Addresses() {
		for i := range 200 {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte("\x16\x03\x01\x01\x00\x01"[:i%7])); err != nil {
				t.Fatal(err)
			}
		}
	}
	began := time.Now()
	if a := s.ask(sign(t, nil), question); !a.Allow {
		t.Errorf("http: %d %s", a.Code, a.Body)
	}
	if got := s.call(s.trusted); strings.HasPrefix(got, "error") {
		t.Errorf("grpc: %s", got)
	}
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
		t.Errorf("admin: %d", a.Code)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("they waited %v", took)
	}
	// Nor do they hold up a drain for longer than a handshake may take.
	began = time.Now()
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the drain took %v", took)
	}
}

// TestTLS_drain: what was taken is answered under TLS too, and idle connections end.
func TestTLS_drain(t *testing.T) {
	released, taken := make(chan struct{}), make(chan struct{})
	armed := make(chan struct{}, 1)
	s := startSecured(t, standard(t, plain(t)), func() time.Time {
		select {
		case <-armed:
			close(taken)
			<-released
		default:
		}
		return time.Now()
	})
	good := sign(t, nil)
	if a := s.ask(good, question); !a.Allow {
		t.Fatalf("before: %s", a.Body)
	}
	idle, err := s.raw(s.trusted)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(idle, "GET /v1/session HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := idle.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	armed <- struct{}{}
	under := make(chan answer)
	go func() {
		a, err := s.try("POST", "/v1/check", question, "Authorization", "Bearer "+good)
		if err != nil {
			t.Errorf("the request under way: %v", err)
		}
		under <- a
	}()
	<-taken
	ended := make(chan error)
	go func() { ended <- s.stop() }()
	eventually(t, "the server drains", func() bool { return strings.Contains(s.log.String(), `"msg":"draining"`) })
	close(released)
	if a := <-under; !a.Allow {
		t.Errorf("the request under way: %d %s", a.Code, a.Body)
	}
	if err := <-ended; err != nil {
		t.Errorf("Run = %v", err)
	}
	if _, err := idle.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the idle connection: %v, want its end", err)
	}
}

// serial is the serial number that the decision listener shows.
func (s *secured) serial() string {
	s.t.Helper()
	c, err := s.raw(s.trusted)
	if err != nil {
		s.t.Fatal(err)
	}
	return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// TestTLS_reload: a secret that is swapped is served by all listeners from then on; a bad one
// changes nothing and is told of; a new authority ends what the old one let in.
func TestTLS_reload(t *testing.T) {
	s := startSecured(t, standard(t, plain(t)), nil)
	first := s.serial()
	end := time.Now().Add(48 * time.Hour)
	next := s.authority.Server(t, func(c *x509.Certificate) { c.NotAfter = end })
	s.files.publish(secretOf(next, s.authority.PEM))
	eventually(t, "the new certificate is shown", func() bool { return s.serial() != first })
	second := s.serial()
	for _, listener := range []string{"http", "grpc", "admin"} {
		eventually(t, listener+" has the new certificate's begin and end in the metrics", func() bool {
			return s.metric(`postern_tls_certificate_not_after_timestamp_seconds{listener="`+listener+`"}`) == fmt.Sprintf("%g", float64(end.Unix())) &&
				s.metric(`postern_tls_certificate_not_before_timestamp_seconds{listener="`+listener+`"}`) != ""
		})
	}
	if !strings.Contains(s.log.String(), `cert.pem expires at `) {
		t.Error("the certificate's end is not in the log")
	}

	bad := secretOf(next, s.authority.PEM)
	bad["key.pem"] = s.authority.Server(t).Key
	s.files.publish(bad)
	eventually(t, "the bad key is told of", func() bool {
		return strings.Contains(s.log.String(), "private key does not match") && s.metric(`postern_tls_certificate_reloads_total{listener="http",result="error"}`) == "1"
	})
	if got := s.serial(); got != second {
		t.Error("a bad key changed what is shown")
	}
	if status := s.do("GET", "admin:/v1/status", "").Body; !strings.Contains(status, "private key does not match") || !strings.Contains(status, `"not_after": "`+end.UTC().Format("2006-01-02T15:04")) {
		t.Errorf("status: %s", status)
	}

	// A connection of each kind, made under the old authority.
	http1, err := s.raw(s.trusted)
	if err != nil {
		t.Fatal(err)
	}
	head := "POST /v1/check HTTP/1.1\r\nHost: postern\r\nAuthorization: Bearer " + sign(t, nil) + "\r\n" + length + "\r\n" + question
	if _, err := io.WriteString(http1, head); err != nil {
		t.Fatal(err)
	}
	if _, err := http1.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	http2 := s.connect(grpc.WithTransportCredentials(credentials.NewTLS(s.trusted)))
	asks := authv3.NewAuthorizationClient(http2)
	if got := told(asks.Check(soon(t), envoyAsks("GET", "/"))); strings.HasPrefix(got, "error") {
		t.Fatalf("grpc: %s", got)
	}
	other := harness.NewAuthority(t, "other")
	s.files.publish(secretOf(next, other.PEM))
	s.trusted.Certificates[0] = other.Client(t, "app.example").TLS // what is in use has its own by now
	if _, err := http1.Read(make([]byte, 1)); err == nil {
		t.Error("a connection of the old authority's client lives")
	}
	old := s.with(s.authority.Client(t, "app.example"))
	eventually(t, "the old authority's clients are refused", func() bool { return s.call(old) == "error Unavailable" })
	s.client.CloseIdleConnections()
	if a := s.ask(sign(t, nil), question); !a.Allow {
		t.Errorf("the new authority's client: %d %s", a.Code, a.Body)
	}
}

// TestTLS_bad: a server whose certificate is not good does not start, and binds nothing.
func TestTLS_bad(t *testing.T) {
	a := harness.NewAuthority(t, "authority")
	f := func(listener, file, text string) {
		t.Helper()
		c, dir := standard(t, plain(t)), t.TempDir()
		for name, text := range secretOf(a.Server(t), a.PEM) {
			write(t, dir, name, text)
		}
		withTLS(c, dir)
		write(t, dir, "bad.pem", text)
		of := map[string]*config.TLS{"http": &c.HTTP.TLS, "grpc": &c.GRPC.TLS, "admin": &c.Admin.TLS}[listener]
		*map[string]*string{"cert": &of.Cert, "key": &of.Key, "ca": &of.ClientCA}[file] = filepath.Join(dir, "bad.pem")
		if err := refused(t, c); !strings.Contains(err.Error(), listener+".tls: ") || !strings.Contains(err.Error(), "bad.pem") {
			t.Errorf("a bad %s of %s: %v", file, listener, err)
		}
	}
	f("http", "cert", "")
	f("grpc", "key", "text")
	f("admin", "ca", a.Server(t).Cert)
	f("grpc", "cert", a.Server(t).Cert)
}

// TestTLS_openssl: the other common implementation is let in, and refused, as Go's is.
func TestTLS_openssl(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	s := startSecured(t, standard(t, plain(t)), nil)
	pair, dir := s.authority.Client(t, "app.example"), t.TempDir()
	ca := write(t, dir, "ca.pem", s.authority.PEM)
	cert, key := write(t, dir, "cert.pem", pair.Cert), write(t, dir, "key.pem", pair.Key)
	f := func(want bool, args ...string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, openssl, append([]string{
			"s_client", "-connect", s.server.Addresses()["http"], "-CAfile", ca, "-verify_return_error", "-quiet", "-ign_eof",
		}, args...)...)
		cmd.Stdin = strings.NewReader("GET /v1/session HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		out, err := cmd.CombinedOutput()
		if got := strings.Contains(string(out), "HTTP/1.1 401"); got != want {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	f(true, "-cert", cert, "-key", key)
	f(true, "-cert", cert, "-key", key, "-alpn", "http/1.1")
	f(false)
	f(false, "-cert", cert, "-key", key, "-tls1_2")
	f(false, "-cert", cert, "-key", key, "-alpn", "h2")
}

// TestTLS_silent: TLS leaves no key and no token in the log.
func TestTLS_silent(t *testing.T) {
	s := startSecured(t, standard(t, plain(t)), nil)
	s.ask(sign(t, nil), question)
	key, err := os.ReadFile(filepath.Join(s.files.dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if log := s.log.String() + s.do("GET", "admin:/v1/status", "").Body; strings.Contains(log, strings.Split(string(key), "\n")[1]) {
		t.Errorf("the key is in the log: %s", log)
	}
}

// TestClients_watched: the tokens' file is read again when it changes; a bad one is kept out
// and told of, without its tokens.
func TestClients_watched(t *testing.T) {
	dir := t.TempDir()
	const one, two = "0123456789abcdef", "fedcba9876543210"
	path := write(t, dir, "tokens", "a "+one+"\nb "+two+"\n")
	s := start(t, standard(t, plain(t), "clients: {tokens_file: "+path+"}"))
	tokens := func() string {
		_, rest, _ := strings.Cut(s.do("GET", "admin:/v1/status", "").Body, `"tokens": `)
		count, _, _ := strings.Cut(rest, ",")
		return count
	}
	if got := tokens(); got != "2" {
		t.Errorf("%s tokens at the start, want 2", got)
	}
	replace(t, path, "b "+two+"\n")
	eventually(t, "a token is gone", func() bool { return tokens() == "1" })
	replace(t, path, two+"\n"+one+" b\n")
	eventually(t, "the bad file is told of", func() bool {
		return s.metric(`postern_client_token_reloads_total{result="error"}`) == "1" && strings.Contains(s.log.String(), "tokens:1: want a name and a token")
	})
	if got := tokens(); got != "1" {
		t.Errorf("%s tokens after a bad file, want 1", got)
	}
	for _, secret := range []string{one, two} {
		if strings.Contains(s.log.String()+s.do("GET", "admin:/v1/status", "").Body, secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	c := standard(t, plain(t), "clients: {tokens_file: "+path+"}")
	if err := refused(t, c); !strings.Contains(err.Error(), "clients.tokens_file: ") || strings.Contains(err.Error(), two) {
		t.Errorf("a start with a bad file: %v", err)
	}
}
