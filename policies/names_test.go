package policies_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"postern/policies"
	"postern/sidecar/model"
)

// TestNames: the names that the rules and package model both state are the same ones. A
// permission that only one of them takes for the system's would be checked as one sort and
// granted as another.
func TestNames(t *testing.T) {
	compiler := ast.NewCompiler()
	if compiler.Compile(policies.Modules()); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	f := func(ref string, want []string) {
		t.Helper()
		result, err := rego.New(rego.Query(ref), rego.Compiler(compiler)).Eval(t.Context())
		if err != nil || len(result) != 1 {
			t.Fatalf("%s = %v, %v, want one value", ref, result, err)
		}
		text, err := json.Marshal(result[0].Expressions[0].Value)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s is %s: %v", ref, text, err)
		}
		slices.Sort(got)
		if want = slices.Sorted(slices.Values(want)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %q, but package model has %q", ref, got, want)
		}
	}
	f("data.postern.permission._system", model.SystemPermissions)
	f("data.postern.condition._minimum", model.MinimumPermissions)
}
