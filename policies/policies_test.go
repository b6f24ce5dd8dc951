package policies_test

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

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

// TestRego runs the library's own tests. Every rule of it must be reached by them.
func TestRego(t *testing.T) {
	all := modules(t)
	coverage := cover.New()
	results, err := tester.NewRunner().
		SetCompiler(ast.NewCompiler().WithEnablePrintStatements(true)).
		SetCoverageQueryTracer(coverage).
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
	if ran < 100 {
		t.Errorf("%d Rego tests ran, want at least 100", ran)
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
		regotest.Described(t, file, module)
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
