package remote

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/sidecar/bundle"
)

// revision is an archive of which there are as many as there are names.
func revision(t testing.TB, name string) []byte {
	t.Helper()
	return archiveOf(t, map[string]string{
		".manifest":       fmt.Sprintf(`{"revision": %q, "roots": ["model"]}`, name),
		"model/data.json": `{"settings": {"membership_limit": 5}}`,
	})
}

// archiveOf is a .tar.gz of files, in the order of their names.
func archiveOf(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := tw.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// defaults are options for a URL that tests do not wait for.
func defaults(url string) Options {
	return Options{URL: url, Min: 10 * time.Millisecond, Max: 50 * time.Millisecond, Timeout: 20 * time.Second, Limits: bundle.DefaultLimits()}
}

func newSource(t testing.TB, o Options) *Source {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// mustFetch fetches and wants to hold content then.
func mustFetch(t testing.TB, s *Source, content []byte) {
	t.Helper()
	if err := s.Fetch(t.Context()); err != nil {
		t.Fatalf("Fetch = %v", err)
	}
	wantLatest(t, s, content)
}

func wantLatest(t testing.TB, s *Source, content []byte) {
	t.Helper()
	a, ok := s.Latest()
	if !ok || !bytes.Equal(a.Content, content) || a.Digest != digestOf(content) || a.FetchedAt.IsZero() {
		t.Fatalf("Latest = %d bytes, %s at %v, %v; want %d bytes, %s", len(a.Content), a.Digest, a.FetchedAt, ok, len(content), digestOf(content))
	}
}

// wantFault fetches and wants it to fail with all of texts and with no secret.
func wantFault(t testing.TB, s *Source, texts ...string) {
	t.Helper()
	err := s.Fetch(t.Context())
	if err == nil {
		t.Fatalf("Fetch = nil, want an error with %q", texts)
	}
	for _, text := range append(texts, s.Name()+": ") {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("Fetch = %v, want %q in it", err, text)
		}
	}
	for _, secret := range []string{"s3cret", "sig="} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("Fetch = %v, with a secret", err)
		}
	}
	if got := s.Status().Error; got != err.Error() {
		t.Errorf("Status().Error = %q, want %q", got, err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// noLeaks wants no goroutine of the downloaders or of connections after f.
func noLeaks(t *testing.T, f func()) {
	t.Helper()
	before := goroutines()
	f()
	var now string
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if now = goroutines(); strings.Count(now, "\n\n") <= strings.Count(before, "\n\n") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("goroutines are left:\n%s", now)
}

// goroutines are the stacks that have to do with asking.
func goroutines() string {
	text := make([]byte, 1<<20)
	text = text[:runtime.Stack(text, true)]
	var all []string
	for stack := range strings.SplitSeq(string(text), "\n\n") {
		if strings.Contains(stack, "net/http.(*Transport)") || strings.Contains(stack, "net/http.(*persistConn)") ||
			strings.Contains(stack, "http2ClientConn") || strings.Contains(stack, "/download.") || strings.Contains(stack, "oras.land") {
			all = append(all, stack+"\n\n")
		}
	}
	return strings.Join(all, "")
}

// lines is what a process or a logger wrote.
type lines struct {
	mu   sync.Mutex
	text []byte
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

func (l *lines) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = nil
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func writeFile(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An authority issues certificates. Its own is the file at path.
type authority struct {
	dir, path string
	cert      *x509.Certificate
	key       *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.path = filepath.Join(a.dir, "ca.pem")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	writeFile(t, a.path, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue writes a certificate for 127.0.0.1 and localhost, and its key.
func (a *authority) issue(t testing.TB, name string) (cert, key string) {
	t.Helper()
	private := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = writeFile(t, filepath.Join(a.dir, name+".pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	key = writeFile(t, filepath.Join(a.dir, name+"-key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})))
	return cert, key
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// running runs a source until the test ends or stop is called, and counts its news.
type running struct {
	stop func()
	mu   sync.Mutex
	news int
}

func run(t testing.TB, s *Source) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, done := &running{}, make(chan error, 1)
	go func() {
		done <- s.Run(ctx, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.news++
		})
	}()
	r.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *running) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.news
}
