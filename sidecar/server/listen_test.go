package server_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/sidecar/config"
	"postern/sidecar/server"
)

// sockets is a configuration with both listeners on Unix sockets in dir.
func sockets(t testing.TB, dir string) *config.Config {
	t.Helper()
	c := standard(t, plain(t))
	c.HTTP.Listen = config.Address{Network: "unix", Address: filepath.Join(dir, "http.sock")}
	c.Admin.Listen = config.Address{Network: "unix", Address: filepath.Join(dir, "admin.sock")}
	return c
}

// short is a directory whose name leaves room for a socket's.
func short(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "postern")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// refused runs a server that must not start, and returns why.
func refused(t testing.TB, c *config.Config) error {
	t.Helper()
	s, err := server.New(server.Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = s.Run(ctx)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("Run = %v, want an error at once", err)
	}
	return err
}

// overSocket is a client of a Unix socket.
func overSocket(path string) *http.Client {
	return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}}
}

func TestListen_sockets(t *testing.T) {
	dir := short(t)
	c := sockets(t, dir)
	s := start(t, c)
	if a := s.ask(sign(t, nil), question); !a.Allow {
		t.Errorf("over the socket: %d %s", a.Code, a.Body)
	}
	res, err := overSocket(c.Admin.Listen.Address).Get("http://postern/readyz")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 200 {
		t.Errorf("readyz over the socket: %d", res.StatusCode)
	}
	for name, want := range map[string]string{"http": "http.sock", "admin": "admin.sock"} {
		path := filepath.Join(dir, want)
		if got := s.server.Addresses()[name]; got != "unix://"+path {
			t.Errorf("address of %s: %q", name, got)
		}
		info, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != os.ModeSocket|0o660 {
			t.Errorf("mode of %s: %v, want a socket with 0660", want, info.Mode())
		}
	}
	s.client.CloseIdleConnections()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestListen_stale: a socket that nobody answers on is one that a dead process left.
func TestListen_stale(t *testing.T) {
	dir := short(t)
	c := sockets(t, dir)
	for _, a := range []config.Address{c.HTTP.Listen, c.Admin.Listen} {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: a.Address})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
	}
	if a := start(t, c).ask(sign(t, nil), question); !a.Allow {
		t.Errorf("over the socket: %d %s", a.Code, a.Body)
	}
}

// TestListen_taken: what somebody else uses is left alone, and nothing is half started.
func TestListen_taken(t *testing.T) {
	dir := short(t)
	c := sockets(t, dir)
	running := start(t, c)
	good := sign(t, nil)
	err := refused(t, c)
	if !strings.Contains(err.Error(), "http.sock: another process answers there") {
		t.Errorf("the socket of another server: %v", err)
	}
	again := sockets(t, dir)
	again.HTTP.Listen.Address = filepath.Join(dir, "own.sock")
	if err := refused(t, again); !strings.Contains(err.Error(), "admin.sock: another process answers there") {
		t.Errorf("the admin socket of another server: %v", err)
	}
	if _, err := os.Lstat(again.HTTP.Listen.Address); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the other socket is left: %v", err)
	}
	if a := running.ask(good, question); !a.Allow {
		t.Errorf("the running server: %d %s", a.Code, a.Body)
	}
	for _, what := range []string{"file", "directory", "link"} {
		other := sockets(t, t.TempDir())
		path := filepath.Join(dir, what)
		other.HTTP.Listen.Address = path
		switch what {
		case "file":
			write(t, dir, what, "precious")
		case "directory":
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		case "link":
			if err := os.Symlink("http.sock", path); err != nil {
				t.Fatal(err)
			}
		}
		if err := refused(t, other); !strings.Contains(err.Error(), "no socket is there") {
			t.Errorf("a %s in the socket's place: %v", what, err)
		}
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("the %s is gone: %v", what, err)
		}
	}
	missing := sockets(t, t.TempDir())
	missing.HTTP.Listen.Address = filepath.Join(dir, "none", "x.sock")
	if err := refused(t, missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket in no directory: %v", err)
	}
}

// TestListen_busy: a socket whose owner is too busy to answer is not a dead one's.
func TestListen_busy(t *testing.T) {
	dir := short(t)
	c := sockets(t, dir)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: c.HTTP.Listen.Address}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 10 { // fill its queue
		w, err := net.DialTimeout("unix", c.HTTP.Listen.Address, 100*time.Millisecond)
		if err != nil {
			break
		}
		defer w.Close()
	}
	if err := refused(t, c); !strings.Contains(err.Error(), "may be another process's") {
		t.Errorf("Run = %v", err)
	}
	if _, err := os.Lstat(c.HTTP.Listen.Address); err != nil {
		t.Errorf("the socket of a busy process is gone: %v", err)
	}
}

func TestListen_port(t *testing.T) {
	running := start(t, standard(t, plain(t)))
	taken := strings.TrimPrefix(running.url, "http://")
	c := standard(t, plain(t))
	c.HTTP.Listen.Address = taken
	if err := refused(t, c); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), taken) {
		t.Errorf("the decision port of another server: %v", err)
	}
	// The admin port is taken: the decision port must be free again.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().String()
	l.Close()
	c = standard(t, plain(t))
	c.HTTP.Listen.Address, c.Admin.Listen.Address = free, taken
	if err := refused(t, c); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("the admin port of another server: %v", err)
	}
	if _, err := net.DialTimeout("tcp", free, time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the decision listener of a server that did not start: %v", err)
	}
	if a := running.ask(sign(t, nil), question); !a.Allow {
		t.Errorf("the running server: %d %s", a.Code, a.Body)
	}
}
