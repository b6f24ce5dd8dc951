package token

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"postern/sidecar/decision"
)

// write replaces a file the way an editor or a rollout does.
func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// load loads k; with want it must fail and say so.
func load(t *testing.T, k *Keys, want string) {
	t.Helper()
	err := k.Load(t.Context())
	switch {
	case want == "" && err != nil:
		t.Fatalf("Load: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Fatalf("Load = %v, want %q", err, want)
	case want != "" && k.Status().LastError != err.Error():
		t.Fatalf("LastError = %q, want %q", k.Status().LastError, err)
	case want == "" && k.Status().LastError != "":
		t.Fatalf("LastError = %q after a good load, want none", k.Status().LastError)
	}
}

// TestKeys_file follows one file through good and bad content: a bad one changes nothing,
// a good one replaces all.
func TestKeys_file(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	config := testConfig(t)
	config.Keys = JWKSFile(path)
	k := config.Keys
	v := mustVerifier(t, config)
	one := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	two := sign(t, "RS256", rsaTwo(), `{"alg":"RS256","kid":"two"}`, goodClaims)
	want := func(raw string, code decision.Code) *Claims {
		t.Helper()
		c, err := v.Verify(raw, testNow)
		wantCode(t, "Verify", err, code)
		return c
	}

	if k.Path() != path || k.Ready() || k.Status().Keys != 0 {
		t.Fatalf("before a load: path %q, ready %v, status %+v", k.Path(), k.Ready(), k.Status())
	}
	want(one, decision.NotReady)
	load(t, k, "no such file")
	if k.Ready() {
		t.Fatal("Ready = true after a failed first load, want false")
	}
	want(one, decision.NotReady)

	write(t, path, jwksOf(named(rsaOne().Public(), "one")))
	load(t, k, "")
	first := want(one, "")
	want(two, decision.TokenKeyUnknown)

	// The same keys, in another spelling: what was verified stays verified.
	write(t, path, append([]byte("\n"), jwksOf(named(rsaOne().Public(), "one"), map[string]any{"kty": "oct"})...))
	load(t, k, "")
	if !first.Current() {
		t.Fatal("Current = false after the same keys were loaded again, want true")
	}
	if s := k.Status(); s.Keys != 1 || len(s.Notes) != 1 || s.Digest == "" || s.LoadedAt.IsZero() {
		t.Fatalf("Status = %+v, want one key and one note", s)
	}

	for _, bad := range []string{``, `{"keys":[]}`, `{"keys":[`, "<html></html>", `{"keys":[{"kty":"oct","kid":"one","k":"AAAA"}]}`} {
		write(t, path, []byte(bad))
		load(t, k, path)
		if !first.Current() || !k.Ready() {
			t.Fatalf("after %q: current %v, ready %v, want the old set", bad, first.Current(), k.Ready())
		}
		want(one, "")
	}

	// A key is withdrawn, and comes back.
	write(t, path, jwksOf(named(rsaTwo().Public(), "two")))
	load(t, k, "")
	if first.Current() {
		t.Fatal("Current = true after its key was withdrawn, want false")
	}
	want(one, decision.TokenKeyUnknown)
	want(two, "")
	write(t, path, jwksOf(named(rsaTwo().Public(), "two"), named(rsaOne().Public(), "one")))
	load(t, k, "")
	want(one, "")
	want(two, "")
}

func TestKeys_pemFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	write(t, path, pemOf(rsaOne().Public()))
	k := PEMFile(path)
	load(t, k, "")
	if s := k.Status(); s.Keys != 1 || s.Source != path {
		t.Fatalf("Status = %+v, want one key from %s", s, path)
	}
	write(t, path, jwksOf(named(rsaOne().Public(), "one")))
	load(t, k, "text outside the PEM blocks")
}

// TestKeys_notAFile puts what is not a regular file in the file's place. None may hang.
func TestKeys_notAFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skipf("make a named pipe: %v", err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxKeySetBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir: "not a regular file", fifo: "not a regular file", "/dev/zero": "not a regular file",
		loop: "open", large: "more than 1048576 bytes", filepath.Join(dir, "none"): "no such file", "": "without a path",
	} {
		load(t, JWKSFile(path), want)
	}
}

// TestKeys_link reads through links, which is how a mounted volume presents files.
func TestKeys_link(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "jwks.json")
	if err := os.Symlink("real.json", path); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "real.json"), jwksOf(named(rsaOne().Public(), "one")))
	load(t, JWKSFile(path), "")
}

func TestStaticKeys(t *testing.T) {
	k := StaticKeys(mustJWKS(t, named(rsaOne().Public(), "one")))
	load(t, k, "")
	if !k.Ready() || k.Path() != "" || k.Status().Keys != 1 {
		t.Fatalf("ready %v, path %q, status %+v", k.Ready(), k.Path(), k.Status())
	}
	k.Run(t.Context()) // returns at once
	load(t, StaticKeys(nil), "no key set")
}

// TestKeys_loadWaits keeps loads apart, and lets a waiting one give up.
func TestKeys_loadWaits(t *testing.T) {
	k := newKeys("test", ParseJWKS)
	reading, release := make(chan struct{}), make(chan struct{})
	k.read = func(context.Context) ([]byte, error) {
		reading <- struct{}{}
		<-release
		return jwksOf(named(rsaOne().Public(), "one")), nil
	}
	done := make(chan error)
	go func() { done <- k.Load(context.Background()) }()
	<-reading
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := k.Load(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("Load beside another = %v, want %v", err, context.Canceled)
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatalf("Load: %v", err)
	}
}

// TestKeys_loadPanics turns a panic of a parser into an error.
func TestKeys_loadPanics(t *testing.T) {
	k := newKeys("test", func([]byte) (*KeySet, error) { panic("boom") })
	k.read = func(context.Context) ([]byte, error) { return nil, nil }
	load(t, k, "panic: boom")
	load(t, k, "panic: boom") // and the next load is not locked out
}

// TestKeys_concurrent swaps sets under readers: every answer belongs to one set.
func TestKeys_concurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	both := jwksOf(named(rsaOne().Public(), "one"), named(rsaTwo().Public(), "two"))
	only := jwksOf(named(rsaOne().Public(), "one"))
	write(t, path, both)
	config := testConfig(t)
	config.Keys = JWKSFile(path)
	load(t, config.Keys, "")
	v := mustVerifier(t, config)
	one := sign(t, "RS256", rsaOne(), goodHeader, goodClaims)
	two := sign(t, "RS256", rsaTwo(), `{"alg":"RS256","kid":"two"}`, goodClaims)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := v.Verify(one, testNow); err != nil {
					t.Errorf("Verify with a key that is in every set: %v", err)
					return
				}
				if c, err := v.Verify(two, testNow); err != nil && CodeOf(err) != decision.TokenKeyUnknown {
					t.Errorf("Verify with a key that comes and goes: %v", err)
					return
				} else if err == nil && c.keys.byKID["two"] == nil {
					t.Error("Verify: the claims name a set that does not hold their key")
					return
				}
			}
		})
	}
	for i := range 100 {
		write(t, path, [][]byte{only, both}[i%2])
		load(t, config.Keys, "")
	}
	close(stop)
	readers.Wait()
}
