package policy

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"

	"postern/sidecar/decision"
)

// documents are a bundle that has a bit of everything.
var documents = []string{
	"model/data.yaml", "organizations: {org_secret: {plan: pro}}\nplans: {pro: {features: [reports]}}\n",
	"app/app.rego", `package app

plan := data.model.organizations.org_secret.plan

echo := input

session := input.session

credential := input.credential

rules := count(data.postern.check) >= 0

slow := n if {
	input.slow
	n := count([1 | some i in numbers.range(1, 100000); some j in numbers.range(1, 100000); i * j == -1])
}
`,
	"extend/extend.rego", "package postern.extend\n\ndeny contains \"no\" if input.nothing\n",
	"records/data.json", `{"list": [1, 2], "__proto__": {"admin": false}, "toString": 1}`,
	"system/system.rego", "package system\n\nmain := 1\n",
}

func value(t testing.TB, text string) Value {
	t.Helper()
	v, err := NewValue(jsontext.Value(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ask is a document as text, or the error's code.
func ask(t testing.TB, p *Policy, q DataQuestion) string {
	t.Helper()
	found, err := p.Data(t.Context(), Input{Now: time.Unix(1767225600, 0)}, &q)
	var failed *DataError
	if errors.As(err, &failed) {
		return string(failed.Code)
	}
	if err != nil {
		t.Fatal(err)
	}
	if found.JSON == nil {
		return found.Kind
	}
	return string(found.JSON)
}

func TestData(t *testing.T) {
	p := policyOf(t, documents...)
	f := func(want string, path ...string) {
		t.Helper()
		if got := ask(t, p, DataQuestion{Path: path}); got != want {
			t.Errorf("%q = %s, want %s", path, got, want)
		}
	}
	f(`"pro"`, "app", "plan")
	f("true", "app", "rules")
	f("undefined", "app", "echo")
	f("undefined", "nowhere")
	f("2", "records", "list", "1")
	f("2", "records", "list", "01")
	f("undefined", "records", "list", "x")
	f(`{"admin":false}`, "records", "__proto__")
	f("undefined", "records", "constructor")
	f("1", "system", "main")
	// Names are names: none is read as a part of a query.
	for _, name := range []string{"app.plan", `app["plan"]`, "app/plan", `app"] == 1; data["model`, "*", "_", "data", "input", "model ", "Model", "%6dodel", "mod\u200bel", "", "$", "app\x00"} {
		f("undefined", name)
	}
}

// TestData_hidden: the model and the library cannot be read, be it as a part of the whole.
func TestData_hidden(t *testing.T) {
	p := policyOf(t, documents...)
	for _, path := range [][]string{{"model"}, {"model", "organizations"}, {"model", "organizations", "org_secret", "plan"}, {"postern"}, {"postern", "check", "decision"}, {"postern", "extend", "deny"}, {"postern", "nowhere"}} {
		if got := ask(t, p, DataQuestion{Path: path}); got != string(decision.PolicyDenied) {
			t.Errorf("%q = %s, want policy_denied", path, got)
		}
	}
	whole := ask(t, p, DataQuestion{Input: value(t, "1")})
	if strings.Contains(whole, "org_secret") || strings.Contains(whole, "postern") || strings.Contains(whole, "main") || !strings.Contains(whole, `"plan":"pro"`) {
		t.Errorf("data = %s", whole)
	}
}

// TestData_readable: what is configured is given out.
func TestData_readable(t *testing.T) {
	p := policyOf(t, documents...)
	data, err := newData(p.data.compiled, map[string]any{"model": nil, "records": nil}, []string{"model"})
	if err != nil {
		t.Fatal(err)
	}
	p.data = data
	if got := ask(t, p, DataQuestion{Path: []string{"model", "plans", "pro", "features"}}); got != `["reports"]` {
		t.Errorf("the model's features: %s", got)
	}
	if got := ask(t, p, DataQuestion{Path: []string{"postern"}}); got != string(decision.PolicyDenied) {
		t.Errorf("the library: %s", got)
	}
	if whole := ask(t, p, DataQuestion{}); !strings.Contains(whole, `"org_secret"`) || strings.Contains(whole, `"postern"`) {
		t.Errorf("data = %s", whole)
	}
}

// TestData_session: what the caller says of the session counts for nothing, where the switch
// is on, and is left alone where it is off.
func TestData_session(t *testing.T) {
	p := policyOf(t, documents...)
	const forged = `{"session": {"user_id": "root"}, "credential": null, "a": 1}`
	q := DataQuestion{Path: []string{"app", "echo"}, Input: value(t, forged)}
	if got := ask(t, p, q); got != `{"a":1,"credential":null,"session":{"user_id":"root"}}` {
		t.Errorf("off: %s", got)
	}
	q.Session = true
	const nobody = `"credential":{"code":"token_missing"},"session":null}`
	if got := ask(t, p, q); got != `{"a":1,`+nobody {
		t.Errorf("on: %s", got)
	}
	q.Common = value(t, `{"session": {"user_id": "root"}, "b": {"c": 1}}`)
	if got := ask(t, p, q); got != `{"a":1,"b":{"c":1},`+nobody {
		t.Errorf("on, with a common input: %s", got)
	}
	q.Input, q.Common = Value{}, Value{}
	if got := ask(t, p, q); got != `{`+nobody {
		t.Errorf("on, without an input: %s", got)
	}
	q.Input = value(t, `[{"session": {"user_id": "root"}}]`)
	q.Path = []string{"app", "session"}
	if got := ask(t, p, q); got != "undefined" {
		t.Errorf("on, with a list: %s", got)
	}
}

// TestData_common: own members win, deeply, and the common input stays as it was.
func TestData_common(t *testing.T) {
	p := policyOf(t, documents...)
	common := value(t, `{"a": {"b": 1, "c": {"d": 1}}, "x": 1}`)
	for range 2 {
		q := DataQuestion{Path: []string{"app", "echo"}, Common: common, Input: value(t, `{"a": {"c": {"d": 2}}, "x": {"y": 1}, "z": null}`)}
		if got := ask(t, p, q); got != `{"a":{"b":1,"c":{"d":2}},"x":{"y":1},"z":null}` {
			t.Errorf("merged: %s", got)
		}
	}
	if got := ask(t, p, DataQuestion{Path: []string{"app", "echo"}, Common: common, Input: value(t, `[1]`)}); got != `[1]` {
		t.Errorf("a list: %s", got)
	}
	if got := ask(t, p, DataQuestion{Path: []string{"app", "echo"}, Common: common}); got != "undefined" {
		t.Errorf("no input: %s", got)
	}
}

// TestData_flood: callers choose paths, and whatever they choose, what is kept is bounded.
func TestData_flood(t *testing.T) {
	p := policyOf(t, documents...)
	live := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	ask(t, p, DataQuestion{Path: []string{"app", "first"}})
	before := live()
	const n = 4000
	for i := range n {
		path := []string{"app", fmt.Sprintf("p%d", i)}
		if i%4 == 0 {
			path = append(path, strings.Split(strings.Repeat("x/", 40)+"y", "/")...)
		}
		if i%4 == 1 {
			path = append(path, strings.Repeat("z", 3<<10))
		}
		ask(t, p, DataQuestion{Path: path, Strict: i%2 == 0})
	}
	grown := int64(live()) - int64(before)
	s := p.data.queries.Stats()
	t.Logf("%d bytes more, %d reckoned for %d queries", grown, s.Bytes, s.Entries)
	if s.Bytes > maxQueries {
		t.Errorf("%d bytes of queries are kept", s.Bytes)
	}
	if grown > 2*maxQueries {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(p)
}

// TestData_long: a path of many names is refused before anything is compiled.
func TestData_long(t *testing.T) {
	p := policyOf(t, documents...)
	for _, n := range []int{maxNames + 1, 10_000} {
		if got := ask(t, p, DataQuestion{Path: strings.Split(strings.Repeat("a/", n-1)+"a", "/")}); got != string(decision.RequestMalformed) {
			t.Errorf("%d names: %s", n, got)
		}
	}
	if got := ask(t, p, DataQuestion{Path: strings.Split(strings.Repeat("a/", maxNames-1)+"a", "/")}); got != "undefined" {
		t.Errorf("%d names: %s", maxNames, got)
	}
}

// TestData_bomb: an evaluation ends at its deadline, and its caller with it.
func TestData_bomb(t *testing.T) {
	p := policyOf(t, documents...)
	p.bound = &Bound{Deadline: 50 * time.Millisecond, Abandoned: 4}
	slow := value(t, `{"slow": true}`)
	began := time.Now()
	if got := ask(t, p, DataQuestion{Path: []string{"app", "slow"}, Input: slow}); got != string(decision.PolicyTimeout) {
		t.Errorf("got %s, want policy_timeout", got)
	}
	// By way of a package, or of all data, it is evaluated too.
	for _, path := range [][]string{{"app"}, nil} {
		if got := ask(t, p, DataQuestion{Path: path, Input: slow}); got != string(decision.PolicyTimeout) {
			t.Errorf("%q: got %s, want policy_timeout", path, got)
		}
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestData_concurrent: one policy answers many at once, with the same queries.
func TestData_concurrent(t *testing.T) {
	p := policyOf(t, documents...)
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for j := range 50 {
				want := fmt.Sprintf(`{"a":%d,"b":1}`, i*100+j)
				q := DataQuestion{Path: []string{"app", "echo"}, Common: value(t, `{"b": 1}`), Input: value(t, fmt.Sprintf(`{"a": %d}`, i*100+j))}
				if got := ask(t, p, q); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	callers.Wait()
}

// TestData_error: the caller gets the evaluator's words, and the log none of what they quote;
// an error in a rule of the library has none for the caller either.
func TestData_error(t *testing.T) {
	p := policyOf(t, "app/app.rego", "package app\n\nnumber := to_number(input.n)\n")
	q := DataQuestion{Path: []string{"app", "number"}, Strict: true, Input: value(t, `{"n": "hunter2"}`)}
	_, err := p.Data(t.Context(), Input{}, &q)
	var failed *DataError
	if !errors.As(err, &failed) || len(failed.Details) != 1 || !strings.Contains(failed.Details[0].Message, "hunter2") || failed.Details[0].File != "app/app.rego" {
		t.Fatalf("%+v", err)
	}
	if strings.Contains(failed.Error(), "hunter2") || strings.Contains(failed.Unwrap().Error(), "hunter2") {
		t.Errorf("the log would say %s", failed)
	}
	inside := detailOf(&topdown.Error{Code: topdown.ConflictErr, Message: "hunter2", Location: ast.NewLocation(nil, libraryName+"postern/check/check.rego", 3, 1)})
	if strings.Contains(inside.Message, "hunter2") || inside.File != "library:postern/check/check.rego" {
		t.Errorf("the library's: %+v", inside)
	}
}

func BenchmarkData(b *testing.B) {
	p := policyOf(b, documents...)
	q := DataQuestion{Path: []string{"app", "plan"}}
	for b.Loop() {
		if _, err := p.Data(context.Background(), Input{}, &q); err != nil {
			b.Fatal(err)
		}
	}
}
