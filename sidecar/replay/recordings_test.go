package replay_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"postern/testdata/harness"
)

// A recording is a bundle that is asked, and by whom.
type recording struct {
	bundle, claims string
	sessions       func(t *testing.T) []map[string]any
	checks         []string // bodies of POST /v1/checks
	targets        []string // methods and targets
	evaluations    []string // bodies of POST /access/v1/evaluation
	data           []string // paths below /v1/data, with an input each
}

var recordings = []recording{
	{
		bundle: "demo", claims: "clerk",
		sessions: func(*testing.T) []map[string]any {
			member := func(org, role, plan string) map[string]any {
				return map[string]any{"sub": "user_" + role, "o": map[string]any{"id": org, "rol": role, "per": "read,create,export", "fpm": "3,5"}, "fea": "o:invoices,o:reports", "pla": "o:" + plan}
			}
			return []map[string]any{
				member("org_acme", "admin", "pro"), member("org_acme", "member", "pro"), member("org_globex", "analyst", "pro"),
				member("org_umbrella", "admin", "enterprise"), {"o": nil, "fea": nil, "pla": nil}, {"exp": 1},
				{"sub": "user_act", "act": map[string]any{"sub": "user_support", "sid": "sess_2"}},
			}
		},
		checks: []string{
			`{"checks":[{"permission":"org:reports:export"},{"permission":"org:invoices:read"},{"any":[{"role":"org:admin"},{"all":[{"plan":"pro"},{"feature":"reports"}]}]}]}`,
			`{"checks":[{"permission":"org:invoices:create","resource":{"type":"invoice","amount":20000}},{"permission":"org:invoices:create","resource":{"type":"invoice"}},{"reverification":"strict"}]}`,
			`{"checks":[{"action":"membership.invite","resource":{"role":"org:member","members":3,"pending":0,"email":"a@acme.example"}},{"action":"organization.switch","resource":{"member":true,"organization":null}}]}`,
		},
		targets:     []string{"GET /health", "GET /invoices/7", "POST /invoices", "GET /reports/x?page=2", "GET /nowhere"},
		evaluations: []string{`{"subject":{"type":"user","id":"user_1"},"action":{"name":"org:invoices:read"},"resource":{"type":"invoice","id":"1","properties":{"amount":5}}}`},
		data:        []string{`library/answer {"input":{"a":1}}`},
	},
	{
		bundle: "portal", claims: "oidc",
		sessions: func(t *testing.T) []map[string]any {
			var all []map[string]any
			files, err := filepath.Glob("../../testdata/tokens/portal/*.json")
			if err != nil || len(files) == 0 {
				t.Fatal("no tokens", err)
			}
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				claims := map[string]any{"v": nil, "o": nil, "fea": nil, "pla": nil, "fva": nil}
				if err := json.Unmarshal(text, &claims); err != nil {
					t.Fatal(err)
				}
				claims["iss"] = harness.Issuer
				all = append(all, claims)
			}
			return all
		},
		checks: []string{
			`{"checks":[{"permission":"projects:read"},{"permission":"projects:delete"},{"permission":"reports:export"},{"permission":"billing:manage"},{"role":"owner"}]}`,
			`{"checks":[{"action":"membership.remove","resource":{"user_id":"user_x","role":"member","holders":2}},{"action":"organization.create","resource":{"owned":0}}]}`,
		},
		targets: []string{"GET /", "GET /me", "GET /o/northwind/projects/7", "DELETE /o/northwind/projects/7", "GET /o/northwind/reports/x", "GET /o/lagoon/audit"},
	},
}
