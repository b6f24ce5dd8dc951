package server_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/bundle"
)

// A bundleSigner signs bundles with claims of its own.
type bundleSigner struct {
	t       testing.TB
	key     ed25519.PrivateKey
	private []byte
	public  string // the path of its public key
}

func newBundleSigner(t testing.TB) *bundleSigner {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	b := &bundleSigner{t: t, key: key, private: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), public: filepath.Join(t.TempDir(), "ci.pub")}
	if err := os.WriteFile(b.public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

// members are those of a bundle in the configuration that must be signed by the signer.
func (b *bundleSigner) members() string {
	return fmt.Sprintf(", signers: [{key_id: ci, public_key: %q, algorithm: EdDSA}]", b.public)
}

// archive is one of files, signed with more claims.
func (b *bundleSigner) archive(files map[string]string, claims map[string]any) []byte {
	b.t.Helper()
	content, err := bundle.SignatureOf(b.t.Context(), bundle.DefaultLimits(), bundle.Source{Name: "b", Archive: tarball(b.t, files)},
		bundle.SigningKey{KeyID: "ci", Algorithm: "EdDSA", Key: b.private})
	if err != nil {
		b.t.Fatal(err)
	}
	var file struct {
		Signatures []string `json:"signatures"`
	}
	payload := map[string]any{}
	if err := json.Unmarshal(content, &file); err != nil {
		b.t.Fatal(err)
	}
	parts := strings.Split(file.Signatures[0], ".")
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &payload)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(payload, claims)
	if text, err = json.Marshal(payload); err != nil {
		b.t.Fatal(err)
	}
	said := parts[0] + "." + base64.RawURLEncoding.EncodeToString(text)
	file.Signatures[0] = said + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(b.key, []byte(said)))
	if content, err = json.Marshal(file); err != nil {
		b.t.Fatal(err)
	}
	files = maps.Clone(files)
	files[bundle.SignaturesName] = string(content)
	return tarball(b.t, files)
}

// TestSources_orderedExpired: a bundle whose signature has expired meanwhile is still the one
// that decided last: an older one that is signed for longer does not pass it by a restart.
func TestSources_orderedExpired(t *testing.T) {
	signer := newBundleSigner(t)
	began := time.Now()
	var at clock
	at.set(began)
	server := publishing(t, signer.archive(sayingBundle("2", "two"), map[string]any{"exp": began.Add(time.Hour).Unix()}))
	c := remotely(t, server.URL, signer.members()+", ordered: true", "persistence_directory: "+t.TempDir())
	good := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	s := startAt(t, c, at.now)
	s.says(good, "two")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	at.set(began.Add(2 * time.Hour))
	server.publish(signer.archive(sayingBundle("1", "one"), nil))
	s = startAt(t, c, at.now)
	eventually(t, "the load is told of", func() bool { return strings.Contains(s.log.String(), "bundle refused") })
	if a := s.ask(good, `{"permission":"org:reports:read"}`); a.codes() != "not_ready" {
		t.Errorf("an older revision decides: %s", a.Body)
	}
	server.publish(signer.archive(sayingBundle("3", "three"), nil))
	s.says(good, "three")
}
