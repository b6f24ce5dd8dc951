package origin

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
)

// signed is an archive that a key signed, and the configuration of a URL that wants that.
func signed(t *testing.T) ([]byte, config.Bundle) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signing, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "ci.pub")
	for path, text := range map[string][]byte{
		key:                                   pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: verifying}),
		filepath.Join(dir, "b", "rules.rego"): []byte("package app\n\nyes := true\n"),
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	archive, err := bundle.Build(t.Context(), bundle.DefaultLimits(), bundle.Paths(filepath.Join(dir, "b")), bundle.Building{Revision: "1"})
	if err != nil {
		t.Fatal(err)
	}
	archive, _, err = bundle.Sign(t.Context(), bundle.DefaultLimits(), bundle.Source{Archive: archive},
		bundle.SigningKey{KeyID: "ci", Algorithm: "EdDSA", Key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: signing})})
	if err != nil {
		t.Fatal(err)
	}
	c := config.DefaultBundle()
	c.URL, c.Signers = "https://bundles.example/b.tar.gz", config.Signers{{KeyID: "ci", PublicKey: key, Algorithm: "EdDSA"}}
	return archive, c
}

// TestAdmit_panic: a library that panics on an archive has refused it; the reading is in a
// goroutine of its own.
func TestAdmit_panic(t *testing.T) {
	archive, c := signed(t)
	s, err := New(config.Bundles{c}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := s.origins[0]
	o.now = func() time.Time { panic("planted") } // asked when a signature is verified
	for range 2 {
		if err := o.admit(t.Context(), archive); err == nil || !strings.Contains(err.Error(), "planted") {
			t.Fatalf("admit = %v, want the panic", err)
		}
	}
	o.now = time.Now
	if err := o.admit(t.Context(), archive); err != nil {
		t.Errorf("admit = %v", err)
	}
}

// TestAdmit_endless: an archive that is read for ever keeps nobody waiting, and no second one
// is read beside it.
func TestAdmit_endless(t *testing.T) {
	archive, c := signed(t)
	s, err := New(config.Bundles{c}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := s.origins[0]
	r, w := io.Pipe()
	o.now = func() time.Time {
		_, _ = r.Read(make([]byte, 1))
		return time.Now()
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- o.admit(ctx, archive) }()
	for len(o.admitting) == 0 {
		time.Sleep(time.Millisecond)
	}
	soon, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer stop()
	if err := o.admit(soon, archive); err == nil || !strings.Contains(err.Error(), "still being read") {
		t.Errorf("admit beside it = %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("admit = %v, want the end of its context", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := o.admit(t.Context(), archive); err != nil {
		t.Errorf("admit afterwards = %v", err)
	}
}
