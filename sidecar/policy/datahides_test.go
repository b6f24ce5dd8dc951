package policy

import (
	"errors"
	"strings"
	"testing"
)

// TestData_quotes: an error does not quote the model, by whichever way a rule comes to it,
// where the caller has built-ins fail; and it says what failed where nothing is hidden.
func TestData_quotes(t *testing.T) {
	files := []string{
		"model/data.yaml", "organizations: {org_1: {name: hunter2}}\n",
		"names/data.json", `{"org_1": "swordfish"}`,
		"app/app.rego", `package app

import data.model as m

direct := to_number(data.model.organizations[input.org].name)

aliased := to_number(m.organizations[input.org].name)

called := number(input.org)

number(org) := to_number(data.lib.name(org))

dynamic := to_number(data[input.top].organizations[input.org].name)

through := to_number(data.lib[input.rule])

replaced := n if {
	n := data.app.plain with input.x as data.model.organizations[input.org].name
}

plain := to_number(input.x)

open := to_number(data.names[input.org])
`,
		"lib/lib.rego", "package lib\n\nname(org) := data.model.organizations[org].name\n\nkept := data.model.organizations.org_1.name\n",
	}
	f := func(p *Policy, said string, path ...string) {
		t.Helper()
		q := DataQuestion{Path: path, Strict: true, Input: value(t, `{"org": "org_1", "top": "model", "rule": "kept", "x": "visible"}`)}
		_, err := p.Data(t.Context(), Input{}, &q)
		var failed *DataError
		if !errors.As(err, &failed) || len(failed.Details) != 1 {
			t.Errorf("%q: %v, want one error", path, err)
			return
		}
		detail := failed.Details[0]
		if !strings.Contains(detail.Message, said) || said != "hunter2" && strings.Contains(detail.Message, "hunter2") {
			t.Errorf("%q: %q, want %q", path, detail.Message, said)
		}
		if detail.Code != "eval_builtin_error" || detail.Row == 0 {
			t.Errorf("%q: %+v", path, detail)
		}
	}
	p := policyOf(t, files...)
	for _, rule := range []string{"direct", "aliased", "called", "dynamic", "through", "replaced"} {
		f(p, "may not be shown", "app", rule)
	}
	f(p, "may not be shown", "app")
	f(p, "may not be shown")
	f(p, "visible", "app", "plain")
	f(p, "swordfish", "app", "open")
	readable, err := newData(p.data.compiled, map[string]any{"model": nil}, []string{"model"})
	if err != nil {
		t.Fatal(err)
	}
	p.data = readable
	f(p, "hunter2", "app", "direct")
}
