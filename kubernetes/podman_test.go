package kubernetes

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A podman keeps images and containers of one test, apart from all others of the machine.
type podman struct {
	binary string
	env    []string
}

// cannot skips the test, or fails where containers are required.
func cannot(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("TEST_REQUIRE_CONTAINERS") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf("not run: "+format, args...)
}

// newPodman makes a storage and a configuration that ask nothing of the machine that a
// container in a container has not: no limits raised, no systemd, no network.
func newPodman(t testing.TB) *podman {
	t.Helper()
	for _, needed := range []string{"podman", "buildah", "runc", "catatonit", "busybox"} {
		if _, err := exec.LookPath(needed); err != nil {
			cannot(t, "%s is not installed", needed)
		}
	}
	if os.Getuid() != 0 {
		cannot(t, "building images and running containers here needs root")
	}
	// Not the test's own directory, which has a name too long for podman's sockets.
	dir, err := os.MkdirTemp("", "pod")
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "containers.conf")
	storage := filepath.Join(dir, "storage.conf")
	write(t, conf, "[containers]\ndefault_ulimits = []\nlog_driver = \"k8s-file\"\n[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\nruntime = \"runc\"\n")
	write(t, storage, fmt.Sprintf("[storage]\ndriver = \"vfs\"\ngraphroot = %q\nrunroot = %q\n", dir+"/images", dir+"/run"))
	p := &podman{binary: "podman", env: append(os.Environ(), "CONTAINERS_CONF="+conf, "CONTAINERS_STORAGE_CONF="+storage, "BUILDAH_ISOLATION=chroot")}
	t.Cleanup(func() {
		for _, arguments := range [][]string{{"pod", "rm", "--all", "--force", "--time", "0"}, {"rm", "--all", "--force", "--time", "0"}} {
			if out, err := p.run(t, arguments...); err != nil {
				t.Errorf("podman %v: %v: %s", arguments, err, out)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return p
}

// command runs a program with the test's storage, and returns all that it writes.
func (p *podman) command(t testing.TB, dir, name string, arguments ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, arguments...)
	if t.Context().Err() != nil { // cleaning up
		cmd = exec.Command(name, arguments...)
	}
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, p.env, 10*time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

func (p *podman) run(t testing.TB, arguments ...string) (string, error) {
	t.Helper()
	return p.command(t, "", p.binary, arguments...)
}

// must is run for what cannot fail.
func (p *podman) must(t testing.TB, arguments ...string) string {
	t.Helper()
	out, err := p.run(t, arguments...)
	if err != nil {
		t.Fatalf("podman %v: %v: %s", arguments, err, out)
	}
	return out
}

// images builds Postern's from the Dockerfile, as CI does, and the app's of one program.
func (p *podman) images(t testing.TB) {
	t.Helper()
	if out, err := p.command(t, "..", ".ci/image"); err != nil {
		t.Fatalf(".ci/image: %v: %s", err, out)
	}
	root := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", root+"/app", "./testdata/app")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
	write(t, root+"/Dockerfile", "FROM scratch\nCOPY app /app\nENTRYPOINT [\"/app\"]\n")
	if out, err := p.command(t, root, "buildah", "build", "--quiet", "--tag", "localhost/example-app:test", "."); err != nil {
		t.Fatalf("buildah build: %v: %s", err, out)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}
