package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/sidecar/bundle"
	"postern/sidecar/model"
)

// importRoutes runs routes import by itself.
func importRoutes(t *testing.T, stdin string, args ...string) (out, errs string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := routesImportCommand()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

// loadModel loads what was printed as the model of a bundle, beside roles for it.
func loadModel(t *testing.T, name, text string) *bundle.Bundle {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"model/" + name: text, "model/roles/data.json": `{"org:admin": {}, "aé😀": {}}`} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := bundle.Load(t.Context(), bundle.DefaultLimits(), dir)
	if err != nil {
		t.Fatalf("load\n%s\n%v", text, err)
	}
	if err := validate(t.Context(), io.Discard, io.Discard, bundle.Paths(dir), nil); err != nil {
		t.Fatalf("validate\n%s\n%v", text, err)
	}
	return b
}

func TestRoutesImport(t *testing.T) {
	const source = "const a = createRouteMatcher(['/x'])\nconst b = createRouteMatcher([\n  '/admin(.*)', '/café/:id', '/admin/x', '/a b',\n])\n"
	want := `# narrower (case): letters match in the case in which the list has them, and no other
# narrower (ambiguous_path): a path that can be read in two ways is denied before routing: with empty or dot segments, backslashes, encoded separators, ; or invisible characters; the list may match one
routes:
# "/admin(.*)"
#   narrower (prefix): a longer last segment does not match, as in /adminx; in the list it does
- {match: "/admin", signed_in: true}
- {match: "/admin/", signed_in: true}
# "/café/:id"
- {match: "/café/{id}", signed_in: true}
- {match: "/café/{id}/{$}", signed_in: true}
# "/admin/x"
#   /admin/x is matched by /admin/ of "/admin(.*)"
#   /admin/x/{$} is matched by /admin/ of "/admin(.*)"
# "/a b"
- {match: "/a%20b", signed_in: true}
- {match: "/a%20b/{$}", signed_in: true}
`
	out, errs, err := importRoutes(t, source, "--name", "b")
	if err != nil || out != want {
		t.Fatalf("import: %v, prints\n%s\nwant\n%s", err, out, want)
	}
	for _, line := range []string{"narrower (case): ", "\"/admin(.*)\" -> /admin /admin/\n  narrower (prefix): ", "\"/admin/x\" -> no route\n  /admin/x is matched"} {
		if !strings.Contains(errs, line) {
			t.Errorf("import reports\n%s\nwant %q in it", errs, line)
		}
	}
	if b := loadModel(t, "data.yaml", out); len(b.Model.Routes) != 6 || !b.Model.Routes[0].SignedIn || b.Model.Routes[4].Match != "/a%20b" {
		t.Errorf("the model has routes %+v", b.Model.Routes)
	}
}

// requirementOf is the requirement of a route as JSON, or nothing.
func requirementOf(r model.Route) string {
	if r.Require == nil {
		return ""
	}
	return string(r.Require.AppendJSON(nil))
}

// The flags say what the routes ask for, and both forms load as the same model.
func TestRoutesImport_rules(t *testing.T) {
	f := func(count int, stdin string, args ...string) {
		t.Helper()
		yaml, _, err := importRoutes(t, stdin, args...)
		if err != nil {
			t.Fatalf("import %q: %v", args, err)
		}
		text, _, err := importRoutes(t, stdin, append(args, "--format", "json")...)
		if err != nil || !json.Valid([]byte(text)) {
			t.Fatalf("import %q --format json: %v, %s", args, err, text)
		}
		one, other := loadModel(t, "data.yaml", yaml).Model.Routes, loadModel(t, "data.json", text).Model.Routes
		if len(one) != count || len(other) != count {
			t.Fatalf("import %q: %d routes in YAML, %d in JSON, want %d", args, len(one), len(other), count)
		}
		for i := range one {
			a, b := one[i], other[i]
			if a.Match != b.Match || a.Public != b.Public || a.SignedIn != b.SignedIn || requirementOf(a) != requirementOf(b) {
				t.Errorf("import %q: route %d is %+v in YAML, %+v in JSON", args, i, a, b)
			}
			if asks := requirementOf(a) != ""; a.Public != (args[0] == "--public") || asks != (args[0] == "--require") || a.SignedIn == (a.Public || asks) {
				t.Errorf("import %q: route %d is %+v", args, i, a)
			}
		}
	}
	f(2, `["/a", "b"]`, "-")
	f(2, "/a\n", "--public")
	f(2, `["/a\"<\u00e9>\u2603b"]`, "--public")
	f(4, "/a\n/b\n", "--require", `{"any": [{"role": "org:admin"}, {"role":"aé\ud83d\ude00"}]}`)
	f(0, "[]", "-")
	f(0, "/a%20b\n", "--public")
}

// A refused list prints nothing, says all that is wrong, and exits with 1.
func TestRoutesImport_refused(t *testing.T) {
	f := func(code exit, message, stdin string, args ...string) {
		t.Helper()
		out, errs, err := importRoutes(t, stdin, args...)
		var got exit
		if !errors.As(err, &got) && err != nil {
			got, errs = exitCannot, err.Error()
		}
		if got != code || out != "" || !strings.Contains(errs, message) {
			t.Errorf("import %q of %q: exit %d, %q, %q, want %d and %q", args, stdin, got, out, errs, code, message)
		}
	}
	f(exitFailed, "line 1: pattern \"/:a-:b\": a parameter has a part", "/:a-:b\n/ok\n/foo*\n")
	f(exitFailed, "line 3: pattern \"/foo*\" is invalid, and createRouteMatcher throws", "/:a-:b\n/ok\n/foo*\n")
	f(exitFailed, "line 2: the regular expression", "createRouteMatcher([\n/x/])")
	f(exitFailed, "no pattern", "")
	f(exitCannot, "missing.ts", "", "missing.ts")
	f(exitCannot, `--format: "toml" is none of yaml, json`, "/a", "--format", "toml")
	f(exitCannot, `did you mean "json"?`, "/a", "--format", "jsno")
	f(exitCannot, "--require: ", "/a", "--require", `{"roles": "org:admin"}`)
	f(exitCannot, "asks for nothing", "/a", "--require", `{"any": []}`)
	f(exitCannot, "none of the others", "/a", "--require", `{"role": "a"}`, "--public")
	f(exitCannot, "at most 1 arg", "/a", "a", "b")
}
