package bundle

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	opa "github.com/open-policy-agent/opa/v1/bundle"
)

func build(t testing.TB, how Building, sources ...string) []byte {
	t.Helper()
	archive, err := Build(t.Context(), DefaultLimits(), Paths(sources...), how)
	if err != nil {
		t.Fatalf("Build: %v", err)
	}
	return archive
}

func TestBuild(t *testing.T) {
	dir := directory(t, good)
	archive := build(t, Building{}, dir)
	if other := directory(t, good); !bytes.Equal(archive, build(t, Building{}, other)) {
		t.Error("the same files in another directory are another archive")
	}
	from, built := load(t, dir), load(t, write(t, archive))
	if !reflect.DeepEqual(built.Data, from.Data) || built.Revision != "r-1" || built.Entrypoints != from.Entrypoints || built.Rego != from.Rego || len(built.Tests) != 0 {
		t.Errorf("built = %+v, want what %+v is", built, from)
	}
	if got := slices.Sorted(maps.Keys(built.Modules)); !slices.Equal(got, []string{"app/app.rego", "ext/extend.rego"}) {
		t.Errorf("modules = %v", got)
	}
	theirs, err := opa.NewReader(bytes.NewReader(archive)).Read()
	if err != nil || !reflect.DeepEqual(theirs.Data, built.Data) || len(theirs.Modules) != 2 || theirs.Manifest.Metadata["other"] == nil {
		t.Errorf("OPA reads %+v, %v", theirs, err)
	}
	if tests := load(t, write(t, build(t, Building{Tests: true}, dir))); len(tests.Tests) != 1 {
		t.Errorf("tests = %v, want one", tests.Tests)
	}
	all := []string{"model", "app", "app_test", "postern/extend", "a", "more"}
	if again := load(t, write(t, build(t, Building{Revision: "8", Roots: all}, dir))); again.Revision != "8" {
		t.Errorf("revision = %s, want 8", again.Revision)
	}
	if archive := build(t, Building{}, directory(t, files{"a/data.json": "{}"})); !strings.Contains(string(gunzip(t, archive)), `"revision":""`) {
		t.Error("a revision is made up")
	}
}

func TestBuild_several(t *testing.T) {
	models, policies := directory(t, modelTeam), directory(t, policyTeam)
	b := load(t, write(t, build(t, Building{Revision: "9"}, models, policies)))
	if b.Revision != "9" || b.Model == nil || b.Entrypoints.Check != "app/decision" || len(b.Modules) != 2 {
		t.Errorf("built = %+v", b)
	}
	if b := load(t, write(t, build(t, Building{}, models, policies))); !b.Sources[0].Derived {
		t.Errorf("revision = %s, want none: each source has another", b.Revision)
	}
	refused := func(how Building, want string, sources ...string) {
		t.Helper()
		if archive, err := Build(t.Context(), DefaultLimits(), Paths(sources...), how); archive != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Build = %d bytes, %v, want %q", len(archive), err, want)
		}
	}
	refused(Building{}, "both have the root", models, models)
	refused(Building{}, "app/app.rego: is in ", policies, directory(t, files{".manifest": `{"roots": ["b"]}`, "app/app.rego": "package b\n"}))
	refused(Building{}, "metadata", directory(t, files{".manifest": `{"roots": ["b"], "metadata": {"team": "b"}}`, "b/data.json": `{}`}),
		directory(t, files{".manifest": `{"roots": ["c"], "metadata": {"team": "c"}}`, "c/data.json": `{}`}))
	refused(Building{Roots: []string{"app"}}, "outside the roots", models)
	refused(Building{Roots: []string{"model", "model/x"}}, "overlap", models)
	refused(Building{Revision: "a b"}, "printable ASCII", models)
	refused(Building{}, "the bundle is signed", directory(t, forgery{}.over(t, modelTeam)))
	refused(Building{}, "no bundle source")
	if _, err := Build(t.Context(), DefaultLimits(), []Source{{Name: "m", Path: directory(t, forgery{}.over(t, modelTeam)), Signers: []Signer{releases(t)}}}, Building{}); err != nil {
		t.Errorf("a source that its signers verify: %v", err)
	}
}

func TestSign(t *testing.T) {
	f := func(algorithm string, key crypto.Signer, repeats bool) {
		t.Helper()
		signing := SigningKey{KeyID: "k", Algorithm: algorithm, Scope: "write", Key: privatePEM(t, key)}
		signer, err := signing.Signer()
		if err != nil {
			t.Fatal(err)
		}
		dir := directory(t, signable)
		archive, left, err := Sign(t.Context(), DefaultLimits(), Source{Path: dir}, signing)
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if !slices.Contains(left, "README.md") || !slices.Contains(left, ".git/HEAD") || len(left) != 10 {
			t.Errorf("left out = %v", left)
		}
		source := Source{Name: "s", Archive: archive, Signers: []Signer{signer}}
		b, err := LoadSources(t.Context(), DefaultLimits(), []Source{source})
		if err != nil || b.Sources[0].Digest != load(t, dir).Digest {
			t.Errorf("%s: %+v, %v", algorithm, b, err)
		}
		again, _, err := Sign(t.Context(), DefaultLimits(), source, signing)
		if err != nil || repeats && !bytes.Equal(again, archive) {
			t.Errorf("%s: signed again, it is another archive, %v", algorithm, err)
		}
		content, err := SignatureOf(t.Context(), DefaultLimits(), Source{Path: dir}, signing)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, SignaturesName), content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadSources(t.Context(), DefaultLimits(), []Source{{Path: dir, Signers: []Signer{signer}}}); err != nil {
			t.Errorf("%s: signed in its place: %v", algorithm, err)
		}
	}
	for _, algorithm := range []string{"RS256", "RS384", "RS512"} {
		f(algorithm, rsaKey(), true)
	}
	for _, algorithm := range []string{"PS256", "PS384", "PS512"} {
		f(algorithm, rsaKey(), false)
	}
	f("ES256", newEC(t, elliptic.P256()), false)
	f("ES384", newEC(t, elliptic.P384()), false)
	f("ES512", newEC(t, elliptic.P521()), false)
	f("EdDSA", newEd25519(t), true)

	refused := func(algorithm string, key []byte, want string) {
		t.Helper()
		archive, _, err := Sign(t.Context(), DefaultLimits(), Source{Path: directory(t, signable)}, SigningKey{KeyID: "k", Algorithm: algorithm, Key: key})
		if archive != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Sign = %v, want %q", err, want)
		}
	}
	refused("RS256", publicPEM(t, rsaKey()), "not a private key")
	refused("HS256", []byte("secret"), "not a readable PEM block")
	refused("HS256", privatePEM(t, rsaKey()), "shared secret")
	refused("ES256", privatePEM(t, rsaKey()), "an RSA key does not sign with ES256")
	refused("RS256", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(newRSA(1024))}), "1024 bits")
	refused("RS256", []byte("/etc/passwd"), "not a readable PEM block")
}

func TestInspect(t *testing.T) {
	signed := forgery{claims: `,"scope":"write"`}.over(t, signable)
	signer := releases(t)
	signer.Scope = "write"
	inspect := func(source Source) (*Bundle, Contents) {
		t.Helper()
		b, all, err := Inspect(t.Context(), DefaultLimits(), []Source{source})
		if err != nil {
			t.Fatal(err)
		}
		return b, all[0]
	}
	_, plain := inspect(Source{Path: directory(t, signable)})
	if plain.Signature != nil || !slices.Equal(plain.Packages, []string{"app", "postern.extend"}) || plain.Revision != "r-1" || len(plain.Files) != 7 || !slices.Contains(plain.Ignored, "NOTICE") || plain.Entrypoints.Check != "app/decision" {
		t.Errorf("contents = %+v", plain)
	}
	dir := directory(t, signable)
	if b, _ := inspect(Source{Path: dir}); b.Digest != load(t, dir).Digest {
		t.Errorf("digest = %s, served it is %s", b.Digest, load(t, dir).Digest)
	}
	b, c := inspect(Source{Archive: archived(t, signed), Signers: []Signer{signer}})
	want := Signature{KeyID: "releases", Algorithm: "RS256", Scope: "write", Files: len(signable), Verified: true}
	if c.Signature == nil || *c.Signature != want || c.Signer != "releases" {
		t.Errorf("signature = %+v, want %+v", c.Signature, want)
	}
	digest, err := DigestSources(t.Context(), DefaultLimits(), []Source{{Archive: archived(t, signed), Signers: []Signer{signer}}})
	if err != nil || b.Digest != digest {
		t.Errorf("digest = %s, served it is %s, %v", b.Digest, digest, err)
	}
	if _, c := inspect(Source{Archive: archived(t, signed)}); c.Signature == nil || c.Signature.Verified || c.Signature.Fault != nil || c.Signer != "" {
		t.Errorf("without signers: %+v", c.Signature)
	}
	if _, c := inspect(Source{Archive: archived(t, with(signed, "NOTICE", "other")), Signers: []Signer{signer}}); c.Signature.Verified || c.Signature.Fault == nil || c.Signer != "" {
		t.Errorf("changed: %+v", c.Signature)
	}
	if _, c := inspect(Source{Archive: archived(t, with(signed, SignaturesName, "{}"))}); c.Signature.Verified || c.Signature.Fault == nil {
		t.Errorf("not a signature: %+v", c.Signature)
	}
	if _, _, err := Inspect(t.Context(), DefaultLimits(), []Source{{Archive: archived(t, signable), Signers: []Signer{signer}}}); err == nil {
		t.Error("what must be signed and is not is no error")
	}
}

func gunzip(t testing.TB, archive []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
