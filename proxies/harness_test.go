// Package proxies holds the tests of Postern behind the proxies that people run: the real
// programs with the configurations of testdata/proxies, a real Postern, and an upstream
// that says what it was sent. Everything is on loopback.
package proxies

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// required makes a proxy that is not installed a failure.
var required bool

func TestMain(m *testing.M) {
	// What begins with POSTERN_ is configuration of the product, and an unknown name is an
	// error there.
	const variable = "POSTERN_REQUIRE_PROXIES"
	required = os.Getenv(variable) == "1"
	if err := os.Unsetenv(variable); err != nil {
		panic(err)
	}
	code := m.Run()
	removeBinary()
	os.Exit(code)
}

// program finds a proxy's binary: the variable TEST_NAME says where it is, else it is on
// PATH or beside the system's daemons. Without it the test is skipped, or fails where
// proxies are required.
func program(t testing.TB, name string) string {
	t.Helper()
	variable := "TEST_" + strings.ToUpper(name)
	for _, candidate := range []string{os.Getenv(variable), name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if candidate == "" {
			continue
		}
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	if required {
		t.Fatalf("%s is not installed: put it on PATH, or its path into %s", name, variable)
	}
	t.Skipf("%s is not installed: put it on PATH, or its path into %s, to run this", name, variable)
	return ""
}

// A process is a program that runs until the test ends.
type process struct {
	name string
	cmd  *exec.Cmd
	log  *lines
	done chan struct{}
	stop func()
}

// run starts a program. What it writes is shown where the test fails.
func run(t testing.TB, name, binary string, arguments ...string) *process {
	t.Helper()
	p := &process{name: name, cmd: exec.Command(binary, arguments...), log: &lines{}, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	p.cmd.WaitDelay = time.Second
	// Its own group, so that workers that it starts end with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ends is no matter of these tests
		close(p.done)
	}()
	p.stop = sync.OnceFunc(func() {
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(2 * time.Second):
		}
		p.signal(syscall.SIGKILL)
		<-p.done
	})
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", name, tail(p.log.String(), 8000))
		}
	})
	return p
}

// signal sends a signal to the program and what it started. That it may have ended is no
// error.
func (p *process) signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// freeze stops the program where it stands, until it is sent SIGCONT.
func (p *process) freeze(t testing.TB) {
	t.Helper()
	p.signal(syscall.SIGSTOP)
	eventually(t, p.name+" is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		_, state, _ := strings.Cut(string(stat), ") ")
		return err != nil || strings.HasPrefix(state, "T")
	})
}

// ended reports whether the program runs no more.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

func tail(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return "…" + text[len(text)-n:]
}

// freeAddress is an address on loopback that nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// socketDir is a directory whose path is short enough for Unix sockets in it.
func socketDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// adapted copies a file of testdata/proxies, such as "envoy-grpc/envoy.yaml", with texts
// replaced: pairs of old and new. An old text that is not there is a mistake of the test.
func adapted(t testing.TB, dir, name string, replace ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "testdata", "proxies", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(replace); i += 2 {
		if !strings.Contains(text, replace[i]) {
			t.Fatalf("%s has no %q", name, replace[i])
		}
		// A mark keeps what was put in from being replaced again.
		text = strings.ReplaceAll(text, replace[i], fmt.Sprintf("\x00%d\x00", i))
	}
	for i := 0; i < len(replace); i += 2 {
		text = strings.ReplaceAll(text, fmt.Sprintf("\x00%d\x00", i), replace[i+1])
	}
	return write(t, dir, filepath.Base(name), text)
}
