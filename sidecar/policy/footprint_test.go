package policy

import (
	"context"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/sidecar/authzen"
	"postern/sidecar/bundle"
)

// policyOf compiles a bundle of files, name and text in turn.
func policyOf(t testing.TB, files ...string) *Policy {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := dir + "/" + files[i]
		if err := os.MkdirAll(path[:strings.LastIndexByte(path, '/')], 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bundle.Load(t.Context(), bundle.DefaultLimits(), dir)
	if err != nil {
		t.Fatal(err)
	}
	memo, err := NewMemo(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(context.Background(), b, &Bound{Deadline: time.Minute, Abandoned: 4}, Options{Memo: memo, Builtins: OnRequest()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// texts are what a footprint reads, and what only a with replaces, with a minus.
func (f *footprint) texts() []string {
	var all []string
	for _, p := range f.parts {
		for _, path := range p.paths {
			if path.replaced {
				all = append(all, "-"+path.text)
			} else {
				all = append(all, path.text)
			}
		}
	}
	return all
}

// TestFootprint_library: the library's entrypoints stay narrow. What differs in every
// session is not among what they read: then hardly any decision would be shared.
func TestFootprint_library(t *testing.T) {
	p := policyOf(t, "data.yaml", "a: 1")
	var b strings.Builder
	for _, e := range []*entrypoint{&p.check.entrypoint, &p.route.entrypoint, &p.effective.entrypoint, &p.evaluate.entrypoint, &p.searches[authzen.Actions].entrypoint} {
		b.WriteString(e.path + "\n")
		for _, text := range e.footprint.texts() {
			b.WriteString("  " + text + "\n")
		}
		if why := e.footprint.unshared(); len(why) > 0 {
			t.Errorf("%s is not shared: %v", e.path, why)
		}
		for _, name := range [][]string{{"now"}, {"session", "user_id"}, {"session", "session_id"}, {"session", "claims"}, {"session", "metadata"}, {"session", "actor"}, {"request"}} {
			if e.footprint.reads(name...) {
				t.Errorf("%s reads %s", e.path, strings.Join(name, "."))
			}
		}
	}
	const golden = "testdata/footprint.golden"
	if u := flag.Lookup("update"); u.Value.String() == "true" {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != b.String() {
		t.Errorf("the library reads\n%s\nwant, of %s (go test -run Footprint -update writes it), %v\n%s", b.String(), golden, err, want)
	}
}

// readsExactly compiles an own entrypoint and compares what it reads, and why it is not
// shared.
func readsExactly(t *testing.T, rego string, want ...string) {
	t.Helper()
	p := policyOf(t, "p.rego", "package acme\n"+rego, ".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/allow"}}}}`)
	got := p.check.footprint.texts()
	got = append(got, p.check.footprint.unshared()...)
	for i := range got {
		got[i], _, _ = strings.Cut(got[i], " (")
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nreads %q, want %q", rego, got, want)
	}
}

// TestFootprint finds what rules read by every way that Rego has to read it.
func TestFootprint(t *testing.T) {
	f := func(rego string, want ...string) { t.Helper(); readsExactly(t, rego, want...) }
	f(`allow := true`)
	f(`allow if input.check`, "input.check")
	f(`allow if input.session.org.id == "a"`, "input.session.org.id")
	f(`allow if input["session"]["org"].role`, "input.session.org.role")
	f(`allow if input.session.org.permissions[_] == "a"`, "input.session.org.permissions")
	f(`allow if input.session.org.permissions[0] == "a"`, "input.session.org.permissions")
	f(`allow if { some k; input.session[k].id }`, "input.session")
	f(`allow if { s := input.session; s.org.id }`, "input.session")
	f("import input.session as s\nallow if s.org.id", "input.session.org.id")
	f(`allow if input.session[input.context.name]`, "input.context.name", "input.session")
	f(`allow if "a" in input.session.org.permissions`, "input.session.org.permissions")
	f(`allow if every p in input.resource.list { p == input.context.x }`, "input.context.x", "input.resource.list")
	f(`allow if count([x | x := input.resource.a[_]; x > input.resource.b]) > 0`, "input.resource.a", "input.resource.b")
	f(`allow if { x := {k: v | some k, v in input.resource}; x.a }`, "input.resource")
	f(`allow if $"{input.context.a}" == "x"`, "input.context.a")
	f(`allow if not input.session.actor`, "input.session.actor")
	f("allow if f(input.context)\nf(x) if x.a == input.resource.b", "input.context", "input.resource.b")
	f("allow if other\nother if input.context.a\nunrelated if input.context.b", "input.context.a")
	f("allow if data.acme.sub[input.context.a]\nsub.one if input.context.b\nsub.two if input.context.c", "input.context.a", "input.context.b", "input.context.c")
	f("allow if p.x\np[k] := 1 if some k in input.context.list", "input.context.list")
	f("allow if p.x.y\np.x[input.context.k] := input.context.v", "input.context.k", "input.context.v")
	f("default allow := false\nallow := false if { input.context.a } else := input.context.b if { input.context.c } else := true", "input.context.a", "input.context.b", "input.context.c")
	f(`allow if json.marshal(input) == "x"`, "reads input as a whole, and the clock in it")
	f(`allow if walk(input, [["a"], 1])`, "reads input as a whole, and the clock in it")
	f(`allow if { x := input; x.session }`, "reads input as a whole, and the clock in it")
	f(`allow if object.get(input, ["a"], 1) == 1`, "reads input as a whole, and the clock in it")
	f(`allow if input[input.context.a]`, "input.context.a", "reads input as a whole, and the clock in it")
	f(`allow if input.now > 1`, "input.now", "reads input.now")
	f(`allow if time.now_ns() > 1`, "calls time.now_ns")
	f("allow if { x := [1 | time.now_ns() > 1]; count(x) > 0 }", "calls time.now_ns")
	f("allow if { x := time.now_ns() with time.now_ns as 5; x > 1 }", "calls time.now_ns")
	f("allow if io.jwt.decode_verify(input.context.t, {\"secret\": \"s\"})[0]", "input.context.t", "calls io.jwt.decode_verify")
	f(`allow if other with input.context.a as 1
other if input.context.b`, "-input.context.a", "input.context.b")
	f(`allow if other with input as {"context": {"a": 1}}
other if input.context.a`, "input.context.a")
	f(`allow if other with data.acme.one as input.context.z
other if one
one if input.context.a`, "input.context.a", "input.context.z")
	f("allow if other with f as g\nother if f(1)\nf(x) if x == 1\ng(x) if x == input.context.a", "input.context.a")
}

// TestFootprint_rules finds the rules that are reached by a reference that is itself held,
// handed on, imported or looked through.
func TestFootprint_rules(t *testing.T) {
	f := func(rego string, want ...string) { t.Helper(); readsExactly(t, rego, want...) }
	const sub = "\nsub.one if input.context.b"
	f("allow if { s := data.acme.sub; s.one }"+sub, "input.context.b")
	f("import data.acme.sub as s\nallow if s[input.resource.k]"+sub, "input.context.b", "input.resource.k")
	f("allow if g(data.acme.sub)\ng(x) if x.one"+sub, "input.context.b")
	f("allow if { walk(data.acme.sub, [_, x]); x }"+sub, "input.context.b")
	f("allow if { some n in names; data.acme.sub[n] }\nnames := [input.resource.n]"+sub, "input.context.b", "input.resource.n")
	f("allow if count([1 | data.acme.sub[_]]) > 0 with data.acme.sub as input.resource"+sub, "input.context.b", "input.resource")
	f("allow if { some n in names; input.context[n] }\nnames := [\"a\"]", "input.context")
	f("default g(_) := false\nallow if g(1)\ng(x) if x == input.context.a", "input.context.a")
	f("allow if g(input.context.a)\ng({\"b\": y}) if y == input.context.b", "input.context.a", "input.context.b")
	f("allow if p.x.y\np[input.context.k].y := input.context.v", "input.context.k", "input.context.v")
	f(`allow if { x := {"a": [input.context.a]}; x.a[0] }`, "input.context.a")
	f(`allow if input.context.a == 1 with input.context.a as input.context.b`, "input.context.a", "input.context.b")
	f("allow if other with input.now.x as 1\nother if input.context.a", "input.context.a", "-input.now.x")
	f("allow if other with input.now.x as 1\nother if input.now.x == 1", "input.now.x", "reads input.now")
	f(`allow if print(input.context.a)`)
}

// TestFootprints_places: of several places that read a path, the first of the bundle's is
// named, however the walk came to them.
func TestFootprints_places(t *testing.T) {
	p := policyOf(t, "b.rego", "package acme\n\nallow if {\n\tinput.session.org.id\n\tinput.session.org.role\n}\n",
		"a.rego", "package acme\n\nallow if data.postern.session.signed_in\n\nallow if input.session.org.role == \"a\"\n",
		".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/allow"}}}}`)
	f := p.Footprints()
	if len(f) != 5 || f[0].Entrypoint != "check" || f[0].Rule != "acme/allow" || !f[0].Shared || len(f[0].Why) > 0 {
		t.Fatalf("%+v", f)
	}
	reads := f[0].Reads
	for i := range reads { // the library's lines are not for here
		if rest, ok := strings.CutPrefix(reads[i].At, "library:"); ok {
			reads[i].At, _, _ = strings.Cut(rest, ":")
		}
	}
	want := []Read{
		{Path: "input.session.issuer", At: "postern/session/session.rego"},
		{Path: "input.session.org.id", At: "b.rego:4", Remark: "one entry for each organization"},
		{Path: "input.session.org.role", At: "a.rego:5"},
	}
	if !slices.Equal(reads, want) {
		t.Errorf("check reads\n%+v, want\n%+v", reads, want)
	}
}
