// Package regotest holds Rego files to what this project asks of all of them, for the
// tests of the packages that embed some.
package regotest

import (
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
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

// Strict demands that the modules compile together as opa check --strict would.
func Strict(t *testing.T, modules map[string]*ast.Module) {
	t.Helper()
	c := ast.NewCompiler().WithStrict(true)
	c.Compile(modules)
	if c.Failed() {
		t.Error(c.Errors)
	}
}

// Described demands a description of the package and of every public rule in the
// module's annotations. The first of several rules of one name speaks for all.
func Described(t *testing.T, file string, module *ast.Module) {
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
	if !has["package"] {
		t.Errorf("%s: the package has no description", file)
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
}
