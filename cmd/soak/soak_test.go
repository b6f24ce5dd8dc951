package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"postern/sidecar/config"
	"postern/sidecar/server"
)

// leakVariable has the test's own program be a Postern that leaks what the variable says.
const leakVariable = "TEST_SOAK_LEAK"

func TestMain(m *testing.M) {
	if leak, ok := os.LookupEnv(leakVariable); ok {
		if err := leaking(leak); err != nil {
			io.WriteString(os.Stderr, err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if builtIn != "" {
		os.RemoveAll(builtIn)
	}
	os.Exit(code)
}

// leaking is a Postern that holds more and more.
func leaking(what string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var flags config.Flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(set)
	if err := set.Parse(os.Args[2:]); err != nil {
		return err
	}
	c, err := config.Load(&flags, nil)
	if err != nil {
		return err
	}
	s, err := server.New(server.Options{
		Config: c, Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	go leak(ctx, what)
	return s.Run(ctx)
}

func leak(ctx context.Context, what string) {
	var files []*os.File
	var memory [][]byte
	for ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
		switch what {
		case "open files":
			if f, err := os.Open(os.DevNull); err == nil {
				files = append(files, f)
			}
		case "goroutines":
			go func() { <-ctx.Done() }()
		case "live heap":
			memory = append(memory, bytes.Repeat([]byte{1}, 256<<10))
		}
	}
	_, _ = files, memory
}

// briefly is a soak of some seconds at a rate that a busy machine can bear.
func briefly(t *testing.T, lasts time.Duration) options {
	t.Helper()
	if testing.Short() {
		t.Skip("runs for seconds")
	}
	seed := rand.Uint64() >> 1
	t.Logf("seed %d", seed)
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return options{postern: program, lasts: lasts, seed: seed, source: fromPath, log: fromPath, rate: 400, workers: 6, change: 300 * time.Millisecond, keys: time.Second}
}

// built is the real program, built once, in a directory that [TestMain] removes.
var built = sync.OnceValues(func() (string, error) {
	var err error
	if builtIn, err = os.MkdirTemp("", "postern-soak-test-"); err != nil {
		return "", err
	}
	path := filepath.Join(builtIn, "postern")
	out, err := exec.Command("go", "build", "-o", path, "postern/cmd/postern").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return path, err
})

var builtIn string

// TestSoak: the real program passes.
func TestSoak(t *testing.T) {
	o := briefly(t, 5*time.Second)
	var out bytes.Buffer
	r, err := run(t.Context(), o, t.TempDir(), &out)
	r.write(&out)
	t.Log(out.String())
	if err != nil || r.failed() {
		t.Fatalf("the soak failed: %v", err)
	}
	for _, door := range []string{"/v1/check", "/v1/check, marked", "/v1/checks", "/v1/session", "/forward-auth", "/auth-request", "/ext_authz", "AuthZEN", "OPA data", "gRPC Check", abuse} {
		if len(r.counts[door]) < 2 && door != "OPA data" && door != "/v1/check, marked" || len(r.counts[door]) == 0 {
			t.Errorf("%s was asked and came to %v", door, r.counts[door])
		}
	}
	if r.judged == 0 || r.rotations == 0 || r.reloads["ok"] < 2 {
		t.Errorf("%d records judged, %d rotations, %v reloads", r.judged, r.rotations, r.reloads)
	}
}

// TestSoak_lies: an answer that was changed on its way is a wrong one, and the only fault.
func TestSoak_lies(t *testing.T) {
	f := func(old, changed string) {
		t.Helper()
		o := briefly(t, 2*time.Second)
		o.between = func(addresses map[string]string) (map[string]string, error) {
			all := map[string]string{"grpc": addresses["grpc"]}
			var err error
			all["http"], err = relay(t, addresses["http"], old, changed)
			return all, err
		}
		r, err := run(t.Context(), o, t.TempDir(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if !r.failed() || r.faults[wrongAnswer] == 0 || r.faults[badRecord] > 0 || r.faults[lostAnswer] > 0 {
			t.Errorf("%q for %q: faults are %v", changed, old, r.faults)
		}
	}
	f(`"allow":true,"status":200`, `"allow":true,"status":403`)
	f(`"allow":false,"status":401`, `"allow":true, "status":200`)
	f("X-Postern-User: user_0000", "X-Postern-User: user_9999")
}

// relay is a server that hands everything on and changes what is answered.
func relay(t *testing.T, to, old, changed string) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			front, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", to)
			if err != nil {
				front.Close()
				return
			}
			go func() {
				defer back.Close()
				_, _ = io.Copy(back, front) // until either end is gone
			}()
			go func() {
				defer front.Close()
				buffer := make([]byte, 64<<10)
				for {
					n, err := back.Read(buffer)
					text := strings.ReplaceAll(string(buffer[:n]), old, changed)
					if _, werr := io.WriteString(front, text); err != nil || werr != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String(), nil
}

// TestSoak_leaks: a Postern that holds more and more fails, by that measure.
func TestSoak_leaks(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []string{"open files", "goroutines", "live heap"} {
		t.Run(what, func(t *testing.T) {
			o := briefly(t, 3*time.Second)
			o.postern = program
			t.Setenv(leakVariable, what)
			r, err := run(t.Context(), o, t.TempDir(), io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range r.growths {
				if strings.HasPrefix(g.name, what) && !g.leaks() {
					t.Errorf("%s grew from %v to %v, and that is no leak", g.name, g.warm, g.end)
				}
			}
			if !r.failed() || len(r.faults) > 0 {
				t.Errorf("failed: %t, faults are %v: %q", r.failed(), r.faults, r.first)
			}
		})
	}
}

// TestSoak_gone: a Postern that ends is an error, and no hang.
func TestSoak_gone(t *testing.T) {
	o := briefly(t, 3*time.Second)
	o.between = func(addresses map[string]string) (map[string]string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0") // and nobody answers there
		if err != nil {
			return nil, err
		}
		gone := l.Addr().String()
		return map[string]string{"http": gone, "grpc": gone}, l.Close()
	}
	r, err := run(t.Context(), o, t.TempDir(), io.Discard)
	if err == nil && !r.failed() || r.faults[lostAnswer] == 0 {
		t.Errorf("faults are %v, %v", r.faults, err)
	}
}

// TestExecute_flags: what is no flag exits with 2.
func TestExecute_flags(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir()) // a failure keeps its logs
	f := func(want int, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := execute(t.Context(), args, &out, &errs); got != want || errs.Len() == 0 {
			t.Errorf("%q: exit %d, want %d; %s", args, got, want, errs.String())
		}
	}
	f(0, "--help")
	f(2, "--nonsense")
	f(2, "argument")
	f(2, "--for", "1s")
	f(2, "--for", "6h")
	f(2, "--source", "oci")
	f(2, "--log", "stdout")
	f(2, "--rate", "0")
	f(2, "--workers", "2")
	f(2, "--keys", "10ms")
	f(1, "--for", "2s", "--postern", "/no/such/program")
}
