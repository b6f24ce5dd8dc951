package dataset

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"
)

// document is data of every way of being kept: small, forks, tables, and tables with large
// members.
func document() map[string]any {
	organizations, tenants, roles := map[string]any{}, map[string]any{}, map[string]any{}
	blocked := []any{}
	for i := range 2 * many {
		o := map[string]any{"plan": []string{"free", "pro"}[i%2], "limit": json.Number(fmt.Sprintf("%d.0", i%20)), "name": fmt.Sprint("Organization ", i)}
		if i%5 == 0 {
			o["domains"] = map[string]any{fmt.Sprintf("d%d.example", i/10): "automatic_invitation"}
		}
		if i%7 == 0 {
			o["suspended"] = true
		}
		organizations[fmt.Sprint("org_", i)] = o
		blocked = append(blocked, fmt.Sprint("user_", i*3))
	}
	for i := range many {
		users := map[string]any{}
		for u := range 40 {
			users[fmt.Sprint("u", u)] = map[string]any{"roles": []any{"r1", fmt.Sprint("r", u%3)}, "age": json.Number(fmt.Sprint(u)), "x": nil}
		}
		tenants[fmt.Sprint(i)] = users
	}
	for i := range 5 {
		roles[fmt.Sprint("r", i)] = map[string]any{"permissions": []any{"a", "b", fmt.Sprint("p", i)}}
	}
	return map[string]any{
		"model":   map[string]any{"organizations": organizations, "roles": roles, "settings": map[string]any{"limit": json.Number("1.50")}},
		"tenants": tenants,
		"blocked": blocked,
		"system":  map[string]any{"hidden": true},
		"empty":   map[string]any{},
	}
}

const module = `package p

import rego.v1

verifiers contains id if {
	some id, definition in data.model.organizations
	definition.domains["d3.example"]
}

plan := data.model.organizations[input.org].plan

default limit := "none"

limit := data.model.organizations[input.org].limit

in_plan[plan] contains id if some id, {"plan": plan} in data.model.organizations

active contains id if {
	some id
	data.model.organizations[id]
	not data.model.organizations[id].suspended
}

adults[t] := names if {
	some t in ["7", "255", "256"]
	names := {name | data.tenants[t][name].age > 35}
}
`

var queries = []string{
	`data.p.verifiers`,
	`data.p.plan`,
	`data.p.limit`,
	`data.p.in_plan.pro`,
	`data.p.active`,
	`data.p.adults`,
	`data.model.organizations.org_3.plan`,
	`data.model.organizations["org_3"].limit`,
	`data.model.organizations.org_3`,
	`data.model.organizations.absent.plan`,
	`data.model.organizations.org_3.plan.absent`,
	`data.model.organizations[3]`,
	`data.model.organizations[id].limit == 7`,
	`data.model.organizations[id] == {"plan": "pro", "limit": 7, "name": "Organization 27"}`,
	`data.model.organizations[_].domains[d] = "automatic_invitation"`,
	`some id, o in data.model.organizations; o.suspended; startswith(id, "org_1")`,
	`count(data.model.organizations)`,
	`count(data.tenants["7"])`,
	`x := {id: o.limit | some id, o in data.model.organizations; o.plan == "free"}`,
	`x := [v | v := data.blocked[_]; endswith(v, "7")]`,
	`data.blocked[17]`,
	`data.blocked[9999]`,
	`data.blocked[-1]`,
	`data.blocked["17"]`,
	`data.blocked[i] == "user_51"`,
	`"user_51" in data.blocked`,
	`data.blocked == data.blocked`,
	`sum([l | l := data.model.organizations[_].limit])`,
	`x := [[p, v] | walk(data.model, [p, v]); is_number(v)]`,
	`walk(data.tenants["12"], [path, "r2"])`,
	`object.get(data.model.organizations, ["org_5", "plan"], "none")`,
	`object.get(data.model, ["organizations", "absent", "plan"], "none")`,
	`object.keys(data.tenants)`,
	`object.union(data.model.organizations, {"org_1": {"plan": "mine"}})`,
	`json.filter(data, ["model/organizations/org_4", "tenants/9/u3/roles/1"])`,
	`json.marshal(data.model)`,
	`data.model`,
	`data`,
	`data[x].settings`,
	`data.tenants[t].u39.roles[1] == "r0"; to_number(t) < 5`,
	`data.tenants[7].u3.age`,
	`not data.model.organizations.org_7.suspended`,
	`not data.model.organizations.org_8.suspended`,
	`data.model.settings.limit`,
	`data.model.roles[r].permissions[_] == "p3"`,
	`data.model.organizations.org_3.plan with data.model.organizations as {"org_3": {"plan": "other"}}`,
	`data.model.organizations.org_4.plan with data.model.organizations as {"org_3": {"plan": "other"}}`,
	`data.p.plan with data.model.organizations.org_1.plan as "other"`,
	`data.p.in_plan with data.model.organizations.org_1.plan as "other"`,
	`data.p.verifiers with data.model.organizations.org_1.domains as {"d3.example": "x"}`,
	`data.p.limit with data.model.organizations[input.org].limit as 3`,
	`data.model.organizations with data.model.organizations.org_1.plan as "other"`,
	`data.model.organizations with data.model.organizations.absent as {}`,
	`count(data.model.organizations) with data.model.organizations.absent as {}`,
	`data.p.active with data.model as {"organizations": {"a": {}}}`,
	`data.blocked with data.blocked as ["a"]`,
	`data.system`,
	`data.empty`,
	`data.empty.x`,
	`every _, o in data.model.organizations { o.name }`,
}

// prepared is every query over a store.
func prepared(t *testing.T, store storage.Store) []rego.PreparedEvalQuery {
	t.Helper()
	parsed := ast.MustParseModule(module)
	compiler := ast.NewCompiler().WithPathConflictsCheck(storage.NonEmpty(t.Context(), store, begin(t, store)))
	if compiler.Compile(map[string]*ast.Module{"p.rego": parsed}); compiler.Failed() {
		t.Fatal(compiler.Errors)
	}
	all := make([]rego.PreparedEvalQuery, len(queries))
	for i, text := range queries {
		var err error
		options := []func(*rego.Rego){rego.Query(text), rego.Compiler(compiler), rego.Store(store), rego.SetRegoVersion(ast.RegoV1)}
		if all[i], err = rego.New(options...).PrepareForEval(t.Context()); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return all
}

// answer is what a query comes to for an input, or why it fails.
func answer(ctx context.Context, q rego.PreparedEvalQuery, organization string) (rego.ResultSet, string) {
	results, err := q.Eval(ctx, rego.EvalInput(map[string]any{"org": organization}))
	if err != nil {
		return nil, err.Error()
	}
	return results, ""
}

// TestQueries_asInmem: whatever a policy does with data, it finds what it finds in OPA's own
// store: at the first time, when what it reads is made, and at the second.
func TestQueries_asInmem(t *testing.T) {
	data := document()
	own, other := prepared(t, packed(t, data)), prepared(t, first(reference(t, data)))
	defined := 0
	for i, text := range queries {
		for _, organization := range []string{"org_1", "org_7", "absent", "org_1"} {
			got, why := answer(t.Context(), own[i], organization)
			want, wantWhy := answer(t.Context(), other[i], organization)
			if why != wantWhy || !reflect.DeepEqual(got, want) {
				t.Errorf("%s for %s = %.300v %s, want %.300v %s", text, organization, got, why, want, wantWhy)
			}
			if len(got) > 0 {
				defined++
			}
		}
	}
	if defined < 2*len(queries) {
		t.Errorf("%d answers are defined: the queries ask for too little", defined)
	}
}

// first drops the transaction.
func first(s storage.Store, _ storage.Transaction) storage.Store { return s }

// TestQueries_together: the answers are the same where many ask at once, each in its own
// order, of a store of which nothing was made before.
func TestQueries_together(t *testing.T) {
	data := document()
	var want []rego.ResultSet
	for _, q := range prepared(t, packed(t, data)) {
		results, _ := answer(t.Context(), q, "org_7")
		want = append(want, results)
	}
	own := prepared(t, packed(t, data))
	var askers sync.WaitGroup
	for asker := range 8 {
		askers.Go(func() {
			for n := range queries {
				i := (n + asker*len(queries)/8) % len(queries)
				if got, why := answer(t.Context(), own[i], "org_7"); !reflect.DeepEqual(got, want[i]) {
					t.Errorf("asker %d: %s = %.300v %s, want %.300v", asker, queries[i], got, why, want[i])
				}
			}
		})
	}
	askers.Wait()
}

// BenchmarkRead reads a member of one of many organizations.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			organizations := map[string]any{}
			for i := range n {
				organizations[fmt.Sprintf("org_%06d", i)] = map[string]any{"name": fmt.Sprint("Organization ", i), "plan": "pro", "role_set": "growth"}
			}
			s := packed(b, map[string]any{"model": map[string]any{"organizations": organizations}})
			txn := begin(b, s)
			var path storage.Path
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				i += 7919
				path = append(path[:0], "model", "organizations", fmt.Sprintf("org_%06d", i%n), "plan")
				if _, err := s.Read(b.Context(), txn, path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
