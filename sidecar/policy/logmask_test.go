package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/sidecar/logmask"
	"postern/sidecar/policy"
)

// maskOf is what a bundle with one package postern.log says of a record.
func maskOf(t *testing.T, rules string, deadline time.Duration) ([]logmask.Edit, bool, error) {
	t.Helper()
	p, err := policy.New(t.Context(), load(t, "log.rego", "package postern.log\n\n"+rules), &policy.Bound{Deadline: deadline, Abandoned: 4}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p.LogMask()(context.Background(), []byte(`{"decision_id":"d","user":"ada","status":200,"big":12345678901234567890,"reasons":[{"code":"role_required"}]}`))
}

func TestLogMask(t *testing.T) {
	f := func(rules, want string) {
		t.Helper()
		edits, drop, err := maskOf(t, rules, 10*time.Second)
		got := fmt.Sprint(drop)
		for _, e := range edits {
			got += " " + e.Pointer
			if e.Value != nil {
				got += "=" + string(e.Value)
			}
		}
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", rules, got, err, want)
		}
	}
	f(`mask contains "/user"`, "false /user")
	f(`mask contains "/user" if input.user == "bob"`, "false")
	f(`mask contains {"op": "remove", "path": "/user"}`, "false /user")
	f(`mask contains {"op": "upsert", "path": "/user", "value": {"n": input.big, "null": null}}`, `false /user={"n":12345678901234567890,"null":null}`)
	f(`mask contains {"op": "upsert", "path": "/user", "value": null}`, "false /user=null")
	f("mask contains sprintf(\"/reasons/%d/message\", [i]) if some i, _ in input.reasons", "false /reasons/0/message")
	f("drop if input.status == 200", "true")
	f("drop if input.status == 403", "false")
	f("default drop := false\n\ndrop if input.status == 403", "false")
	f("drop := input.status == 200\n\nmask contains \"/user\"", "true /user")

	none := compiled(t, load(t, empty...))
	if none.LogMask() != nil {
		t.Error("a bundle without package postern.log has something to say")
	}
}

func TestLogMask_fails(t *testing.T) {
	f := func(rules string, want logmask.Error) {
		t.Helper()
		edits, drop, err := maskOf(t, rules, 10*time.Second)
		var word logmask.Error
		if !errors.As(err, &word) || word != want || len(edits) > 0 || drop {
			t.Errorf("%s: %v, %v, %v; want %v", rules, edits, drop, err, want)
		}
	}
	f("mask contains input.status", logmask.Shape)
	f("mask contains input.user", logmask.Path)
	f(`mask contains concat("", ["/", "time"])`, logmask.Protection)
	f(`mask contains concat("", ["", ""])`, logmask.Protection)
	f(`mask contains {"op": "replace", "path": "/user"}`, logmask.Shape)
	f(`mask contains {"path": "/user"}`, logmask.Shape)
	f(`mask contains {"op": "upsert", "path": "/user"}`, logmask.Shape)
	f(`mask contains {"op": "remove", "path": "/user", "value": 1}`, logmask.Shape)
	f(`mask contains {"op": "upsert", "path": "/user", "value": 1, "more": 1}`, logmask.Shape)
	f(`mask contains {"op": "remove", "path": input.status}`, logmask.Shape)
	f(`mask contains "/user" if to_number(input.user) == 1`, logmask.Failed)
	f("drop := input.status", logmask.Shape)
	f("drop := true if input.user\n\ndrop := false if input.status", logmask.Failed)
	f("drop if to_number(input.user) == 1\n\nmask contains \"/user\"", logmask.Failed)
	f(`mask contains sprintf("/x/%d", [i]) if some i in numbers.range(1, 1001)`, logmask.Size)
	f(`mask contains sprintf("/x/%d", [i]) if some i in numbers.range(1, 200000)`, logmask.Size)
	f(`mask contains {"op": "upsert", "path": "/x", "value": concat("", [s | some i in numbers.range(1, 20000); s := sprintf("%0100d", [i])])}`, logmask.Size)
	// A value that doubles forty times is small for the evaluator, and never written out.
	double := []string{"v0 := [input.user]"}
	for i := range 40 {
		double = append(double, fmt.Sprintf("v%d := [v%d, v%d]", i+1, i, i))
	}
	f(`mask contains {"op": "upsert", "path": "/x", "value": v40}`+"\n\n"+strings.Join(double, "\n\n"), logmask.Size)
}

// TestLogMask_endless: a mask that takes for ever ends at the deadline, and leaves the
// evaluations of decisions as many slots as before.
func TestLogMask_endless(t *testing.T) {
	rule := "mask contains \"/user\" if {\n\tsome i in numbers.range(1, 30000)\n\tsome j in numbers.range(1, 30000)\n\ti * j == input.status - 1000\n}"
	began := time.Now()
	_, _, err := maskOf(t, rule, 20*time.Millisecond)
	if !errors.Is(err, logmask.Timeout) || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
	limit := bound()
	limit.Deadline = 20 * time.Millisecond
	p, err := policy.New(t.Context(), load(t, "log.rego", "package postern.log\n\n"+rule), limit, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, _, err := p.LogMask()(t.Context(), []byte(`{"status":200}`)); !errors.Is(err, logmask.Timeout) && !errors.Is(err, logmask.Busy) {
			t.Errorf("%v", err)
		}
	}
	if limit.Running() != 0 || limit.Full() {
		t.Errorf("%d evaluations of decisions run on", limit.Running())
	}
}

// TestNew_logMask: what cannot be meant is refused, with its place.
func TestNew_logMask(t *testing.T) {
	f := func(want string, files ...string) {
		t.Helper()
		p, err := policy.New(t.Context(), load(t, files...), bound(), policy.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New(%q) = %v, %v; want %s", files, p, err, want)
		}
	}
	const head = "package postern.log\n\n"
	for _, name := range logmask.Protected() {
		f(fmt.Sprintf("log.rego:3:1: %q cannot be masked", "/"+name), "log.rego", head+`mask contains "/`+name+`"`)
		f("cannot be masked", "log.rego", head+`mask contains {"op": "upsert", "path": "/`+name+`/x", "value": input.user}`)
	}
	f(`log.rego:5:1: "user" is no JSON pointer`, "log.rego", head+"mask contains \"/user\"\n\nmask contains \"user\"")
	f(`"/a~b" is no JSON pointer`, "log.rego", head+`mask contains "/a~b"`)
	f("an entry of mask has no path", "log.rego", head+`mask contains {"op": "remove"}`)
	f("mask must be a set", "log.rego", head+`mask := ["/user"]`)
	f("mask must be a set", "log.rego", head+`mask if input.user`)
	f("mask is one rule", "log.rego", head+`mask.user := true`)
	f("drop is true or false", "log.rego", head+`drop contains "x"`)
	f("drop is true or false", "log.rego", head+`drop(x) if x`)
	f("has neither", "log.rego", head+"masks contains \"/user\"")
	f("http.send is refused", "log.rego", head+`mask contains "/user" if http.send({"method": "get", "url": "http://a"})`)
	// Helpers may be below, and in several files.
	if _, err := policy.New(t.Context(), load(t, "a.rego", head+"mask contains p if some p in data.postern.log.paths.all", "b.rego", "package postern.log.paths\n\nall := [\"/user\"]", "c.rego", head+"drop if input.x"), bound(), policy.Options{}); err != nil {
		t.Error(err)
	}
}

func TestLoggedRoutes(t *testing.T) {
	p := compiled(t, load(t, "model/data.json", `{"routes": [{"match": "/b", "public": true, "logged": "required"}, {"match": "/a", "signed_in": true, "logged": "required"}, {"match": "/c", "public": true}]}`))
	if text, _ := json.Marshal(p.LoggedRoutes()); string(text) != `["/a","/b"]` {
		t.Errorf("LoggedRoutes() = %s", text)
	}
}

// BenchmarkLogMask is what the writer spends on asking a bundle about a record.
func BenchmarkLogMask(b *testing.B) {
	p := compiled(b, load(b, "log.rego", "package postern.log\n\nmask contains \"/user\"\n\nmask contains {\"op\": \"upsert\", \"path\": \"/session\", \"value\": \"x\"} if input.session\n\ndrop if input.route == \"GET /healthz\""))
	record := []byte(`{"decision_id":"d","user":"user_1","session":"sess_1","status":200,"question":{"any":[{"role":"a"}]}}`)
	mask := p.LogMask()
	b.ReportAllocs()
	for b.Loop() {
		if edits, drop, err := mask(b.Context(), record); len(edits) != 2 || drop || err != nil {
			b.Fatal(edits, drop, err)
		}
	}
}
