package bundle

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

func TestDirectory_special(t *testing.T) {
	f := func(want string, change func(dir string) error) {
		t.Helper()
		dir := directory(t, small)
		if err := change(dir); err != nil {
			t.Fatal(err)
		}
		refused(t, want, dir)
	}
	link := func(target string) func(string) error {
		return func(dir string) error { return os.Symlink(target, filepath.Join(dir, "z.rego")) }
	}
	f(`"z.rego": is a symbolic link`, link("x.rego"))
	f(`"z.rego": is a symbolic link`, link("/dev/zero"))
	f(`"z.rego": is a symbolic link`, link("/proc/self/mem"))
	f(`"z.rego": is a symbolic link`, link("z.rego"))
	f(`"z.rego": is a symbolic link`, link("nowhere"))
	f(`"sub": is a symbolic link`, func(dir string) error { return os.Symlink("a", filepath.Join(dir, "sub")) })
	f(`"notes.txt": is a symbolic link`, func(dir string) error { return os.Symlink("x.rego", filepath.Join(dir, "notes.txt")) })
	f(`".manifest": is a symbolic link`, func(dir string) error { return os.Symlink("x.rego", filepath.Join(dir, ".manifest")) })
	f(`"a/data.json": is a symbolic link`, func(dir string) error {
		data := filepath.Join(dir, "a/data.json")
		if err := os.Remove(data); err != nil {
			return err
		}
		return os.Symlink("../../other/data.json", data)
	})
	f(`"z.rego": is a FIFO`, func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "z.rego"), 0o600) })
	f(`"a/z": is a FIFO`, func(dir string) error { return syscall.Mkfifo(filepath.Join(dir, "a/z"), 0o600) })
	f("z.rego: is a directory, not a file", func(dir string) error { return os.Mkdir(filepath.Join(dir, "z.rego"), 0o700) })
	f(".manifest: is a directory, not a file", func(dir string) error { return os.Mkdir(filepath.Join(dir, ".manifest"), 0o700) })
	f("differ only in case", func(dir string) error {
		return os.WriteFile(filepath.Join(dir, "X.rego"), []byte("package z\na := 1"), 0o600)
	})
	f("control character", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a\nb"), nil, 0o600) })
	f("not valid UTF-8", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a\xff"), nil, 0o600) })
	f("backslash", func(dir string) error { return os.WriteFile(filepath.Join(dir, `a\b`), nil, 0o600) })
	f("signed", func(dir string) error { return os.WriteFile(filepath.Join(dir, ".signatures.json"), nil, 0o600) })
	f("WebAssembly", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/policy.wasm"), nil, 0o600) })
	f("deep", func(dir string) error { return os.MkdirAll(filepath.Join(dir, strings.Repeat("d/", 130)), 0o700) })
	f("more than the limit", func(dir string) error {
		path := filepath.Join(dir, "z.rego")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
		return os.Truncate(path, 1<<40)
	})
}

func TestDirectory_socket(t *testing.T) {
	// The path of a socket is short, so not every temporary directory will do.
	dir, err := os.MkdirTemp("", "b")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "z.rego"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	refused(t, `"z.rego": is a socket`, dir)
}

func TestDirectory_sourceIsSpecial(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "b.tar.gz")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, "is a FIFO", fifo)
	refused(t, "is a device", "/dev/zero")
	// This one calls itself a regular file, and reading it fails even for root.
	if _, err := os.Stat("/proc/self/mem"); err == nil {
		refused(t, "mem", "/proc/self/mem")
	}
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	refused(t, "loop", loop)
}

func TestDirectory_throughLinks(t *testing.T) {
	dir := directory(t, small)
	link := filepath.Join(t.TempDir(), "current")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	want := load(t, dir).Digest
	for _, source := range []string{link, link + "/", filepath.Dir(link) + "/./current"} {
		if got := load(t, source).Digest; got != want {
			t.Errorf("digest through %s = %s, want %s", source, got, want)
		}
	}
	archive := write(t, archived(t, small))
	link = filepath.Join(t.TempDir(), "b.tar.gz")
	if err := os.Symlink(archive, link); err != nil {
		t.Fatal(err)
	}
	if got := load(t, link).Digest; got != want {
		t.Errorf("digest of the archive = %s, want %s", got, want)
	}
}

func TestDirectory_unreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads whatever its mode is")
	}
	for _, name := range []string{"a", "a/data.json"} {
		dir := directory(t, small)
		path := filepath.Join(dir, name)
		if err := os.Chmod(path, 0); err != nil {
			t.Fatal(err)
		}
		refused(t, "permission denied", dir)
		if err := os.Chmod(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
}

// A brokenFS cannot open one of its files or directories.
type brokenFS struct {
	fstest.MapFS
	name string
}

func (b brokenFS) Open(name string) (fs.File, error) {
	if name == b.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return b.MapFS.Open(name)
}

func (b brokenFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == b.name {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrPermission}
	}
	return b.MapFS.ReadDir(name)
}

func TestFromFS_refuses(t *testing.T) {
	f := func(want string, fsys fs.FS) {
		t.Helper()
		if b, err := FromFS(fsys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("FromFS = %v, %v, want %q", b, err, want)
		}
	}
	content := fstest.MapFS{"a/data.json": {Data: []byte(`{"b": 1}`)}, "x.rego": {Data: []byte("package x\ny := 1")}}
	f("open a/data.json: permission denied", brokenFS{content, "a/data.json"})
	f("readdir a: permission denied", brokenFS{content, "a"})
	f(`"a/b": is a symbolic link`, fstest.MapFS{"a/data.json": {Data: []byte("{}")}, "a/b": {Mode: os.ModeSymlink}})
	f("no such file", os.DirFS(filepath.Join(t.TempDir(), "gone")))
	f("nothing in it", fstest.MapFS{})
}

func TestDirectory_ignored(t *testing.T) {
	content := files{"4913": "", "x.rego~": "", ".x.rego.swp": "", "#x.rego#": "", ".git/config": "", ".git/x.rego": "not Rego", "run.sh": "exit", "a/x.json": "{", "Data.JSON": "{"}
	for name, text := range small {
		content[name] = text
	}
	dir := directory(t, content)
	// The lock of an editor leads nowhere, and nobody follows it.
	if err := os.Symlink("me@host.1", filepath.Join(dir, ".#x.rego")); err != nil {
		t.Fatal(err)
	}
	b := load(t, dir)
	if len(b.Files) != 2 || len(b.Modules) != 1 {
		t.Errorf("files = %v, want two", b.Files)
	}
	if want := 9; len(b.Warnings) != want {
		t.Errorf("%d warnings, want %d: %q", len(b.Warnings), want, b.Warnings)
	}
	many := files{"data.json": `{"a": 1}`}
	for i := range 30 {
		many[fmt.Sprintf("%d.txt", i)] = ""
	}
	if got := load(t, directory(t, many)).Warnings; len(got) != 21 || got[20] != "10 more files are ignored" {
		t.Errorf("warnings = %q, want 20 and a count", got)
	}
}

// configMap lays a directory out as Kubernetes mounts a ConfigMap.
func configMap(t *testing.T, dir, version string, content files) {
	t.Helper()
	real := "..2026_" + version
	fill(t, filepath.Join(dir, real), content)
	swap(t, dir, real)
	for name := range content {
		top, _, _ := strings.Cut(name, "/")
		err := os.Symlink(filepath.Join(dataLink, top), filepath.Join(dir, top))
		if err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
}

// swap points ..data somewhere else in one step.
func swap(t *testing.T, dir, target string) {
	t.Helper()
	next := filepath.Join(dir, "..data_tmp")
	if err := os.Symlink(target, next); err != nil {
		t.Error(err)
	}
	if err := os.Rename(next, filepath.Join(dir, dataLink)); err != nil {
		t.Error(err)
	}
}

func TestConfigMap(t *testing.T) {
	dir := t.TempDir()
	configMap(t, dir, "1", good)
	b := load(t, dir)
	if b.Digest != load(t, directory(t, good)).Digest {
		t.Errorf("files = %v, want those of the directory", b.Files)
	}
	configMap(t, dir, "2", files{"data.json": `{"new": true}`})
	if b = load(t, dir); b.Data["new"] != true || len(b.Files) != 1 {
		t.Errorf("files after the swap = %v, want data.json alone", b.Files)
	}
	if b = load(t, filepath.Join(dir, dataLink)); b.Data["new"] != true {
		t.Errorf("files through ..data = %v", b.Files)
	}

	// A mount below the bundle's directory.
	outer := t.TempDir()
	inner := filepath.Join(outer, "model")
	if err := os.Mkdir(inner, 0o700); err != nil {
		t.Fatal(err)
	}
	configMap(t, inner, "1", files{"data.yaml": "plans: {pro: {}}"})
	if b = load(t, outer); b.Model == nil || b.Files[0].Path != "model/data.yaml" {
		t.Errorf("files = %v, want model/data.yaml", b.Files)
	}
}

func TestConfigMap_hostileLink(t *testing.T) {
	for _, target := range []string{"/etc", "..", "../other", "a", "..data", `..\x`, "..2026_gone"} {
		dir := directory(t, small)
		if err := os.Symlink(target, filepath.Join(dir, dataLink)); err != nil {
			t.Fatal(err)
		}
		refused(t, "..", dir)
	}
	dir := directory(t, small)
	if err := os.WriteFile(filepath.Join(dir, "..2026_x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	swap(t, dir, "..2026_x")
	refused(t, "is a file", dir)
	if err := os.Remove(filepath.Join(dir, "..2026_x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(dir, "..2026_x")); err != nil {
		t.Fatal(err)
	}
	refused(t, "is a symbolic link", dir)
}

// TestConfigMap_swappedWhileRead swaps as fast as it can. Every load that succeeds is one
// version, never a mixture.
func TestConfigMap_swappedWhileRead(t *testing.T) {
	dir := t.TempDir()
	version := func(i int) files {
		content := files{}
		for f := range 20 {
			content[fmt.Sprintf("d%02d/data.json", f)] = fmt.Sprintf(`{"version": "%d"}`, i)
		}
		return content
	}
	configMap(t, dir, "0", version(0))
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			configMap(t, dir, fmt.Sprint(i), version(i))
			if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("..2026_%d", i-1))); err != nil {
				t.Error(err)
			}
		}
	}()
	loaded := map[any]bool{}
	for deadline := time.Now().Add(20 * time.Second); len(loaded) < 3 && time.Now().Before(deadline); {
		b, err := Load(t.Context(), DefaultLimits(), dir)
		if err != nil {
			if !strings.Contains(err.Error(), errMoved.Error()) {
				t.Errorf("Load: %v", err)
			}
			continue
		}
		if len(b.Data) != 20 {
			t.Errorf("%d directories, want 20", len(b.Data))
		}
		versions := map[any]bool{}
		for _, d := range b.Data {
			versions[d.(map[string]any)["version"]] = true
		}
		if len(versions) != 1 {
			t.Errorf("a mixture of the versions %v", versions)
		}
		for v := range versions {
			loaded[v] = true
		}
	}
	close(stop)
	<-stopped
	if len(loaded) == 0 {
		t.Error("no load succeeded")
	}
}
