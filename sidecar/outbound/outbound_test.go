package outbound_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/outbound"
	"postern/testdata/harness"
)

// TestFiles_TLS_refused: what cannot be used is an error that names the file.
func TestFiles_TLS_refused(t *testing.T) {
	dir := t.TempDir()
	pair := harness.NewAuthority(t, "ca").Server(t)
	cert, key := harness.Write(t, dir, "cert.pem", pair.Cert), harness.Write(t, dir, "key.pem", pair.Key)
	empty := harness.Write(t, dir, "empty.pem", "hush")
	f := func(want string, files outbound.Files) {
		t.Helper()
		if _, err := files.TLS(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%+v: %v, want %q", files, err, want)
		}
	}
	f("empty.pem: no certificate in it", outbound.Files{CA: empty})
	f("missing.pem: no such file", outbound.Files{CA: filepath.Join(dir, "missing.pem")})
	f("one is missing", outbound.Files{Cert: cert})
	f("one is missing", outbound.Files{Key: key})
	f("cert.pem and "+empty, outbound.Files{Cert: cert, Key: empty})
	f("missing.pem: no such file", outbound.Files{Cert: filepath.Join(dir, "missing.pem"), Key: key})
}

// TestFiles_TLS_replaced: a new pair is shown at the next handshake.
func TestFiles_TLS_replaced(t *testing.T) {
	dir := t.TempDir()
	authority := harness.NewAuthority(t, "ca")
	first, second := authority.Server(t), authority.Server(t)
	files := outbound.Files{Cert: harness.Write(t, dir, "cert.pem", first.Cert), Key: harness.Write(t, dir, "key.pem", first.Key)}
	config, err := files.TLS()
	if err != nil {
		t.Fatal(err)
	}
	shows := func(want harness.Pair) {
		t.Helper()
		got, err := config.GetClientCertificate(nil)
		if err != nil || !got.Leaf.Equal(want.TLS.Leaf) {
			t.Errorf("another certificate is shown, %v", err)
		}
	}
	shows(first)
	harness.Write(t, dir, "cert.pem", second.Cert)
	harness.Write(t, dir, "key.pem", second.Key)
	shows(second)
}

// TestBearer: a file holds one token and nothing else, and no error has any of it.
func TestBearer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	f := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := outbound.Bearer(path)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "hush") {
			t.Errorf("Bearer(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	f("hush", "Bearer hush")
	f("\n hush\r\n", "Bearer hush")
	f("", "")
	f(" \n", "")
	f("hush hush", "")
	f("hush\r\nX-Evil: hush", "")
	f("hüsh", "")
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "30": 30 * time.Second, "-1": 0, "x": 0, "61": time.Minute, "99999999999999999999": time.Minute,
		"Thu, 01 Jan 2026 00:00:40 GMT": 40 * time.Second, "Thu, 01 Jan 2025 00:00:40 GMT": 0, "Fri, 01 Jan 2027 00:00:00 GMT": time.Minute,
	} {
		if got := outbound.RetryAfter(http.Header{"Retry-After": {text}}, now, time.Minute); got != want {
			t.Errorf("RetryAfter(%q) = %s, want %s", text, got, want)
		}
	}
}

// TestBackoff: waits double up to the longest, and are spread over the second half.
func TestBackoff(t *testing.T) {
	for before, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 5: 32 * time.Second, 6: time.Minute, 1 << 40: time.Minute} {
		least, most := time.Hour, time.Duration(0)
		for range 1000 {
			got := outbound.Backoff(before, time.Second, time.Minute)
			least, most = min(least, got), max(most, got)
		}
		if least < want/2 || least > want*6/10 || most > want || most < want*9/10 {
			t.Errorf("after %d: from %s to %s, want from %s to %s", before, least, most, want/2, want)
		}
	}
	if got := outbound.Backoff(0, time.Minute, time.Second); got > time.Second {
		t.Errorf("a first wait of %s, longer than the longest", got)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST.": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example": false, "10.0.0.1": false, "0.0.0.0": false, "127.0.0.1.example": false, "[::1]": false, "127.0.0.1:80": false,
	} {
		if got := outbound.Loopback(host); got != want {
			t.Errorf("Loopback(%q) = %v, want %v", host, got, want)
		}
	}
}

func TestShown(t *testing.T) {
	u, err := url.Parse("https://user:hush@a.example:8443/b/c?sig=hush#hush")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := outbound.Shown(u), "https://a.example:8443/b/c"; got != want {
		t.Errorf("Shown = %s, want %s", got, want)
	}
	if got := outbound.Shown(nil); got != "a URL" {
		t.Errorf("Shown(nil) = %s", got)
	}
}
