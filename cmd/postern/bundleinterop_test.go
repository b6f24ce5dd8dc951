package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"postern/sidecar/config"
	"postern/testdata/harness"
)

// keyPair writes a key and its public half as NAME.pem and NAME.pub.
func keyPair(t *testing.T, dir, name string, key crypto.Signer) {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{
		name + ".pem": {Type: "PRIVATE KEY", Bytes: private},
		name + ".pub": {Type: "PUBLIC KEY", Bytes: public},
	} {
		if err := os.WriteFile(filepath.Join(dir, path), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// opaTool is the opa of go.mod.
func opaTool(t *testing.T) string {
	t.Helper()
	path, err := exec.Command("go", "tool", "-n", "opa").Output()
	if err != nil {
		t.Fatalf("go tool -n opa: %v", err)
	}
	return strings.TrimSpace(string(path))
}

// An interop runs our commands and OPA's in one directory.
type interop struct {
	t   *testing.T
	dir string
	opa string
}

func newInterop(t *testing.T) *interop {
	t.Helper()
	i := &interop{t: t, dir: t.TempDir(), opa: opaTool(t)}
	for _, name := range []string{"rs", "other"} {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		keyPair(t, i.dir, name, key)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyPair(t, i.dir, "ec", ec)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keyPair(t, i.dir, "ed", ed)
	if err := os.CopyFS(filepath.Join(i.dir, "demo"), os.DirFS("../../bundles/demo")); err != nil {
		t.Fatal(err)
	}
	t.Chdir(i.dir)
	return i
}

// ours runs a postern command and wants its exit code.
func (i *interop) ours(code int, line string) (out string) {
	i.t.Helper()
	var text, errs bytes.Buffer
	if got := execute(i.t.Context(), strings.Fields(line), strings.NewReader(""), &text, &errs); got != code {
		i.t.Errorf("postern %s: exit %d, want %d\n%s%s", line, got, code, text.String(), errs.String())
	}
	return text.String() + errs.String()
}

// theirs runs an opa command, which is to succeed or not.
func (i *interop) theirs(good bool, line string) (out string) {
	i.t.Helper()
	text, err := exec.CommandContext(i.t.Context(), i.opa, strings.Fields(line)...).CombinedOutput()
	if (err == nil) != good {
		i.t.Errorf("opa %s: %v, want success %t\n%s", line, err, good, text)
	}
	return string(text)
}

// What we sign, OPA verifies, and refuses by another key.
func TestBundleInterop_ours(t *testing.T) {
	i := newInterop(t)
	for key, algorithm := range map[string]string{"rs": "RS256", "ec": "ES256", "ed": "EdDSA"} {
		i.ours(0, "bundle build demo -o b.tar.gz --revision 7 --signing-key "+key+".pem --key-id ci --algorithm "+algorithm)
		i.theirs(true, "build -b b.tar.gz --verification-key "+key+".pub --verification-key-id ci --signing-alg "+algorithm+" -o x.tar.gz")
	}
	i.ours(0, "bundle build demo -o b.tar.gz --revision 7 --signing-key rs.pem --key-id ci --algorithm PS512 --scope write")
	i.theirs(true, "build -b b.tar.gz --verification-key rs.pub --verification-key-id ci --signing-alg PS512 --scope write -o x.tar.gz")
	i.theirs(false, "build -b b.tar.gz --verification-key rs.pub --verification-key-id ci --signing-alg PS512 -o x.tar.gz")
	i.theirs(false, "build -b b.tar.gz --verification-key other.pub --verification-key-id ci --signing-alg PS512 --scope write -o x.tar.gz")
	// A directory is signed as it is, YAML too. OPA has tests obey the roots.
	if err := os.Remove("demo/demo_test.rego"); err != nil {
		t.Fatal(err)
	}
	i.ours(0, "bundle sign demo -o s.tar.gz --signing-key rs.pem --key-id ci")
	i.theirs(true, "build -b s.tar.gz --verification-key rs.pub --verification-key-id ci -o x.tar.gz")
	i.theirs(false, "build -b s.tar.gz --verification-key other.pub --verification-key-id ci -o x.tar.gz")
	i.ours(0, "bundle build demo -o b.tar.gz --revision 7 --signing-key rs.pem --key-id ci")
	if out := i.theirs(true, "inspect b.tar.gz"); !strings.Contains(out, "postern.extend") || !strings.Contains(out, "7") {
		t.Errorf("opa inspect: %s", out)
	}
	i.serves("b.tar.gz")
}

// serves runs OPA with an archive that its own verification must take.
func (i *interop) serves(archive string) {
	t := i.t
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	process := exec.Command(i.opa, "run", "--server", "--addr", address, "--skip-version-check", "--log-level", "error",
		"--verification-key", "rs.pub", "--verification-key-id", "ci", "-b", archive)
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	defer func() {
		process.Process.Kill()
		<-ended
	}()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("opa run: %v\n%s", err, output.String())
		default:
		}
		resp, err := http.Get("http://" + address + "/v1/data/model/roles")
		if err != nil {
			continue
		}
		var body bytes.Buffer
		_, err = body.ReadFrom(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(body.String(), "org:admin") {
			t.Errorf("OPA serves %s, %v", body.String(), err)
		}
		return
	}
	t.Error("opa run does not answer")
}

// What OPA signs, we verify, and refuse by another key.
func TestBundleInterop_theirs(t *testing.T) {
	i := newInterop(t)
	const build = "build -b demo --ignore *_test.rego -o o.tar.gz --verification-key-id ci --signing-key "
	i.theirs(true, build+"rs.pem")
	i.ours(0, "bundle inspect o.tar.gz --verify-key ci=rs.pub")
	i.ours(0, "validate o.tar.gz --verify-key ci=rs.pub")
	if out := i.ours(1, "validate o.tar.gz --verify-key ci=other.pub"); !strings.Contains(out, `o.tar.gz": .signatures.json: not a signature by "ci"`) {
		t.Errorf("by another key: %s", out)
	}
	if out := i.ours(1, "validate o.tar.gz --verify-key releases=rs.pub"); !strings.Contains(out, `by the key "ci", which is none of the signers, "releases"`) {
		t.Errorf("by another key id: %s", out)
	}
	i.ours(1, "validate o.tar.gz --verify-key ci=rs.pub --verify-algorithm PS256")
	i.ours(1, "validate o.tar.gz")
	i.theirs(true, build+"ec.pem --signing-alg ES256")
	i.ours(0, "validate o.tar.gz --verify-key ci=ec.pub")

	// opa sign lists every file of a directory, a README too, and takes the key's id and the
	// scope from a file of claims.
	if err := os.WriteFile("claims.json", []byte(`{"keyid": "ci", "scope": "write"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	sign := exec.Command(i.opa, "sign", "--bundle", ".", "--signing-key", "../rs.pem", "--claims-file", "../claims.json")
	sign.Dir = "demo"
	if out, err := sign.CombinedOutput(); err != nil {
		t.Fatalf("opa sign: %v\n%s", err, out)
	}
	i.ours(0, "validate demo --verify-key ci=rs.pub --verify-scope write")
	i.ours(1, "validate demo --verify-key ci=rs.pub")
	if err := os.WriteFile("demo/README.md", []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := i.ours(1, "validate demo --verify-key ci=rs.pub --verify-scope write"); !strings.Contains(out, "README.md: its content is not what was signed") {
		t.Errorf("a changed README: %s", out)
	}
}

// TestDocs_bundles runs the commands of docs/bundles.md that sign, as they stand, and loads
// its configurations.
func TestDocs_bundles(t *testing.T) {
	text, err := os.ReadFile("../../docs/bundles.md")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", bin+"/postern", ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	i := newInterop(t)
	if err := os.CopyFS("bundles/demo", os.DirFS("demo")); err != nil {
		t.Fatal(err)
	}
	var scripts []string
	for _, script := range blocks(string(text), "sh") {
		if strings.Contains(script, "openssl") {
			scripts = append(scripts, script)
		}
	}
	if len(scripts) != 1 {
		t.Fatalf("%d scripts sign, want one", len(scripts))
	}
	signed, remote := 0, 0
	for _, configuration := range blocks(string(text), "yaml") {
		if err := os.WriteFile("postern.yaml", []byte(configuration+"issuers: none\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		var flags config.Flags
		set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		flags.Register(set)
		if err := set.Parse([]string{"--config", "postern.yaml"}); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(&flags, nil)
		if err != nil {
			t.Errorf("%s: %v", configuration, err)
			continue
		}
		for _, b := range c.Bundles {
			if len(b.Signers) == 1 && b.Ordered {
				signed++
			}
			if b.URL != "" {
				remote++
			}
		}
	}
	if signed != 1 || remote != 3 {
		t.Errorf("%d signed and %d remote bundles are shown, want 1 and 3", signed, remote)
	}
	harness.Program(t, "openssl")
	cmd := exec.Command("sh", "-eu", "-c", scripts[0])
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), `verified: by "ci"`) {
		t.Errorf("%s: %v\n%s", scripts[0], err, out)
	}
	i.theirs(true, "build -b bundle.tar.gz --verification-key ci.pub --verification-key-id ci -o x.tar.gz")
}
