package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"postern/sidecar/bundle"
	"postern/sidecar/request"
	"postern/sidecar/session"
)

// TestAges_presets: what keys say of factor ages is by the minutes that the library has.
func TestAges_presets(t *testing.T) {
	compiler := ast.NewCompiler()
	if compiler.Compile(Modules(&bundle.Bundle{})); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	query, err := rego.New(rego.Query("data.postern.reverification._presets[_].afterMinutes"), rego.Compiler(compiler)).Eval(t.Context())
	if err != nil || len(query) == 0 {
		t.Fatal(query, err)
	}
	var got []float64
	for _, result := range query {
		minutes, err := strconv.ParseFloat(fmt.Sprint(result.Expressions[0].Value), 64)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, minutes)
	}
	slices.Sort(got)
	if got = slices.Compact(got); !slices.Equal(got, presetMinutes[:]) {
		t.Errorf("the library's presets have %v, and keys %v", got, presetMinutes)
	}
}

// TestAges_footprint: as soon as a rule of a bundle can compare ages with something else,
// keys have them as they are.
func TestAges_footprint(t *testing.T) {
	f := func(rego string, want bool) {
		t.Helper()
		p := policyOf(t, "p.rego", rego)
		if got := p.check.footprint.ages; got != want {
			t.Errorf("%s\nages are %v, want %v", rego, got, want)
		}
		// Who asks what decisions are shared by is told which of the two it is.
		for _, r := range p.Footprints()[0].Reads {
			if r.Path == "input.factor_age" && strings.Contains(r.Remark, "presets") != want {
				t.Errorf("%s\n%s: %s", rego, r.Path, r.Remark)
			}
		}
	}
	const extend = "package postern.extend\n"
	f("package acme", true)
	f(extend+`deny contains "a" if input.session.org.id == "b"`, true)
	f(extend+"import data.acme.own\ndeny contains \"a\" if own", true)
	f(extend+`deny contains "a" if input.factor_age[0] > 3`, false)
	f(extend+`deny contains "a" if { x := input.factor_age; x[0] > 3 }`, false)
	f(extend+`deny contains "a" if object.get(input, "factor_age", [0])[0] > 3`, false)
	f(extend+`deny contains "a" if not data.postern.reverification.met({"level": "first_factor", "afterMinutes": 3})`, false)
	f(extend+`deny contains "a" if not data.postern.requirement.met with input.check as {"any": [{"reverification": {"level": "first_factor", "afterMinutes": 3}}]}`, false)
	f(extend+`deny contains "a" if { some k in ["requirement"]; not data.postern[k].met }`, false)
	f(extend+`deny contains "a" if input[input.context.name][0] > 3`, false)
}

// TestAges_same: two sessions that differ in the ages of their factors alone share an
// answer exactly if keys say so, and it is the one that each has by itself.
func TestAges_same(t *testing.T) {
	alone, shared := policyOf(t, "data.yaml", "a: 1"), policyOf(t, "data.yaml", "a: 1")
	alone.check.shared = false
	rng := rand.New(rand.NewPCG(5, 1))
	ages := []float64{-1, 0, 0.5, 9, 9.999, 10, 10.001, 59, 60, 61, 1439, 1440, 1441, 1e6, -2, -0.5}
	asked := []string{`"strict"`, `"strict_mfa"`, `"moderate"`, `"lax"`, `"none"`, `{"level":"first_factor","afterMinutes":5}`, `{"level":"multi_factor","afterMinutes":0.7}`}
	now := time.Unix(1767225600, 0)
	both := map[bool]int{}
	for range 5_000 {
		sub, err := NewSubject(&session.Session{UserID: "u", Profile: session.ProfileClerk, FactorAge: &[2]float64{ages[rng.IntN(len(ages))], ages[rng.IntN(len(ages))]}})
		if err != nil {
			t.Fatal(err)
		}
		q, err := request.ParseCheck(fmt.Appendf(nil, `{"any":[{"reverification":%s},{"reverification":%s}]}`, asked[rng.IntN(len(asked))], asked[rng.IntN(len(asked))]))
		if err != nil {
			t.Fatal(err)
		}
		in := Input{Subject: sub, Now: now}
		got, _ := shared.Check(t.Context(), in, &q)
		want, _ := alone.Check(t.Context(), in, &q)
		if got.Allow != want.Allow || fmt.Sprint(got.Reasons) != fmt.Sprint(want.Reasons) {
			t.Fatalf("%v, %s: %+v, alone %+v", sub.Session.FactorAge, q.Normal(), got.Decision, want.Decision)
		}
		both[got.Allow]++
	}
	if both[true] < 500 || both[false] < 500 {
		t.Errorf("outcomes %v, want both often", both)
	}
	if s := shared.memo.Stats(); s.Hits < 1_500 {
		t.Errorf("Stats = %+v, want many hits", s)
	}
}
