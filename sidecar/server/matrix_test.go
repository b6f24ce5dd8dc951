package server_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/bundle"
	"postern/sidecar/matrix"
)

// A tabulated is a random model, with a real organization for each role set and plan.
type tabulated struct {
	roles    map[string]tabulatedRole
	features map[string][]string // of each plan; nil without plans
	source   string
	text     string
}

type tabulatedRole struct {
	Includes    []string `json:"includes"`
	Permissions []string `json:"permissions"`
}

// pick are some of the names with a letter.
func pick(r *rand.Rand, letter string, n int) []string {
	list := []string{}
	for i := range n {
		if r.IntN(2) == 0 {
			list = append(list, fmt.Sprint(letter, i))
		}
	}
	return list
}

func tabulate(t *testing.T, r *rand.Rand) *tabulated {
	t.Helper()
	m := &tabulated{roles: map[string]tabulatedRole{}, source: []string{"token", "roles", "both"}[r.IntN(3)]}
	for i := range 3 {
		made := tabulatedRole{Includes: pick(r, "org:r", i), Permissions: []string{}}
		for _, feature := range pick(r, "f", 3) {
			for _, action := range pick(r, "a", 2) {
				made.Permissions = append(made.Permissions, "org:"+feature+":"+action)
			}
		}
		if r.IntN(2) == 0 {
			made.Permissions = append(made.Permissions, "org:sys_billing:read")
		}
		m.roles[fmt.Sprint("org:r", i)] = made
	}
	model := map[string]any{
		"roles":       m.roles,
		"permissions": map[string]any{"org:f0:a0": nil, "org:f0:a1": nil, "org:f1:a0": nil, "org:f1:a1": nil, "org:f2:a0": nil, "org:f2:a1": nil, "org:f3:a0": nil},
		"settings":    map[string]any{"permission_source": m.source, "minimum_permissions": []string{}},
	}
	for key := range model["permissions"].(map[string]any) {
		model["permissions"].(map[string]any)[key] = map[string]any{}
	}
	sets, plans := []string{""}, []string{""}
	if r.IntN(4) > 0 {
		sets = []string{"s0", "s1"}
		document := map[string]any{}
		for _, set := range sets {
			document[set] = map[string]any{"roles": append(pick(r, "org:r", 2), "org:r2"), "default_role": "org:r2", "creator_role": "org:r2"}
		}
		model["role_sets"] = document
	}
	if r.IntN(4) > 0 {
		plans = []string{"p0", "p1"}
		document := map[string]any{}
		m.features = map[string][]string{}
		for _, plan := range plans {
			m.features[plan] = pick(r, "f", 4)
			document[plan] = map[string]any{"features": m.features[plan]}
		}
		model["plans"] = document
	}
	organizations := map[string]any{}
	for _, set := range sets {
		for _, plan := range plans {
			organizations["org_"+set+"_"+plan] = stated(set, plan)
		}
	}
	model["organizations"] = organizations
	text, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	m.text = string(text)
	return m
}

// stated is an organization that states what is not empty.
func stated(set, plan string) map[string]any {
	organization := map[string]any{}
	if set != "" {
		organization["role_set"] = set
	}
	if plan != "" {
		organization["plan"] = plan
	}
	return organization
}

// claims are those of a member, as Clerk packs them: each feature of the plan with a mask
// of the actions that the role has of it. Without plans every feature is there.
func (m *tabulated) claims(set, plan, role string) map[string]any {
	held := map[string]bool{}
	m.hold(role, held)
	features := m.features[plan]
	if m.features == nil {
		features = []string{"f0", "f1", "f2", "f3"}
	}
	var fea, masks []string
	for _, feature := range features {
		mask := 0
		for bit := range 2 {
			if m.source != "roles" && held[fmt.Sprintf("org:%s:a%d", feature, bit)] {
				mask |= 1 << bit
			}
		}
		fea, masks = append(fea, "o:"+feature), append(masks, fmt.Sprint(mask))
	}
	c := map[string]any{"fea": nil, "pla": nil, "o": map[string]any{
		"id": "org_" + set + "_" + plan, "rol": strings.TrimPrefix(role, "org:"), "per": "a0,a1", "fpm": strings.Join(masks, ","),
	}}
	if len(fea) > 0 {
		c["fea"] = strings.Join(fea, ",")
	}
	if plan != "" {
		c["pla"] = "o:" + plan
	}
	return c
}

func (m *tabulated) hold(role string, held map[string]bool) {
	for _, permission := range m.roles[role].Permissions {
		held[permission] = true
	}
	for _, included := range m.roles[role].Includes {
		m.hold(included, held)
	}
}

// Rego that some of the bundles bring: denials, and an entrypoint in the library's place.
const (
	tabulatedDeny = `package postern.extend

deny contains {"code": "policy_denied"} if {
	input.session.org.role == "org:r2"
	some term in input.check.any
	endswith(term.permission, ":a1")
}

deny contains {"code": "plan_required"} if {
	"p1" in input.session.plans.org
	some term in input.check.any
	term.permission == "org:f0:a0"
}
`
	tabulatedOwn = `package acme

default answer := false

answer if data.postern.check.decision.allow

answer if {
	data.model.organizations[input.session.org.id].plan == "p0"
	input.check.any[0].permission == "org:sys_domains:read"
}
`
	tabulatedManifest = `{"revision": "own", "metadata": {"postern": {"entrypoints": {"check": "acme/answer"}}}}`
)

// TestMatrix: every cell of a matrix is what the server answers to a signed token of a
// member of a real organization with that role set and plan.
func TestMatrix(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	seen := map[string]int{}
	models := 20
	if raced || testing.Short() {
		models = 14
	}
	for i := range models {
		m := tabulate(t, r)
		dir := t.TempDir()
		write(t, dir, "model/data.json", m.text)
		if i%3 == 1 {
			write(t, dir, "deny.rego", tabulatedDeny)
		}
		if i%4 == 1 {
			write(t, dir, "acme.rego", tabulatedOwn)
			write(t, dir, ".manifest", tabulatedManifest)
		}
		b, err := bundle.Load(t.Context(), bundle.DefaultLimits(), dir)
		if err != nil {
			t.Fatal(err)
		}
		built, err := matrix.Build(t.Context(), b, matrix.Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, standard(t, dir))
		tokens := map[matrix.Key]string{}
		for c := range built.Cells() {
			key := matrix.Key{RoleSet: c.RoleSet, Plan: c.Plan, Role: c.Role}
			if tokens[key] == "" {
				tokens[key] = sign(t, m.claims(c.RoleSet, c.Plan, c.Role))
			}
			a := s.ask(tokens[key], `{"permission":"`+c.Permission+`"}`)
			var want []string
			for _, code := range c.Reasons {
				want = append(want, string(code))
			}
			if got := slices.Compact(strings.Fields(a.codes())); a.Allow != c.Allow || !slices.Equal(got, want) {
				t.Fatalf("model %d, cell %v: %v %q, the server: %s\n%s", i, c.Key, c.Allow, want, a.Body, m.text)
			}
			for _, code := range append(want, fmt.Sprint(c.Allow)) {
				seen[code]++
			}
		}
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, answer := range []string{"true", "permission_not_granted", "permission_gated_by_feature", "plan_required", "policy_denied"} {
		if seen[answer] < models/2 {
			t.Errorf("only %d cells of %d models with %s: %v", seen[answer], models, answer, seen)
		}
	}
}
