package policies_test

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"

	"postern/policies"
	"postern/policies/regotest"
)

func modules(t *testing.T) map[string]*ast.Module {
	t.Helper()
	all, err := policies.Parse(func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRego runs the library's own tests. Every rule of it must be reached by them, and none
// may call a built-in with what it does not take: Postern answers that with a denial, but one
// that names no cause.
func TestRego(t *testing.T) {
	all := modules(t)
	coverage := cover.New()
	results, err := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithEnablePrintStatements(true)).
		SetCoverageQueryTracer(coverage).
		RaiseBuiltinErrors(true).
		SetTimeout(time.Minute).
		SetModules(all).
		RunTests(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if !r.Pass() {
			t.Errorf("%s %s.%s: fail=%v error=%v", r.Location, r.Package, r.Name, r.Fail, r.Error)
		}
	}
	if ran < 300 {
		t.Errorf("%d Rego tests ran, want at least 300", ran)
	}
	for file, report := range coverage.Report(all).Files {
		if len(report.NotCovered) > 0 && !strings.HasSuffix(file, "_test.rego") {
			t.Errorf("%s: %.1f %% of its rules are reached by tests; not %v", file, report.Coverage, report.NotCovered)
		}
	}
}

// TestRego_strict compiles the library without its tests as opa check --strict would.
func TestRego_strict(t *testing.T) {
	regotest.Strict(t, policies.Modules())
}

// TestRego_style holds the files to OPA's format, to one package for each directory
// and to a description of every package and every public rule.
func TestRego_style(t *testing.T) {
	for file, module := range modules(t) {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		regotest.Formatted(t, file, text)
		want := "data." + strings.ReplaceAll(path.Dir(file), "/", ".")
		if strings.HasSuffix(file, "_test.rego") {
			if module.Package.Path.String() != want+"_test" {
				t.Errorf("%s has package %v, want %s_test", file, module.Package.Path, want)
			}
			continue
		}
		if module.Package.Path.String() != want {
			t.Errorf("%s has package %v, want %s", file, module.Package.Path, want)
		}
	}
	regotest.Described(t, policies.Modules())
	regotest.Typed(t, policies.Modules())
}

// TestSchemas: a rule that misspells a member of the input is refused, as far as OPA
// looks: it does not look into what may be null.
func TestSchemas(t *testing.T) {
	for body, want := range map[string]bool{
		"input.session.org.id":      true,
		"input.sesion.org.id":       false,
		"input.resource.anything":   true,
		"input.session.metadata.x":  true,
		"input.route.params.org":    true,
		"input.request.headers.a":   true,
		"input.factor_age[0] > 1":   true,
		"input.check.any[0].role":   true,
		"input.session.claims.a.b":  true,
		"input.request.pth":         false,
		"input.request.segments[0]": true,
	} {
		module, err := ast.ParseModuleWithOpts("x.rego", "# METADATA\n# schemas:\n#   - input: schema.input\npackage x\n\ny if "+body+"\n", ast.ParserOptions{ProcessAnnotation: true})
		if err != nil {
			t.Fatal(err)
		}
		c := ast.NewCompiler().WithSchemas(policies.Schemas()).WithUseTypeCheckAnnotations(true)
		c.Compile(map[string]*ast.Module{"x.rego": module})
		if c.Failed() == want {
			t.Errorf("%s: %v, want ok %t", body, c.Errors, want)
		}
	}
}

// TestRego_files finds every .rego file of the directory in the embedded library.
func TestRego_files(t *testing.T) {
	embedded := modules(t)
	err := filepath.WalkDir("postern", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(name, ".rego") && embedded[filepath.ToSlash(name)] == nil {
			t.Errorf("%s is not embedded", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
