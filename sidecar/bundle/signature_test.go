package bundle

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	opa "github.com/open-policy-agent/opa/v1/bundle"
)

// signable has one of everything that a signature covers: files of use, in each form, and
// files that are ignored.
var signable = with(good,
	".git/HEAD", "ref: refs/heads/main\n", ".git/data.json", `{"hidden": 1}`,
	"app/.x.swp", "editor", "app/app.rego~", "editor", "lib/4913", "editor", ".hidden.rego", "package hidden",
	"x.signatures.json", `{"signatures": []}`, "NOTICE", "text",
)

func TestSignature(t *testing.T) {
	signers := []Signer{{KeyID: "other", Algorithm: "RS256", Key: publicPEM(t, otherKey())}, releases(t)}
	signed := forgery{}.over(t, signable)
	takenBy(t, "by kid", signers, signed)
	takenBy(t, "by keyid", signers, forgery{header: `{"alg":"RS256"}`, claims: `,"keyid":"releases"`}.over(t, signable))
	takenBy(t, "by both", signers, forgery{claims: `,"keyid":"releases","iat":1,"iss":"CI","sub":"anything"`}.over(t, signable))
	takenBy(t, "default plugin", signers, with(signed, SignaturesName, fmt.Sprintf(`{"signatures": [%q], "plugin": "_default"}`, forgery{}.token(t, signable))))

	b, err := LoadSources(t.Context(), DefaultLimits(), []Source{{Name: "policies", Path: directory(t, signed), Signers: signers}})
	if err != nil {
		t.Fatal(err)
	}
	plain := load(t, directory(t, signable))
	if len(b.Files) != len(plain.Files) || b.Rego != plain.Rego {
		t.Errorf("files = %v, want those without a signature, %v", b.Files, plain.Files)
	}
	if got := b.Sources[0]; got.Signer != "releases" || got.Digest != plain.Digest || got.Digest == b.Digest {
		t.Errorf("source = %+v, want the signer and the digest of the content, %s", got, plain.Digest)
	}
}

// Attack 156: a signature is missing where one is required.
func TestSignature_attack156(t *testing.T) {
	signers := []Signer{releases(t)}
	refusedBy(t, "missing", signers, signable, ".signatures.json is not there: the bundle must be signed")
	token := forgery{}.token(t, signable)
	f := func(name, text string, want ...string) {
		t.Helper()
		refusedBy(t, name, signers, with(signable, SignaturesName, text), append(want, ".signatures.json: ")...)
	}
	f("empty file", "")
	f("empty object", "{}", "exactly one JWT")
	f("empty list", `{"signatures": []}`, "exactly one JWT")
	f("null", `{"signatures": null}`, "exactly one JWT")
	f("two", fmt.Sprintf(`{"signatures": [%q, %[1]q]}`, token), "exactly one JWT")
	f("no list", fmt.Sprintf(`{"signatures": %q}`, token), "exactly one JWT")
	f("no text", `{"signatures": [1]}`, "exactly one JWT")
	f("other case", fmt.Sprintf(`{"Signatures": [%q]}`, token), `unknown member "Signatures"`)
	f("twice", fmt.Sprintf(`{"signatures": [%q], "signatures": [%[1]q]}`, token), `duplicate key`)
	f("trailing", fmt.Sprintf(`{"signatures": [%q]} {}`, token), `more follows`)
	f("byte order mark", fmt.Sprintf("\xef\xbb\xbf"+`{"signatures": [%q]}`, token), "invalid")
	f("plugin", fmt.Sprintf(`{"signatures": [%q], "plugin": "mine"}`, token), "plugin is not _default")
	f("plugin is no text", fmt.Sprintf(`{"signatures": [%q], "plugin": 1}`, token), "plugin is not _default")
	f("two parts", `{"signatures": ["e30.e30"]}`, "no compact JWT")
	f("four parts", fmt.Sprintf(`{"signatures": ["%s.e30"]}`, token), "no compact JWT")
	f("padded", fmt.Sprintf(`{"signatures": [%q]}`, strings.Replace(token, ".", "=.", 1)), "not base64url")
	f("line break", fmt.Sprintf(`{"signatures": [%q]}`, strings.Replace(token, ".", "\n.", 1)), "not base64url")
	for _, name := range []string{"x.signatures.json", ".signatures.json.bak", "signatures.json", ".Signatures.json"} {
		refusedBy(t, "only "+name, signers, with(signable, name, fmt.Sprintf(`{"signatures": [%q]}`, token)), ".signatures.json is not there")
	}
	refusedBy(t, "in a directory", signers, with(signable, "sub/.signatures.json", "{}"), "sub/.signatures.json: a bundle has one signature")
	refusedBy(t, "in a hidden directory", signers, with(signable, ".git/.signatures.json", "{}"), ".git/.signatures.json: a bundle has one signature")
	twice := append([]entry{regular(SignaturesName, "{}")}, regular(SignaturesName, "{}"))
	_, err := LoadSources(t.Context(), DefaultLimits(), []Source{{Name: "p", Archive: zip(t, tarball(t, twice...)), Signers: signers}})
	if err == nil || !strings.Contains(err.Error(), ".signatures.json: is there twice") {
		t.Errorf("two signature files: %v", err)
	}
}

// Attack 157: a signature with alg none, with HS256 by the public key, by an unknown key,
// expired, with another scope.
func TestSignature_attack157(t *testing.T) {
	signer := releases(t)
	f := func(name string, forged forgery, want ...string) {
		t.Helper()
		refusedBy(t, name, []Signer{signer}, forged.over(t, signable), append(want, ".signatures.json: ")...)
	}
	nothing := func([]byte) []byte { return nil }
	f("none", forgery{header: `{"alg":"none","kid":"releases"}`, sign: nothing}, `made with "none"`)
	f("no signature", forgery{sign: nothing}, `not a signature by "releases"`)
	f("HS256 by the public key", forgery{header: `{"alg":"HS256","kid":"releases"}`, sign: hs256(signer.Key)}, `made with "HS256"`)
	f("HS256 under RS256", forgery{sign: hs256(signer.Key)}, `not a signature by "releases"`)
	f("PS256", forgery{header: `{"alg":"PS256","kid":"releases"}`, sign: ps256(rsaKey())}, `made with "PS256", and signer "releases" signs with RS256`)
	f("header says PS256", forgery{header: `{"alg":"PS256","kid":"releases"}`}, `made with "PS256"`)
	f("PS256 under RS256", forgery{sign: ps256(rsaKey())}, `not a signature by`)
	f("alg in other case", forgery{header: `{"alg":"rs256","kid":"releases"}`}, `made with "rs256"`)
	f("no alg", forgery{header: `{"kid":"releases"}`}, `made with ""`)
	f("alg is no text", forgery{header: `{"alg":1,"kid":"releases"}`}, `alg is not a string`)
	f("alg twice", forgery{header: `{"alg":"RS256","alg":"none","kid":"releases"}`}, `duplicate key "alg"`)
	f("Alg", forgery{header: `{"alg":"RS256","Alg":"none","kid":"releases"}`}, `"Alg" is not alg`)
	f("crit", forgery{header: `{"alg":"RS256","kid":"releases","crit":["b64"],"b64":false}`}, "crit names extensions")
	f("another key", forgery{sign: rs256(otherKey())}, `not a signature by "releases"`)
	f("unknown kid", forgery{header: `{"alg":"RS256","kid":"else"}`}, `by the key "else", which is none of the signers, "releases"`)
	f("unknown kid, known keyid", forgery{header: `{"alg":"RS256","kid":"else"}`, claims: `,"keyid":"releases"`}, `keyid is "releases", and the header's kid "else"`)
	f("no kid", forgery{header: `{"alg":"RS256"}`}, "does not name its key")
	f("empty kid", forgery{header: `{"alg":"RS256","kid":""}`}, "does not name its key")
	f("its own key", forgery{header: `{"alg":"RS256","kid":"else","jwk":{"kty":"oct"},"jku":"https://a/"}`, sign: rs256(otherKey())}, "none of the signers")
	f("scope", forgery{claims: `,"scope":"write"`}, `has the scope "write", and signer "releases" has ""`)
	f("scope is no text", forgery{claims: `,"scope":["write"]`}, "scope is not a string")
	f("Scope", forgery{claims: `,"Scope":"write"`}, `"Scope" is not scope`)
	f("long s", forgery{claims: `,"ſcope":"write"`}, `is not scope`)
	f("files twice", forgery{claims: `,"files":[]`}, `duplicate key "files"`)
	f("FILES", forgery{claims: `,"FILES":[]`}, `"FILES" is not files`)
	f("expired", forgery{claims: fmt.Sprintf(`,"exp":%d`, now.Unix()-6)}, "expired at 2026-05-04T03:01:55Z")
	f("expires now", forgery{claims: fmt.Sprintf(`,"exp":%d`, now.Unix()-5)}, "expired at")
	f("not yet", forgery{claims: fmt.Sprintf(`,"nbf":%d`, now.Unix()+6)}, "not valid before")
	for _, time := range []string{`"1"`, `1e12`, `1.5`, `0`, `-1`, `null`, `99999999999999999999`, `253402300800`} {
		f("exp "+time, forgery{claims: `,"exp":` + time}, "exp is not a")
	}
	f("iat is no number", forgery{claims: `,"iat":"x"`}, `not a signature by`)
	f("payload is no object", forgery{names: `[]`}, "payload is not an object")
	f("no files", forgery{names: `{}`}, "files is not a list")
	f("trailing", forgery{names: `{"files":[]} {}`}, "more follows")
	takenBy(t, "exp and nbf", []Signer{signer}, forgery{claims: fmt.Sprintf(`,"exp":%d,"nbf":%d`, now.Unix()-4, now.Unix()+5)}.over(t, signable))

	scoped := signer
	scoped.Scope = "write"
	takenBy(t, "its scope", []Signer{scoped}, forgery{claims: `,"scope":"write"`}.over(t, signable))
	refusedBy(t, "no scope", []Signer{scoped}, forgery{}.over(t, signable), `has the scope "", and signer`)
	refusedBy(t, "other signer's scope", []Signer{signer, {KeyID: "b", Algorithm: "RS256", Scope: "write", Key: publicPEM(t, otherKey())}},
		forgery{claims: `,"scope":"write"`}.over(t, signable), `has the scope "write"`)
	refusedBy(t, "one key id twice", []Signer{signer, signer}, forgery{}.over(t, signable), "several signers")
}

// Attack 158: the signed list lacks a file, has one too many, or another hash; a file is
// added after signing. Nothing can be excluded from a signature here.
func TestSignature_attack158(t *testing.T) {
	signers := []Signer{releases(t)}
	signed := forgery{}.over(t, signable)
	for _, name := range []string{"README.md", "NOTICE", ".git/config", "app/evil_test.rego", "app/evil.rego", ".env", "sub/postern.yaml", "app/x~",
		"sub/x.signatures.json", ".signatures.json.bak", "sub/notes.txt", "b/data.json", "a/b/c/data.yaml"} {
		text := "k: 1\n"
		switch {
		case strings.HasSuffix(name, "evil_test.rego"):
			text = "package app_test\n"
		case strings.HasSuffix(name, ".rego"):
			text = "package app\n"
		case strings.HasSuffix(name, ".json"):
			text = `{"k": 1}`
		}
		if _, there := signable[name]; !there {
			refusedBy(t, "added "+name, signers, with(signed, name, text), name+": is not in the list that was signed")
		}
	}
	for name := range signable {
		text := signable[name] + "\n#"
		if opa.IsStructuredDoc(name) {
			text = `{"other": true}`
		}
		refusedBy(t, "changed "+name, signers, with(signed, name, text), name+": its content is not what was signed")
		refusedBy(t, "taken out "+name, signers, with(signed, name, "-"), name+": was signed, and is not there")
	}
	refusedBy(t, "renamed", signers, with(signed, "NOTICE", "-", "notice", "text"), "notice: is not in the list", "NOTICE: was signed, and is not there")
	refusedBy(t, "look-alike", signers, with(signed, "NOTICE", "-", "NОTICE", "text"), "NОTICE: is not in the list", "NOTICE: was signed")

	list := func(change func(list []opa.FileInfo) []opa.FileInfo) files {
		return forgery{list: change(listed(t, signable))}.over(t, signable)
	}
	one := func(change func(*opa.FileInfo)) files {
		return list(func(list []opa.FileInfo) []opa.FileInfo {
			for i := range list {
				if list[i].Name == "NOTICE" {
					change(&list[i])
				}
			}
			return list
		})
	}
	refusedBy(t, "twice in the list", signers, list(func(list []opa.FileInfo) []opa.FileInfo { return append(list, list[0]) }), "is there twice")
	refusedBy(t, "itself in the list", signers, list(func(list []opa.FileInfo) []opa.FileInfo {
		return append(list, opa.NewFile(SignaturesName, "00", "SHA-256"))
	}), ".signatures.json: was signed, and is not there")
	for _, name := range []string{"/NOTICE", "./NOTICE", "a/../NOTICE", "a//NOTICE", `a\NOTICE`, "C:NOTICE", "", "NOTICE\x00", "NOTICE/"} {
		refusedBy(t, fmt.Sprintf("named %q", name), signers, one(func(f *opa.FileInfo) { f.Name = name }), "the JWT's payload: files[")
	}
	refusedBy(t, "other case in the list", signers, one(func(f *opa.FileInfo) { f.Name = "Notice" }), "Notice: was signed", "NOTICE: is not in the list")
	refusedBy(t, "MD5", signers, one(func(f *opa.FileInfo) { f.Hash, f.Algorithm = "1cb251ec0d568de6a929b520c4aed8d1", "MD5" }), `NOTICE: its hash is by "MD5"`)
	refusedBy(t, "no algorithm", signers, one(func(f *opa.FileInfo) { f.Algorithm = "" }), `NOTICE: its hash is by ""`)
	refusedBy(t, "no hash", signers, one(func(f *opa.FileInfo) { f.Hash = "" }), "NOTICE: its hash is not in hexadecimal digits")
	refusedBy(t, "short hash", signers, one(func(f *opa.FileInfo) { f.Hash = f.Hash[:8] }), "NOTICE: its content is not what was signed")
	refusedBy(t, "unknown member", signers, forgery{names: `{"files":[{"name":"a","hash":"00","algorithm":"SHA-256","exclude":"*"}]}`}.over(t, signable), `unknown member "exclude"`)
	refusedBy(t, "Hash", signers, forgery{names: `{"files":[{"name":"a","hash":"00","Hash":"01","algorithm":"SHA-256"}]}`}.over(t, signable), `unknown member "Hash"`)

	many := files{"a/data.json": "{}"}
	for i := range 30 {
		many[fmt.Sprintf("x%02d", i)] = "text"
	}
	refusedBy(t, "many", signers, with(many, SignaturesName, forgery{}.over(t, files{"a/data.json": "{}"})[SignaturesName]), "x00: is not in", "and perhaps more")
}

// Attack 159: a signature is present, and no key is configured.
func TestSignature_attack159(t *testing.T) {
	refusedBy(t, "no signers", nil, forgery{}.over(t, signable), ".signatures.json: the bundle is signed, and no key to verify signatures is configured")
}

// Attack 160, the part that is no order: a signature of another version does not fit.
func TestSignature_attack160(t *testing.T) {
	old := forgery{}.over(t, signable)
	mixed := with(old, ".manifest", strings.Replace(signable[".manifest"], "r-1", "r-2", 1))
	refusedBy(t, "newer revision over an older signature", []Signer{releases(t)}, mixed, ".manifest: its content is not what was signed")
}

// Attack 161: a signature does not make a hostile revision good.
func TestSignature_attack161(t *testing.T) {
	content := files{".manifest": `{"revision": "a\r\nX-Evil: 1"}`, "a/data.json": `{"k": 1}`}
	refused := func(t *testing.T, source Source) {
		source.Signers = []Signer{releases(t)}
		if _, err := LoadSources(t.Context(), DefaultLimits(), []Source{source}); err == nil || !strings.Contains(err.Error(), "printable ASCII") {
			t.Errorf("%v, want a refusal of the revision", err)
		}
	}
	bothWays(t, forgery{}.over(t, content), refused)
}

// Attack 162: a delta bundle, which OPA takes without a signature if it is told to.
func TestSignature_attack162(t *testing.T) {
	const patch = `{"data": [{"op": "upsert", "path": "/model/x", "value": 1}]}`
	signers := []Signer{releases(t)}
	refusedBy(t, "alone", signers, files{"patch.json": patch}, "patch.json: this is a delta bundle")
	refusedBy(t, "beside", signers, with(forgery{}.over(t, signable), "patch.json", patch), "patch.json: this is a delta bundle")
	delta := with(signable, "patch.json", patch)
	refusedBy(t, "signed", signers, forgery{}.over(t, delta), "patch.json: this is a delta bundle")
	refusedBy(t, "below", signers, with(forgery{}.over(t, signable), "a/patch.json", patch), "a/patch.json: this is a delta bundle")
}

// What is ignored is part of what changes, or a change would not lead to its refusal.
func TestDigestSources_signed(t *testing.T) {
	signed := forgery{}.over(t, signable)
	digest := func(content files, signers ...Signer) (both string) {
		t.Helper()
		for _, source := range []Source{{Path: directory(t, content), Signers: signers}, {Archive: archived(t, content), Signers: signers}} {
			d, err := DigestSources(t.Context(), DefaultLimits(), []Source{source})
			if err != nil || both != "" && d != both {
				t.Fatalf("DigestSources = %s, %v, and %s otherwise", d, err, both)
			}
			both = d
		}
		return both
	}
	keyless := Signer{KeyID: "not read"}
	before := digest(signed, keyless)
	for _, changed := range []files{
		with(signed, "NOTICE", "other"), with(signed, ".git/HEAD", "other"), with(signed, "README.md", "-"),
		with(signed, "new", "text"), with(signed, SignaturesName, "{}"), with(signed, SignaturesName, "-"), with(signed, "app/app.rego", "package app"),
	} {
		if digest(changed, keyless) == before {
			t.Errorf("the digest is the same")
		}
	}
	if digest(signable) != digest(with(signable, "NOTICE", "other")) {
		t.Errorf("without signers, an ignored file changes the digest")
	}
	b, err := LoadSources(t.Context(), DefaultLimits(), []Source{{Path: directory(t, signed), Signers: []Signer{releases(t)}}})
	if err != nil || b.Digest != before {
		t.Errorf("digest = %v, %v, want %s", b, err, before)
	}
}

func TestSignature_limits(t *testing.T) {
	signers := []Signer{releases(t)}
	content := files{"a/data.json": `{"k": 1}`, "big": strings.Repeat("x", 5000)}
	signed := forgery{}.over(t, content)
	load := func(limits Limits) error {
		_, err := LoadSources(t.Context(), limits, []Source{{Path: directory(t, signed), Signers: signers}})
		return err
	}
	limits := DefaultLimits()
	if err := load(limits); err != nil {
		t.Fatal(err)
	}
	limits.FileBytes = 4000
	if err := load(limits); err == nil || !strings.Contains(err.Error(), "big: 5000 bytes are more than the limit") {
		t.Errorf("an ignored file beyond the limit: %v", err)
	}
	limits.FileBytes, limits.TotalBytes = 6000, 5500
	if err := load(limits); err == nil || !strings.Contains(err.Error(), "larger than 5500 bytes in all") {
		t.Errorf("ignored files beyond the limit of all: %v", err)
	}
}

func TestSigner_keys(t *testing.T) {
	f := func(key []byte, algorithm, want string) {
		t.Helper()
		err := Signer{KeyID: "k", Algorithm: algorithm, Key: key}.Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", algorithm, err, want)
		}
	}
	good := publicPEM(t, rsaKey())
	for _, algorithm := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		f(good, algorithm, "")
	}
	f(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey)}), "RS256", "")
	f(publicPEM(t, newEC(t, elliptic.P256())), "ES256", "")
	f(publicPEM(t, newEC(t, elliptic.P384())), "ES384", "")
	f(publicPEM(t, newEC(t, elliptic.P521())), "ES512", "")
	f(publicPEM(t, newEd25519(t)), "EdDSA", "")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "releases"}, NotAfter: time.Now()}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, rsaKey().Public(), rsaKey())
	if err != nil {
		t.Fatal(err)
	}
	f(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), "RS256", "")

	f(publicPEM(t, newEC(t, elliptic.P256())), "ES384", "a key on the curve P-256 does not sign with ES384")
	f(publicPEM(t, newEC(t, elliptic.P224())), "ES256", "P-224")
	f(good, "ES256", "an RSA key does not sign with ES256")
	f(good, "EdDSA", "an RSA key does not sign with EdDSA")
	f(publicPEM(t, newEd25519(t)), "RS256", "an Ed25519 key does not sign with RS256")
	f(good, "HS256", "whoever can verify with it can also sign")
	f([]byte("secret"), "HS256", "not a readable PEM block")
	f(good, "none", `unknown algorithm "none"`)
	f(good, "", `unknown algorithm ""`)
	f(good, "RS265", `did you mean "RS256"`)
	f(publicPEM(t, newRSA(1024)), "RS256", "an RSA modulus of 1024 bits")
	f(privatePEM(t, rsaKey()), "RS256", "a private key, which belongs to who signs")
	f(append(append([]byte{}, good...), good...), "RS256", "one PEM block")
	f(append([]byte("text\n"), good...), "RS256", "one PEM block")
	f([]byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), "RS256", "asn1")
	f(nil, "RS256", "not a readable PEM block")
	if err := (Signer{Algorithm: "RS256", Key: good}).Check(); err == nil {
		t.Errorf("a signer without a key id is good")
	}
	bad := Signer{KeyID: "b", Algorithm: "RS256", Key: []byte("x")}
	refusedBy(t, "another signer is bad", []Signer{releases(t), bad}, forgery{}.over(t, signable), `the key of signer "b"`)
}

// A signed directory may be mounted as a ConfigMap: what is signed is what the link leads to.
func TestSignature_configMap(t *testing.T) {
	content := files{".manifest": `{"revision": "1", "roots": ["app"]}`, "app.rego": "package app\n", "NOTICE": "text"}
	signers := []Signer{releases(t)}
	dir := t.TempDir()
	configMap(t, dir, "1", forgery{}.over(t, content))
	source := []Source{{Name: "m", Path: dir, Signers: signers}}
	if _, err := LoadSources(t.Context(), DefaultLimits(), source); err != nil {
		t.Fatal(err)
	}
	configMap(t, dir, "2", with(forgery{}.over(t, content), ".env", "x"))
	if _, err := LoadSources(t.Context(), DefaultLimits(), source); err == nil || !strings.Contains(err.Error(), ".env: is not in the list that was signed") {
		t.Errorf("after the swap: %v", err)
	}
}

// In a signed directory also what is hidden must be a file or a directory: a link has no
// content that could be signed.
func TestSignature_hiddenLink(t *testing.T) {
	dir := directory(t, forgery{}.over(t, signable))
	if err := os.Symlink("app", filepath.Join(dir, ".link")); err != nil {
		t.Fatal(err)
	}
	_, err := LoadSources(t.Context(), DefaultLimits(), []Source{{Path: dir, Signers: []Signer{releases(t)}}})
	if err == nil || !strings.Contains(err.Error(), ".link") {
		t.Errorf("LoadSources: %v, want the link refused", err)
	}
}
