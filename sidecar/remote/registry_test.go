package remote

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"postern/testdata/harness"
)

// dockerConfig writes a config.json with one user for a registry.
func dockerConfig(t testing.TB, host, user, password string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"auths": map[string]any{
		host: map[string]string{"auth": base64.StdEncoding.EncodeToString([]byte(user + ":" + password))},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, filepath.Join(t.TempDir(), "config.json"), string(text))
}

func mustPush(t testing.TB, o PushOptions) string {
	t.Helper()
	d, err := Push(t.Context(), o)
	if err != nil {
		t.Fatalf("Push = %v", err)
	}
	return d
}

// emptyTemp is a new temporary directory; the function wants it empty.
func emptyTemp(t *testing.T) func() {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			t.Errorf("the temporary directory has %v, %v", entries, err)
		}
	}
}

// TestRegistry: what is pushed is fetched, by tag and by digest, as often as the tag moves.
func TestRegistry(t *testing.T) {
	address := harness.Registry(t, "", "")
	clean := emptyTemp(t)
	tag := "oci://" + address + "/policies/main:prod"
	one, two := revision(t, "one"), revision(t, "two")
	s := newSource(t, defaults(tag))
	wantFault(t, s, "the server has nothing there (404)")

	first := mustPush(t, PushOptions{Reference: tag, Archive: one})
	if again := mustPush(t, PushOptions{Reference: tag, Archive: one}); again != first {
		t.Errorf("the same archive has the digests %s and %s", first, again)
	}
	mustFetch(t, s, one)
	if a, _ := s.Latest(); a.ETag != first {
		t.Errorf("ETag = %s, want the manifest's digest %s", a.ETag, first)
	}
	mustFetch(t, s, one)
	if got := s.Status(); got.Fetches != 1 || got.Unchanged != 1 || got.Failures != 1 {
		t.Errorf("Status = %+v", got)
	}
	second := mustPush(t, PushOptions{Reference: tag, Archive: two, Annotations: map[string]string{"org.opencontainers.image.source": "x"}})
	mustFetch(t, s, two)
	for reference, want := range map[string][]byte{"@" + first: one, ":prod@" + first: one, ":other@" + second: two} {
		pinned := newSource(t, defaults("oci://"+address+"/policies/main"+reference))
		mustFetch(t, pinned, want)
		mustFetch(t, pinned, want)
	}
	mustPush(t, PushOptions{Reference: tag, Archive: one})
	mustFetch(t, s, one)
	mustPush(t, PushOptions{Reference: tag, Archive: []byte("not gzip")})
	wantFault(t, s, "read as .tar.gz")
	wantLatest(t, s, one)
	clean()
}

// TestRun_registry: 20 revisions back and forth leave nothing on the disk and no goroutine.
func TestRun_registry(t *testing.T) {
	address := harness.Registry(t, "", "")
	clean := emptyTemp(t)
	tag := "oci://" + address + "/main:prod"
	archives := [][]byte{revision(t, "one"), revision(t, "two"), revision(t, "three")}
	noLeaks(t, func() {
		s := newSource(t, defaults(tag))
		mustPush(t, PushOptions{Reference: tag, Archive: archives[0]})
		r := run(t, s)
		for n := range 20 {
			archive := archives[n%len(archives)]
			mustPush(t, PushOptions{Reference: tag, Archive: archive})
			eventually(t, "the next revision", func() bool { return r.count() == n+1 })
			wantLatest(t, s, archive)
		}
		eventually(t, "an attempt without news", func() bool { return s.Status().Unchanged > 0 })
		r.stop()
		clean()
	})
}

// TestRegistry_credentials: basic authentication over TLS, and the client's certificate.
func TestRegistry_credentials(t *testing.T) {
	ca := newAuthority(t)
	cert, key := ca.issue(t, "server")
	hash, err := bcrypt.GenerateFromPassword([]byte("s3cret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	users := writeFile(t, filepath.Join(t.TempDir(), "htpasswd"), "ada:"+string(hash)+"\n")
	address := harness.Registry(t, fmt.Sprintf("  tls: {certificate: %s, key: %s}", cert, key), fmt.Sprintf("auth: {htpasswd: {realm: test, path: %s}}", users))
	one := revision(t, "one")
	tag := "oci://" + address + "/main:prod"
	good, bad := dockerConfig(t, address, "ada", "s3cret"), dockerConfig(t, address, "ada", "s3cret-not")
	push := PushOptions{Reference: tag, Archive: one, CA: ca.path, DockerConfig: bad}
	if d, err := Push(t.Context(), push); err == nil || !strings.Contains(err.Error(), "(401)") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("Push = %s, %v with wrong credentials", d, err)
	}
	push.DockerConfig = good
	mustPush(t, push)

	o := defaults(tag)
	o.CA = ca.path
	wantFault(t, newSource(t, o), "(401)")
	o.DockerConfig = bad
	s := newSource(t, o)
	wantFault(t, s, "(401)")
	writeFile(t, bad, read(t, good))
	mustFetch(t, s, one)
	o.DockerConfig = dockerConfig(t, "other.example", "ada", "s3cret")
	wantFault(t, newSource(t, o), "(401)")
	o.CA = newAuthority(t).path
	wantFault(t, newSource(t, o), "certificate signed by unknown authority")
	o.CA, o.DockerConfig = "", ""
	wantFault(t, newSource(t, o), "400") // plain http to a port that wants TLS
}

// TestCredentialFor: helpers are not run, and no error has a secret in it.
func TestCredentialFor(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		path := writeFile(t, filepath.Join(t.TempDir(), "config.json"), text)
		got, err := credentialFor(t.Context(), path, "registry.example:5000")
		answer := got.Username + " " + got.Password + " " + got.RefreshToken
		if err != nil {
			answer = err.Error()
		}
		if !strings.Contains(answer, want) || err != nil && strings.Contains(answer, "s3cret") {
			t.Errorf("credentialFor of %s = %s, want %s", text, answer, want)
		}
	}
	f(`{}`, " ")
	f(`{"auths": {"registry.example:5000": {"auth": "YWRhOnMzY3JldA=="}}}`, "ada s3cret ")
	f(`{"auths": {"https://registry.example:5000/v1/": {"auth": "YWRhOnMzY3JldA=="}}}`, "ada s3cret ")
	f(`{"auths": {"registry.example": {"auth": "YWRhOnMzY3JldA=="}}}`, " ")
	f(`{"auths": {"registry.example:5000": {"identitytoken": "s3cret"}}}`, "  s3cret")
	f(`{"auths": {"registry.example:5000": {"auth": "czNjcmV0"}}}`, "cannot be read")
	f(`{"auths": {"registry.example:5000": {"auth": "!s3cret"}}}`, "cannot be read")
	f(`{"auths": {"registry.example:5000": {}}, "credsStore": "touch"}`, "helper \"touch\", and helpers are not run")
	f(`{"credHelpers": {"registry.example:5000": "touch"}, "auths": {"registry.example:5000": {"auth": "YWRhOnMzY3JldA=="}}}`, "helpers are not run")
	f(`{"credHelpers": {"other.example": "touch"}}`, " ")
	f(`{"credsStore": "touch", "auths": {"registry.example:5000": {"auth": "YWRhOnMzY3JldA=="}}}`, "ada s3cret ")
	// Entries of paths are not told apart, and which one the library would take is chance.
	f(`{"auths": {"registry.example:5000/a": {"auth": "YWRhOnMzY3JldA=="}, "registry.example:5000/b": {"auth": "Ym9iOnMzY3JldA=="}}}`, "several entries of registry.example:5000")
	f(`{"auths": {"registry.example:5000/a": {"auth": "YWRhOnMzY3JldA=="}, "https://registry.example:5000/v2/": {"auth": "YWRhOnMzY3JldA=="}}}`, "ada s3cret ")
	f(`{"auths": {"registry.example:5000/a": {"auth": "Ym9iOnMzY3JldA=="}, "registry.example:5000": {"auth": "YWRhOnMzY3JldA=="}}}`, "ada s3cret ")
	f(`{"auths": {"registry.example:5000.evil.example": {"auth": "Ym9iOnMzY3JldA=="}, "evil.example/registry.example:5000": {"auth": "Ym9iOnMzY3JldA=="}}}`, " ")
	f(`s3cret`, "not a docker config")
	f(`{"auths": "s3cret"}`, "not a docker config")
	if _, err := credentialFor(t.Context(), filepath.Join(t.TempDir(), "missing"), "registry.example"); err == nil {
		t.Error("a docker config that is not there is good")
	}
	hub := writeFile(t, filepath.Join(t.TempDir(), "config.json"), `{"auths": {"https://index.docker.io/v1/": {"auth": "YWRhOnMzY3JldA=="}}}`)
	if got, err := credentialFor(t.Context(), hub, "registry-1.docker.io"); err != nil || got.Password != "s3cret" {
		t.Errorf("credentialFor of docker.io = %v, %v", got.Username, err)
	}
}
