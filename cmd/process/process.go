// Package process starts the programs that are measured and tried, each as a process of its
// own, and reads what it uses.
package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// startTime is how long a server may take until it is ready.
const startTime = time.Minute

// A Process is a program that runs.
type Process struct {
	command *exec.Cmd
	// Addresses are where it listens, by name: http, grpc, admin.
	Addresses map[string]string
	in        io.WriteCloser
	out       *bufio.Reader
	errs      *tail
}

// Build builds the program of a package at path.
func Build(ctx context.Context, path, from string) error {
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, from).CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", from, err, out)
	}
	return nil
}

// Launch starts a command whose standard streams are the caller's. What it says on standard
// error also goes to log, if there is one.
func Launch(ctx context.Context, log io.Writer, path string, args, environ []string) (*Process, error) {
	command := exec.CommandContext(ctx, path, args...)
	command.Env = append(os.Environ(), environ...)
	in, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &Process{command: command, in: in, out: bufio.NewReader(out), errs: &tail{also: log}}
	command.Stderr = p.errs
	return p, command.Start()
}

// PID is its process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Stop asks the process to end and waits for it.
func (p *Process) Stop() {
	_ = p.in.Close()                              // the caller's own children end with it
	_ = p.command.Process.Signal(syscall.SIGTERM) // others with this; one that has ended is fine
	kill := time.AfterFunc(15*time.Second, func() { _ = p.command.Process.Kill() })
	defer kill.Stop()
	_ = p.command.Wait() // how it ended is no matter
}

// Failed adds to an error what the process said last.
func (p *Process) Failed(err error) error {
	if said := p.errs.String(); said != "" {
		return fmt.Errorf("%w; it said: %s", err, said)
	}
	return err
}

// Say sends the process a line of JSON.
func (p *Process) Say(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = p.in.Write(append(line, '\n'))
	return err
}

// Hear reads a line of JSON from the process.
func (p *Process) Hear(v any) error {
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		_ = p.command.Process.Kill() // it has nothing more to say here, and
		_ = p.command.Wait()         // what it said of the cause is then whole
		return p.Failed(fmt.Errorf("no answer: %w", err))
	}
	return json.Unmarshal(line, v)
}

// tail keeps the last bytes that were written to it.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
	also io.Writer // nil for none
}

const tailBytes = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	if t.also != nil {
		return t.also.Write(b)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// Until asks again and again until there is no error, or for startTime.
func Until(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
