package server_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/types"
)

// held is where the built-in test.hold waits: it says that it was entered, goes on when it is
// let, whatever its context says, and only then looks at what it was given.
var held = struct{ entered, let, saw chan string }{make(chan string), make(chan string), make(chan string)}

func init() {
	rego.RegisterBuiltin1(
		&rego.Function{Name: "test.hold", Decl: types.NewFunction(types.Args(types.A), types.B), Nondeterministic: true},
		func(_ rego.BuiltinContext, value *ast.Term) (*ast.Term, error) {
			held.entered <- ""
			<-held.let
			held.saw <- value.String()
			return ast.BooleanTerm(true), nil
		})
}

// A talk is requests and answers over one connection, all of which the server reads into the
// same memory.
type talk struct {
	t testing.TB
	c net.Conn
	r *bufio.Reader
}

func (s *sidecar) talk() talk {
	c := s.dial()
	s.t.Cleanup(func() { c.Close() })
	return talk{s.t, c, bufio.NewReader(c)}
}

func (k talk) send(text string) {
	k.t.Helper()
	if _, err := io.WriteString(k.c, text); err != nil {
		k.t.Fatal(err)
	}
}

func (k talk) answer() (status int, body string) {
	k.t.Helper()
	res, err := http.ReadResponse(k.r, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.Close {
		k.t.Fatalf("%s, %v, closed: %v", text, err, res.Close)
	}
	return res.StatusCode, string(text)
}

// TestReuse_abandoned: an evaluation that is given up goes on with the request that it was
// asked about, when the next ones have taken its place in memory.
func TestReuse_abandoned(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `routes: [{match: "/o/{org}/", public: true}]`)
	write(t, dir, "hold.rego", `package postern.extend

deny contains "never" if {
	note := input.request.headers["x-note"]
	test.hold([input.request.method, input.request.host, input.request.path, input.request.query.q[0], note, input.route.params.org, input.request.segments])
}
`)
	s := start(t, standard(t, dir, "policy: {deadline: 700ms}"))
	for _, door := range []string{"/ext_authz", "/forward-auth"} {
		k := s.talk()
		request := func(method, host, target, more string) string {
			text := proxyRequest(door, method, target) + "X-Forwarded-Host: app.example\r\n" + more + "\r\n\r\n"
			return strings.ReplaceAll(text, "app.example", host)
		}
		k.send(request("GET", "app.example", "/o/original/x?q=original", "X-Note: original"))
		select {
		case <-held.entered:
		case <-time.After(20 * time.Second):
			t.Fatal("the policy was not asked")
		}
		if status, _ := k.answer(); status != 403 {
			t.Errorf("%s: %d, want 403 once the deadline has passed", door, status)
		}
		for range 20 {
			k.send(request("PUT", "new.example", "/o/replaced/y?q=replaced", "X-Nope: replaced"))
			if status, body := k.answer(); status != 200 {
				t.Errorf("%s: afterwards %d %s", door, status, body)
			}
		}
		held.let <- ""
		if got, want := <-held.saw, `["GET", "app.example", "/o/original/x", "original", "original", "original", ["o", "original", "x"]]`; got != want {
			t.Errorf("%s: the evaluation saw %s, want %s", door, got, want)
		}
	}
}

// TestReuse_log: the decision log says what was decided about, however late it writes.
func TestReuse_log(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	s := start(t, standard(t, gated(t), "decision_log: "+path))
	k := s.talk()
	// What the pipe does not hold waits in the log: nobody reads as yet.
	const many = 600
	for i := range many {
		k.send(proxyRequest("/ext_authz", "GET", fmt.Sprintf("/public/%04d", i)) + "\r\n")
		if status, body := k.answer(); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	lines := bufio.NewScanner(pipe)
	for i := range many {
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		var record struct{ Method, Host, Path string }
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("/public/%04d", i); record.Method != "GET" || record.Host != "app.example" || record.Path != want {
			t.Fatalf("record %d: %+v, want %s", i, record, want)
		}
	}
}
