package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"

	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/version"

	"postern/sidecar/config"
)

// opaBundle writes the bundle that OPA and Postern both serve.
func opaBundle(t testing.TB) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "bundle")
	write(t, dir, ".manifest", `{"revision": "r1", "roots": ["app", "records", "system"]}`)
	write(t, dir, "app/app.rego", `package app

default flag := false

allow if input.user == "alice"

decision := {"allow": input.user == "alice", "user": input.user}

greeting := sprintf("hello, %v", [input.user])

big := 12345678901234567890

exponent := 1e400

kinds := {"null": null, "number": 1.50, "text": "a<b>&\u2028", "set": {3, "b", 1, {"k": 1}}, "list": [1, [2]]}

keys := {1: "one", true: "yes", null: "nothing", [1, 2]: "list", {3}: "set", "1": "text"}

twice := 1 if input.x
twice := 2 if input.x

number := to_number(input.n)

divided := 1 / input.n

members[name] := value if some name, value in input.m

names contains name if some name, _ in input.m

nested.deeply.here := 3

nothing := null

no := false

function(x) := x + 1

echo := input

absent if not input

given if input == null
`)
	write(t, dir, "app/sub/sub.rego", "package app.sub\n\ninner := 1\n\nouter := input.outer\n")
	write(t, dir, "system/main.rego", "package system\n\nmain := {\"in\": input}\n\nhealth.live if input.plugin_state.bundle == \"OK\"\n\nhealth.broken := 1 if input.x.y\n\nhealth.text := \"fine\"\n")
	write(t, dir, "records/data.json", `{"list": [{"a": 1}, {"b": [2, 3]}], "ключ": "значение", "a/b": "slash", "..": "dots", ".": "dot", "1": "one",
		"a b": "space", "if": "keyword", "number": 12345678901234567890.5, "cents": 1.10, "exp": 1e3, "__proto__": {"admin": false}, "x%2Fy": "escaped",
		"empty": {}, "none": [], "deep": {"a": {"b": {"c": [[[7]]]}}}, "c\nd": "line", "e\\f": "backslash", "%": "percent", "+": "plus", "long": "`+strings.Repeat("long ", 400)+`"}`)
	return dir
}

// opaProgram is the opa of go.mod, built.
var opaProgram = sync.OnceValues(func() (string, error) {
	path, err := exec.Command("go", "tool", "-n", "opa").Output()
	return strings.TrimSpace(string(path)), err
})

// runOPA serves a bundle with OPA itself until the test ends.
func runOPA(t testing.TB, bundle string, more ...string) (address string) {
	t.Helper()
	program, err := opaProgram()
	if err != nil {
		t.Fatalf("go tool -n opa: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	listener.Close()
	args := append([]string{"run", "--server", "--addr", address, "--log-level", "error", "--skip-version-check", "--bundle", filepath.Base(bundle)}, more...)
	process := exec.Command(program, args...)
	process.Dir = filepath.Dir(bundle)
	var output bytes.Buffer
	process.Stdout, process.Stderr = &output, &output
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
		if t.Failed() {
			t.Logf("opa:\n%s", output.String())
		}
	})
	eventually(t, "opa serves", func() bool {
		response, err := http.Get("http://" + address + "/health?bundles")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return address
}

// opaConfig opens the OPA door to this machine.
func opaConfig(t testing.TB, bundle string, more ...string) *config.Config {
	t.Helper()
	c := standard(t, bundle, more...)
	c.Doors.OPA, c.Clients.Anonymous = true, config.AnonymousLoopback
	return c
}

// A call is one request, with its target as it is to be sent.
type call struct {
	method, target, body string
	headers              []string // lines
}

// send makes a call on a connection of its own.
func send(t testing.TB, address string, c call) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", c.method, c.target, address)
	for _, line := range c.headers {
		head += line + "\r\n"
	}
	if c.body != "" || c.method != "GET" {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(c.body))
	}
	if _, err := io.WriteString(conn, head+"\r\n"+c.body); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: c.method})
	if err != nil {
		t.Fatalf("%s %s: %v", c.method, c.target, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

// comparable is an answer without what may differ: ids, the values of measures, the names of
// files and bundles, the stack of an error.
func comparable(t testing.TB, body string) any {
	t.Helper()
	if strings.TrimSpace(body) == "" {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(strings.ReplaceAll(body, "bundle/", "")))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "no JSON"
	}
	object, ok := v.(map[string]any)
	if !ok {
		return v
	}
	delete(object, "decision_id")
	if measures, ok := object["metrics"].(map[string]any); ok {
		object["metrics"] = slices.Sorted(maps.Keys(measures))
	}
	if p, ok := object["provenance"].(map[string]any); ok {
		if bundles, ok := p["bundles"].(map[string]any); ok {
			p["bundles"] = slices.Collect(maps.Values(bundles))
		}
	}
	if all, ok := object["errors"].([]any); ok {
		for _, e := range all {
			delete(e.(map[string]any), "stack_trace")
		}
	}
	return object
}

// TestOPA_version: the evaluator and the program that it is compared with are of one release.
func TestOPA_version(t *testing.T) {
	program, err := opaProgram()
	if err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(program, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "Version: "+version.Version+"\n") {
		t.Errorf("opa is %q, the library %s", text, version.Version)
	}
}

// TestOPA_compare asks OPA and Postern the same, and wants the same status and JSON from both,
// field by field, but for what is listed as another answer, with the reason.
func TestOPA_compare(t *testing.T) {
	t.Parallel()
	bundle := opaBundle(t)
	theirs := runOPA(t, bundle)
	s := start(t, opaConfig(t, bundle))
	ours := strings.TrimPrefix(s.url, "http://")
	calls := opaCalls()
	t.Logf("%d requests", len(calls))
	for _, c := range calls {
		if strings.Contains(c.target, "metrics") || strings.Contains(c.target, "instrument") {
			// The measures of a query that is prepared first depend on what was asked before.
			send(t, theirs, c.call)
			send(t, ours, c.call)
		}
		their, theirBody := send(t, theirs, c.call)
		our, ourBody := send(t, ours, c.call)
		name := c.method + " " + c.target + " " + c.body
		if len(name) > 120 {
			name = name[:120]
		}
		got, want := comparable(t, ourBody), comparable(t, theirBody)
		if their.StatusCode/100 == 3 { // OPA has a page for people
			got, want = our.Header.Get("Location"), their.Header.Get("Location")
		}
		if c.differs == "" {
			kind := our.Header.Get("Content-Type")
			if their.StatusCode/100 == 3 || theirBody == "" {
				kind = their.Header.Get("Content-Type")
			}
			if want == "no JSON" || kind != their.Header.Get("Content-Type") {
				t.Errorf("%s: a %s is compared with a %s", name, kind, their.Header.Get("Content-Type"))
			}
			if our.StatusCode != their.StatusCode || !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n  got  %d %s\n  want %d %s", name, our.StatusCode, ourBody, their.StatusCode, theirBody)
			}
			continue
		}
		if our.StatusCode == their.StatusCode && reflect.DeepEqual(got, want) {
			t.Errorf("%s: no difference, though one is listed: %s", name, c.differs)
		}
		if our.StatusCode != c.status || c.code != "" && !strings.Contains(ourBody, `"code": "`+c.code+`"`) {
			t.Errorf("%s: %d %s, want %d %s", name, our.StatusCode, ourBody, c.status, c.code)
		}
	}
}
