package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/sidecar/token/mint"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": main})
}

// TestScript runs the scripts of testdata/script with the real commands.
func TestScript(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireUniqueNames:  true,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"envsubst": scriptEnvsubst,
			"exits":    scriptExits,
			"http":     scriptHTTP,
			"keypair":  scriptKeyPair,
			"sign":     scriptSign,
			"signal":   scriptSignal,
			"until":    scriptUntil,
		},
	})
}

// key is one key for all scripts: making one takes a while.
var key = sync.OnceValues(func() (*mint.Key, error) { return mint.NewKey("ins_1") })

// scriptSign is "sign CLAIMS TOKEN [JWKS]": it signs the claims of one file into another,
// with times around now where the claims state none, and writes the key set.
func scriptSign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sign CLAIMS TOKEN [JWKS]")
	}
	k, err := key()
	ts.Check(err)
	var claims map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &claims))
	now := time.Now().Unix()
	for name, standard := range map[string]int64{"iat": now - 5, "nbf": now - 10, "exp": now + 600} {
		if _, ok := claims[name]; !ok {
			claims[name] = standard
		}
	}
	raw, err := k.Sign(claims)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(raw), 0o600))
	if len(args) > 2 {
		set, err := mint.JWKS(k)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), set, 0o600))
	}
}

// scriptEnvsubst is "envsubst FILE": it replaces ${NAME} in the file.
func scriptEnvsubst(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: envsubst FILE")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// scriptExits is "exits CODE COMMAND...": it runs a command as exec does, which must exit
// with exactly that code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var failed *exec.ExitError
		if !errors.As(err, &failed) {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = failed.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exits with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// scriptSignal is "signal HUP" or "signal TERM": it sends what kill of testscript cannot,
// to the one command in the background.
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal HUP|TERM")
	}
	running := ts.BackgroundCmds()
	if len(running) != 1 {
		ts.Fatalf("%d commands are in the background, want 1", len(running))
	}
	ts.Check(running[0].Process.Signal(signals[args[0]]))
}

// scriptHTTP is "http METHOD SOCKET PATH [BODY] [HEADER...]": one request over a Unix
// socket, its status line, headers and body on standard output. In a header, @name stands
// for a file's content, and so does "@name" in a body, in quotes as it stands. It waits a
// while for the socket to answer.
func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	text, err := exchange(ts, args)
	if neg {
		if err == nil {
			ts.Fatalf("somebody answers:\n%s", text)
		}
		return
	}
	ts.Check(err)
	_, err = io.WriteString(ts.Stdout(), text)
	ts.Check(err)
}

// scriptUntil is "until TEXT http …": it repeats a request until the answer holds a text.
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || args[1] != "http" {
		ts.Fatalf("usage: until TEXT http …")
	}
	var text string
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var err error
		text, err = exchange(ts, args[2:])
		ts.Check(err)
		if strings.Contains(text, args[0]) {
			return
		}
	}
	ts.Fatalf("no answer has %q; the last:\n%s", args[0], text)
}

// named is a string in a body that stands for a file's content.
var named = regexp.MustCompile(`"@[a-z_]+"`)

func exchange(ts *testscript.TestScript, args []string) (string, error) {
	if len(args) < 3 {
		ts.Fatalf("usage: http METHOD SOCKET PATH [BODY] [HEADER...]")
	}
	body := ""
	if len(args) > 3 {
		body = named.ReplaceAllStringFunc(args[3], func(text string) string {
			return `"` + ts.ReadFile(strings.Trim(text, `"@`)) + `"`
		})
	}
	req, err := http.NewRequest(args[0], "http://postern"+args[2], strings.NewReader(body))
	if err != nil {
		return "", err
	}
	for _, header := range args[min(4, len(args)):] {
		name, value, _ := strings.Cut(header, ": ")
		if before, file, ok := strings.Cut(value, "@"); ok {
			value = before + ts.ReadFile(file)
		}
		req.Header.Add(name, value)
	}
	res, err := overSocket(ts.MkAbs(args[1]), req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var out bytes.Buffer
	if err := res.Write(&out); err != nil {
		return "", err
	}
	return strings.ReplaceAll(out.String(), "\r\n", "\n"), nil
}

// overSocket sends a request, and waits for whoever is just starting to listen.
func overSocket(path string, req *http.Request) (*http.Response, error) {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := &http.Client{Timeout: 10 * time.Second, CheckRedirect: stay, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
				c, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
				if err == nil || time.Now().After(deadline) || ctx.Err() != nil {
					return c, err
				}
			}
		},
	}}
	return client.Do(req)
}
