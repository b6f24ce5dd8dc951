// Package regotest holds Rego files to what this project asks of all of them, for the
// tests of the packages that embed some.
package regotest

import (
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"

	"postern/policies"
)

// Formatted demands that OPA's formatter leaves the file as it is.
func Formatted(t *testing.T, file string, text []byte) {
	t.Helper()
	formatted, err := format.SourceWithOpts(file, text, format.Opts{RegoVersion: ast.RegoV1})
	if err != nil {
		t.Fatal(err)
	}
	if string(formatted) != string(text) {
		t.Errorf("%s is not formatted", file)
	}
}

// Strict demands that the modules compile together as opa check --strict --schema would.
func Strict(t *testing.T, modules map[string]*ast.Module) {
	t.Helper()
	c := ast.NewCompiler().WithStrict(true).WithSchemas(policies.Schemas()).WithUseTypeCheckAnnotations(true)
	c.Compile(modules)
	if c.Failed() {
		t.Error(c.Errors)
	}
}

// Described demands a description of every package, in one of its files, and in each file
// of every public rule. The first of several rules of one name speaks for all.
func Described(t *testing.T, modules map[string]*ast.Module) {
	t.Helper()
	packages := map[string]bool{}
	for file, module := range modules {
		described := described(file, module, t)
		path := module.Package.Path.String()
		packages[path] = packages[path] || described
	}
	for path, described := range packages {
		if !described {
			t.Errorf("package %s has no description", path)
		}
	}
}

// Typed demands that every package whose rules read input names its schema, so that a
// misspelled member is a mistake and not undefined.
func Typed(t *testing.T, modules map[string]*ast.Module) {
	t.Helper()
	reads, typed := map[string]bool{}, map[string]bool{}
	for _, module := range modules {
		path := module.Package.Path.String()
		ast.WalkRefs(module, func(r ast.Ref) bool {
			reads[path] = reads[path] || r[0].Equal(ast.InputRootDocument)
			return false
		})
		for _, a := range module.Annotations {
			typed[path] = typed[path] || a.Scope == "package" && len(a.Schemas) > 0
		}
	}
	for path := range reads {
		if reads[path] && !typed[path] {
			t.Errorf("package %s reads input and names no schema", path)
		}
	}
}

// described checks the rules of one file, and reports whether it describes its package.
func described(file string, module *ast.Module, t *testing.T) bool {
	t.Helper()
	has := map[string]bool{}
	for _, a := range module.Annotations {
		if a.Description == "" {
			continue
		}
		switch a.Scope {
		case "package":
			has["package"] = true
		case "rule", "document":
			has[a.GetTargetPath().String()] = true
		}
	}
	for _, rule := range module.Rules {
		name := rule.Head.Ref()[0].String()
		if strings.HasPrefix(strings.Trim(name, `"`), "_") || rule.Default {
			continue
		}
		if !has[rule.Ref().GroundPrefix().String()] {
			t.Errorf("%s: %s has no description", file, name)
		}
	}
	return has["package"]
}
