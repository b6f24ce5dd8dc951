package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/sidecar/policy"
)

// TestMemo_changes: what one policy came to holds in the next exactly where the next would
// come to the same by itself, whatever was changed between them, and it is not evaluated
// again where nothing that it read was.
func TestMemo_changes(t *testing.T) {
	base := strings.ReplaceAll(company, "\t", "  ")
	changes := map[string]struct{ from, to string }{
		"nothing":                   {"", ""},
		"a comment":                 {"", "# a comment\n"},
		"a plan's feature":          {"features: [invoices]", "features: [invoices, reports]"},
		"an organization suspended": {"org_acme: {", "org_acme: {suspended: true, "},
		"another organization":      {"organizations:\n", "organizations:\n  org_other: {suspended: true}\n"},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(base, change.from, change.to, 1)
			if change.from == "" {
				text = change.to + base
			} else if text == base {
				t.Fatalf("%q is not in the model", change.from)
			}
			m := memo(t, 1<<20)
			build := func(text string, m *policy.Memo) *policy.Policy {
				t.Helper()
				p, err := policy.New(t.Context(), load(t, "model/data.yaml", text), bound(), policy.Options{Memo: m})
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			before, after, alone := build(base, m), build(text, m), build(text, nil)
			asked := 0
			for range 2 {
				for _, p := range []*policy.Policy{before, after, before, after} {
					for who, claims := range people {
						in := policy.Input{Now: now, Credential: "token_expired"}
						if claims != "" {
							in = policy.Input{Now: now, Subject: subject(t, claims)}
						}
						for _, body := range []string{`{"permission":"org:invoices:read"}`, `{"permission":"org:reports:export"}`, `{"role":"org:admin"}`, `{"plan":"org:free"}`, `{"feature":"reports"}`, `{"permission":"org:sys_memberships:manage"}`} {
							got, err := decide(t, p, in, ask(t, body))
							if err != nil {
								t.Fatal(err)
							}
							asked++
							if p == after {
								if want, _ := decide(t, alone, in, ask(t, body)); fmt.Sprint(got) != fmt.Sprint(want) {
									t.Errorf("%s, %s: %+v, alone %+v", who, body, got, want)
								}
							}
						}
					}
				}
			}
			s := m.Stats()
			if name == "nothing" || name == "a comment" || name == "another organization" {
				if s.Misses > uint64(asked)/8 {
					t.Errorf("Stats = %+v of %d, want nothing evaluated twice", s, asked)
				}
			}
			if s.Hits == 0 || s.Hits+s.Misses != uint64(asked) {
				t.Errorf("Stats = %+v, want %d in all", s, asked)
			}
		})
	}
}

// TestMemo_rules: rules that differ share nothing, and the same rules do.
func TestMemo_rules(t *testing.T) {
	m := memo(t, 1<<20)
	f := func(rego string, o policy.Options, want bool, hits uint64) {
		t.Helper()
		o.Memo = m
		p, err := policy.New(t.Context(), load(t, "extend.rego", "package postern.extend\n"+rego), bound(), o)
		if err != nil {
			t.Fatal(err)
		}
		before := m.Stats().Hits
		if d, err := decide(t, p, policy.Input{Now: now, Subject: subject(t, admin)}, ask(t, `{"role":"admin"}`)); err != nil || d.Allow != want {
			t.Errorf("%s: %+v, %v, want %v", rego, d, err, want)
		}
		if got := m.Stats().Hits - before; got != hits {
			t.Errorf("%s: %d hits, want %d", rego, got, hits)
		}
	}
	f(`deny contains "a" if false`, policy.Options{}, true, 0)
	f(`deny contains "a" if false`, policy.Options{}, true, 1)
	f(`deny contains "a" if true`, policy.Options{}, false, 0)
	f(`deny contains "a" if false`, policy.Options{}, true, 1)
	f("# METADATA\n# title: a\ndeny contains \"a\" if false", policy.Options{}, true, 0)
	f(`deny contains "a" if false`, policy.Options{Builtins: []string{"time.now_ns"}}, true, 0)
	f(`deny contains "a" if true`, policy.Options{}, false, 1)
}
