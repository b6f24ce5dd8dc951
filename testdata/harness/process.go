package harness

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Process is a program that runs until the test ends.
type Process struct {
	// Log is what it writes.
	Log *Log

	name string
	cmd  *exec.Cmd
	done chan struct{}
	stop func()
}

// Start starts a program. What it writes is shown where the test fails.
func Start(t testing.TB, name, binary string, arguments ...string) *Process {
	t.Helper()
	p := &Process{Log: &Log{}, name: name, cmd: exec.Command(binary, arguments...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.Log, p.Log
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
		p.Signal(syscall.SIGCONT)
		p.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(2 * time.Second):
		}
		p.Signal(syscall.SIGKILL)
		<-p.done
	})
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", name, Tail(p.Log.String(), 8000))
		}
	})
	return p
}

// Stop ends the program, and waits until it has.
func (p *Process) Stop() { p.stop() }

// Signal sends a signal to the program and what it started. That it may have ended is no
// error.
func (p *Process) Signal(s syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, s) }

// Freeze stops the program where it stands, until it is sent SIGCONT.
func (p *Process) Freeze(t testing.TB) {
	t.Helper()
	p.Signal(syscall.SIGSTOP)
	Eventually(t, p.name+" is stopped", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
		_, state, _ := strings.Cut(string(stat), ") ")
		return err != nil || strings.HasPrefix(state, "T")
	})
}

// Ended reports whether the program runs no more.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Listens waits until something listens at address. A program that ends before does not.
func (p *Process) Listens(t testing.TB, address string) {
	t.Helper()
	Eventually(t, p.name+" listens on "+address, func() bool {
		if p.Ended() {
			t.Fatalf("%s ended before it listened on %s", p.name, address)
		}
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// Tail is the end of a text, at most n bytes of it.
func Tail(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return "…" + text[len(text)-n:]
}

// FreeAddress is an address on loopback that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
