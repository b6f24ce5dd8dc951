package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/remote"
	"postern/testdata/harness"
)

// packed writes a .tar.gz with one file.
func packed(t *testing.T, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	tw := tar.NewWriter(gz)
	if err := tw.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := tw.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// push runs the command and returns what it printed.
func push(t *testing.T, args ...string) (out, errs string, err error) {
	t.Helper()
	cmd := bundlePushCommand()
	var stdout, stderr bytes.Buffer
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetArgs(args)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

// TestBundlePush: the reference that is printed names the bundle that was pushed.
func TestBundlePush(t *testing.T) {
	address := harness.Registry(t, "", "")
	tag := "oci://" + address + "/policies:prod"
	path := packed(t, "model/data.yaml", "settings: {membership_limit: 5}\n")
	out, errs, err := push(t, path, tag, "--annotation=org.opencontainers.image.source=here")
	if err != nil || errs != "" {
		t.Fatalf("push = %v, %s", err, errs)
	}
	pinned := strings.TrimSuffix(out, "\n")
	if !strings.HasPrefix(pinned, tag+"@sha256:") {
		t.Fatalf("push printed %q", out)
	}
	if other, _, err := push(t, packed(t, "model/data.yaml", "settings: {membership_limit: 6}\n"), tag); err != nil || other == out {
		t.Fatalf("push of another bundle = %q, %v", other, err)
	}
	s, err := remote.New(remote.Options{URL: pinned, Min: time.Minute, Max: time.Minute, Timeout: time.Minute, Limits: bundle.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := s.Latest(); !ok || !bytes.Equal(got.Content, want) {
		t.Errorf("%s is not what was pushed", pinned)
	}
}

// TestBundlePush_refused: what serve would refuse reaches no registry.
func TestBundlePush_refused(t *testing.T) {
	const nowhere = "oci://127.0.0.1:1/x:1"
	f := func(path, reference, want string) {
		t.Helper()
		out, errs, err := push(t, path, reference)
		if err == nil || out != "" || !strings.Contains(errs+err.Error(), want) {
			t.Errorf("push %s %s = %q, %v, %s; want %s", path, reference, out, err, errs, want)
		}
	}
	good := packed(t, "model/data.yaml", "settings: {membership_limit: 5}\n")
	f(packed(t, "model/data.yaml", "setings: {}\n"), nowhere, "model/data.yaml:1")
	f(packed(t, "a.rego", "package a\nx if\n"), nowhere, "a.rego:3")
	f(t.TempDir(), nowhere, "want a .tar.gz archive")
	f(filepath.Join(t.TempDir(), "missing"), nowhere, "no such file")
	f(good, "https://a.example/x", "are pushed to oci:")
	f(good, "oci://127.0.0.1:1/x", "neither a tag nor a digest")
	f(good, nowhere, nowhere+": ")
}
