package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"postern/cmd/bench/world"
	"postern/policies/regotest"
)

const (
	handwrittenFile = "opa/bench/bench.rego"
	testFile        = "opa/bench/bench_test.rego"
)

// TestRego runs the tests of OPA's policy, which reach all of it, and holds it to OPA's
// format.
func TestRego(t *testing.T) {
	modules := map[string]*ast.Module{}
	for _, file := range []string{handwrittenFile, testFile} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		regotest.Formatted(t, file, text)
		if modules[file], err = ast.ParseModuleWithOpts(file, string(text), ast.ParserOptions{ProcessAnnotation: true}); err != nil {
			t.Fatal(err)
		}
	}
	own := map[string]*ast.Module{handwrittenFile: modules[handwrittenFile].Copy()}
	regotest.Strict(t, own)
	regotest.Described(t, own)
	coverage := cover.New()
	results, err := tester.NewRunner().SetCoverageQueryTracer(coverage).RaiseBuiltinErrors(true).
		SetTimeout(time.Minute).SetModules(modules).RunTests(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if !r.Pass() {
			t.Errorf("%s %s: fail=%v error=%v", r.Location, r.Name, r.Fail, r.Error)
		}
	}
	if ran < 15 {
		t.Errorf("%d Rego tests ran, want at least 15", ran)
	}
	if left := coverage.Report(modules).Files[handwrittenFile].NotCovered; len(left) > 0 {
		t.Errorf("not reached by tests: %v", left)
	}
}

// asked is OPA's policy with its data, to be asked as its server is.
func asked(t *testing.T, b *bench) func(token, question string) bool {
	t.Helper()
	data, err := b.opaData()
	if err != nil {
		t.Fatal(err)
	}
	query, err := rego.New(rego.Query("data.bench.decision.allow"), rego.Module(handwrittenFile, string(handwritten)),
		rego.Store(inmem.NewFromObject(data))).PrepareForEval(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(token, question string) bool {
		t.Helper()
		input, err := ast.ValueFromReader(strings.NewReader(`{"token":"` + token + `","question":` + question + `}`))
		if err != nil {
			t.Fatal(err)
		}
		result, err := query.Eval(t.Context(), rego.EvalParsedInput(input))
		if err != nil {
			t.Fatal(err)
		}
		return result.Allowed()
	}
}

func testBench(t *testing.T) *bench {
	t.Helper()
	b, err := newBench(t.TempDir(), quick(), t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOPA_oracle: OPA's policy answers what the oracle does, which answers what Postern
// does (world.TestOracle), for every role in every organization.
func TestOPA_oracle(t *testing.T) {
	b := testBench(t)
	allows := asked(t, b)
	seen := map[string]bool{}
	for _, c := range world.Classes() {
		claims := c.Claims(1, b.now)
		org := claims["o"].(map[string]any)
		group := org["id"].(string) + org["rol"].(string)
		token, err := b.key.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range world.Questions() {
			if seen[group] && !strings.Contains(q, "reverification") {
				continue
			}
			want, err := c.Allows(q, false)
			if err != nil {
				t.Fatal(err)
			}
			if got := allows(token, q); got != want {
				t.Errorf("%+v: %s: OPA says %t, the oracle %t", c, q, got, want)
			}
		}
		seen[group] = true
	}
}

// TestOPA_tokens: OPA's policy refuses what Postern refuses.
func TestOPA_tokens(t *testing.T) {
	b := testBench(t)
	allows := asked(t, b)
	f := func(want bool, change func(claims map[string]any)) {
		t.Helper()
		claims := world.Warm().Claims(1, b.now)
		change(claims)
		token, err := b.key.Sign(claims)
		if err != nil {
			t.Fatal(err)
		}
		if got := allows(token, question); got != want {
			t.Errorf("%v: %t, want %t", claims, got, want)
		}
	}
	f(true, func(map[string]any) {})
	f(false, func(c map[string]any) { c["iss"] = "https://evil.test" })
	f(false, func(c map[string]any) { c["azp"] = "https://evil.test" })
	f(false, func(c map[string]any) { delete(c, "azp") })
	f(false, func(c map[string]any) { c["exp"] = b.now.Unix() - 60 })
	f(false, func(c map[string]any) { delete(c, "exp") })
	f(false, func(c map[string]any) { c["nbf"] = b.now.Unix() + 60 })
	other := testBench(t)
	forged, err := other.key.Sign(world.Warm().Claims(1, b.now))
	if err != nil {
		t.Fatal(err)
	}
	if allows(forged, question) {
		t.Error("a token of another key is accepted")
	}
}
