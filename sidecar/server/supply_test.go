package server_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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
	return withSignature(b.t, files, jwt(`{"alg":"EdDSA","kid":"ci"}`, b.payload(files, claims), b.sign))
}

// payload is what the signature of files says, with more claims.
func (b *bundleSigner) payload(files map[string]string, claims map[string]any) []byte {
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
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(file.Signatures[0], ".")[1])
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
	return text
}

func (b *bundleSigner) sign(said []byte) []byte { return ed25519.Sign(b.key, said) }

// jwt is a token of a header and a payload, signed in some way.
func jwt(header string, payload []byte, sign func(said []byte) []byte) string {
	said := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	return said + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(said)))
}

// withSignature is an archive of files with a JWT as their signature.
func withSignature(t testing.TB, files map[string]string, token string) []byte {
	t.Helper()
	content, err := json.Marshal(map[string]any{"signatures": []string{token}})
	if err != nil {
		t.Fatal(err)
	}
	files = maps.Clone(files)
	files[bundle.SignaturesName] = string(content)
	return tarball(t, files)
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

// TestSources_passing: what was refused for a cause that passes is loaded when it has passed,
// though its server has nothing new to say.
func TestSources_passing(t *testing.T) {
	signer := newBundleSigner(t)
	began := time.Now()
	var at clock
	at.set(began)
	server := publishing(t, signer.archive(sayingBundle("1", "one"), nil))
	c := remotely(t, server.URL, signer.members())
	c.Watch.Poll = 20 * time.Millisecond
	good := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	s := startAt(t, c, at.now)
	s.says(good, "one")
	server.publish(signer.archive(sayingBundle("2", "two"), map[string]any{"nbf": began.Add(time.Hour).Unix()}))
	eventually(t, "it is too early", func() bool { return strings.Contains(s.log.String(), "not valid before") })
	at.set(began.Add(2 * time.Hour))
	s.says(good, "two")
}

// TestSources_keptBeside: at a start without one of two servers, what was kept of it decides
// beside what the other server says now.
func TestSources_keptBeside(t *testing.T) {
	rules := publishing(t, tarball(t, sayingBundle("1", "one")))
	model := publishing(t, tarball(t, map[string]string{".manifest": `{"revision": "m1", "roots": ["model"]}`, "model/data.yaml": "permissions: {}\n"}))
	c := remotely(t, rules.URL, "", "persistence_directory: "+t.TempDir())
	c.Bundles = append(c.Bundles, remotely(t, model.URL, "").Bundles...)
	good := sign(t, nil)
	s := start(t, c)
	s.says(good, "one")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	model.down.Store(true)
	rules.publish(tarball(t, sayingBundle("2", "two")))
	s = start(t, c)
	s.says(good, "two")
	if o := s.origins(); o[0].Kept || !o[1].Kept || o[1].Revision != "m1" {
		t.Errorf("origins = %+v, want what the one server says and what was kept of the other", o)
	}
	if !strings.Contains(s.log.String(), "the bundle that was kept decides") {
		t.Errorf("the log does not say so:\n%s", s.log)
	}
}

// TestSources_keptUnusable: nothing that lies in the place of what was kept decides, holds a
// start up, or keeps the server from what its bundle's server says.
func TestSources_keptUnusable(t *testing.T) {
	signer := newBundleSigner(t)
	at := publishing(t, signer.archive(sayingBundle("2", "two"), nil))
	dir := t.TempDir()
	c := remotely(t, at.URL, signer.members()+", ordered: true", "persistence_directory: "+dir)
	good := sign(t, nil)
	s := start(t, c)
	s.says(good, "two")
	var path string
	eventually(t, "the bundle is kept", func() bool {
		all, err := filepath.Glob(filepath.Join(dir, "*.bundle"))
		if err == nil && len(all) == 1 {
			path = all[0]
		}
		return path != ""
	})
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(kept), "\n")
	unsigned := tarball(t, sayingBundle("9", "nine"))
	sum := sha256.Sum256(unsigned)
	var h map[string]any
	if err := json.Unmarshal([]byte(header), &h); err != nil {
		t.Fatal(err)
	}
	h["digest"], h["size"] = "sha256:"+hex.EncodeToString(sum[:]), len(unsigned)
	forged, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.WriteFile(elsewhere, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(what string, put func() error) {
		t.Helper()
		if err := errors.Join(os.RemoveAll(path), put()); err != nil {
			t.Fatal(err)
		}
		at.down.Store(true)
		s := start(t, c)
		if a := s.ask(good, `{"permission":"org:reports:read"}`); a.codes() != "not_ready" {
			t.Errorf("%s: %s", what, a.Body)
		}
		if a := s.do("GET", "admin:/healthz", ""); a.Code != 200 {
			t.Errorf("%s: not alive: %s", what, a.Body)
		}
		at.down.Store(false)
		s.says(good, "two")
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
	}
	f("deleted", func() error { return nil })
	f("unsigned", func() error { return os.WriteFile(path, append(append(forged, '\n'), unsigned...), 0o600) })
	f("cut off", func() error { return os.WriteFile(path, kept[:len(kept)-1], 0o600) })
	f("empty", func() error { return os.WriteFile(path, nil, 0o600) })
	f("a link", func() error { return os.Symlink(elsewhere, path) })
	f("a pipe", func() error { return syscall.Mkfifo(path, 0o600) })
	f("a directory", func() error { return os.Mkdir(path, 0o700) })
	f("others can write", func() error {
		return errors.Join(os.WriteFile(path, kept, 0o600), os.Chmod(path, 0o622))
	})
}

// TestSources_staleDoors: a server that has been out of reach for too long ends decisions at
// every door, and OPA's own probes see it too.
func TestSources_staleDoors(t *testing.T) {
	at := publishing(t, tarball(t, map[string]string{
		".manifest": `{"revision": "1"}`, "app/rules.rego": "package app\n\nyes := true\n", "system/health.rego": "package system.health\n\nlive := true\n",
	}))
	began := time.Now()
	var now clock
	now.set(began)
	s := startAt(t, remotely(t, at.URL, ", max_age: 1h, stale: deny", "doors: {authzen: true, opa: true}", "clients: {anonymous: loopback}"), now.now)
	bearer := "Bearer " + sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	access := `{"subject": {"type": "user", "id": "user_1"}, "action": {"name": "read"}, "resource": {"type": "doc", "id": "1"}}`
	ask := func(method, path, body string, want int, texts ...string) {
		t.Helper()
		a := s.do(method, path, body, "Authorization", bearer, "Content-Type", "application/json")
		if a.Code != want {
			t.Errorf("%s %s: %d %s, want %d", method, path, a.Code, a.Body, want)
		}
		for _, text := range texts {
			if !strings.Contains(a.Body, text) {
				t.Errorf("%s %s: %s, want %s in it", method, path, a.Body, text)
			}
		}
	}
	probes := func(health, ready int) {
		t.Helper()
		for _, path := range []string{"/health?bundles", "/health?plugins", "/health/live"} {
			ask("GET", path, "", health)
		}
		ask("GET", "admin:/readyz", "", ready)
		ask("GET", "/health", "", 200)
		ask("GET", "admin:/healthz", "", 200)
	}
	probes(200, 200)
	ask("POST", "/v1/data/app/yes", `{"input": 1}`, 200, "true")
	at.down.Store(true)
	eventually(t, "the server is out of order", func() bool { return s.origins()[0].Server.Error != "" })
	now.set(began.Add(3 * time.Hour))
	eventually(t, "deny acts", func() bool { return s.do("GET", "admin:/readyz", "").Code == 503 })
	probes(500, 503)
	ask("POST", "/v1/check", `{"role":"admin"}`, 200, "not_ready", `"allow":false`)
	ask("POST", "/v1/checks", `{"checks":[{"role":"admin"}]}`, 200, "not_ready", `"allow":false`)
	ask("GET", "/v1/session", "", 503)
	ask("POST", "/access/v1/evaluation", access, 503)
	ask("POST", "/access/v1/evaluations", `{"evaluations":[`+access+`]}`, 503)
	ask("POST", "/v1/data/app/yes", `{"input": 1}`, 503)
	ask("POST", "/v0/data/app/yes", `1`, 503)
	ask("POST", "/v1/batch/data/app/yes", `{"inputs": {"a": 1}}`, 503)
	at.down.Store(false)
	eventually(t, "deny ends", func() bool { return s.do("GET", "admin:/readyz", "").Code == 200 })
	probes(200, 200)
	ask("POST", "/v1/data/app/yes", `{"input": 1}`, 200, "true")
}
