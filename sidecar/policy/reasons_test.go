package policy_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// company is a model in which every reason of the model can be met.
const company = `
permissions:
  "org:invoices:read": {}
  "org:invoices:create": {}
  "org:reports:export": {}
  "org:sso:configure": {}
roles:
  "org:owner": {includes: ["org:admin"], managed_by: ["org:owner"]}
  "org:admin": {includes: ["org:member"], permissions: ["org:reports:export", "org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete"]}
  "org:member": {permissions: ["org:invoices:read", "org:invoices:create"]}
  "org:auditor": {permissions: ["org:sso:configure"]}
role_sets:
  starter: {roles: ["org:owner", "org:admin", "org:member"], default_role: "org:member", creator_role: "org:owner"}
  growth: {roles: ["org:owner", "org:admin", "org:member", "org:auditor"], creator_role: "org:owner"}
plans:
  free: {features: [invoices], membership_limit: 3}
  pro: {features: [invoices, reports], role_set: growth, membership_limit: 20}
  enterprise: {features: [invoices, reports, sso], role_set: growth, membership_limit: 0}
organizations:
  org_acme: {plan: free, domains: {acme.com: automatic_invitation, acme.org: manual_invitation}}
  org_globex: {plan: pro, deletion: true, domains: {globex.com: automatic_suggestion}}
  org_gone: {suspended: true, domains: {gone.com: automatic_invitation}}
settings:
  default_role_set: starter
  default_plan: free
  owner_role: "org:owner"
  personal_accounts: false
  organization_creation: {allowed: true, limit: 2}
  users: {user_barred: {organization_creation: false}}
revoked: {sessions: {sess_revoked: {}}}
routes:
  - {match: "/reports/", require: {permission: "org:reports:export"}}
  - {match: "/owners/", require: {role: "org:owner"}}
  - {match: "/o/{org}/", organization: "{org}"}
`

// people are claims by name.
var people = map[string]string{
	"nobody":   "",
	"personal": `{"sub":"user_p","sid":"s","v":2,"pla":"u:gold"}`,
	"member":   `{"sub":"user_m","sid":"s","v":2,"o":{"id":"org_acme","rol":"member","per":"read,create","fpm":"3"},"fea":"o:invoices","fva":[5,20]}`,
	"admin":    `{"sub":"user_a","sid":"s","v":1,"org_id":"org_acme","org_role":"org:admin","org_permissions":["org:invoices:read","org:reports:export"]}`,
	"owner":    `{"sub":"user_o","sid":"s","v":1,"org_id":"org_acme","org_role":"org:owner"}`,
	"auditor":  `{"sub":"user_u","sid":"s","v":1,"org_id":"org_acme","org_role":"org:auditor","org_permissions":["org:sso:configure"]}`,
	"gone":     `{"sub":"user_g","sid":"s","v":1,"org_id":"org_gone","org_role":"org:admin"}`,
	"globex":   `{"sub":"user_x","sid":"s","v":1,"org_id":"org_globex","org_role":"org:owner","org_permissions":[]}`,
	"revoked":  `{"sub":"user_r","sid":"sess_revoked"}`,
	"barred":   `{"sub":"user_barred","sid":"s"}`,
}

// TestReasons compares what each denial says with testdata/reasons.txt: lines of who and
// what is asked, then the reasons. -update writes it anew.
func TestReasons(t *testing.T) {
	cases, err := os.ReadFile("testdata/reasons.txt")
	if err != nil {
		t.Fatal(err)
	}
	p := compiled(t, load(t, "model/data.yaml", company))
	var got bytes.Buffer
	seen := map[decision.Code]bool{}
	for line := range strings.Lines(string(cases)) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		got.WriteString(line)
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		who, what, _ := strings.Cut(line, " ")
		claims, known := people[who]
		if !known {
			t.Fatalf("nobody is called %s", who)
		}
		in := policy.Input{Now: now, Credential: decision.TokenMissing}
		if claims != "" {
			in = policy.Input{Now: now, Subject: subject(t, claims)}
		}
		d := answer(t, p, in, what)
		if d.Allow {
			fmt.Fprintf(&got, "\tallow\n")
		}
		for _, r := range d.Reasons {
			seen[r.Code] = true
			fmt.Fprintf(&got, "\t%s%s: %s\n", r.Code, about(r), r.Message)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/reasons.txt", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got.String() != string(cases) {
		t.Errorf("reasons are:\n%s", got.String())
	}
	for _, c := range decision.Codes() {
		model := c.Status() == 403 && !strings.HasPrefix(string(c), "policy_")
		if model && !seen[c] {
			t.Errorf("no case is denied with %s", c)
		}
	}
}

// answer asks a question, or with a path of a proxy.
func answer(t *testing.T, p *policy.Policy, in policy.Input, what string) decision.Decision {
	t.Helper()
	if strings.HasPrefix(what, "/") {
		routed, err := p.Route(t.Context(), in, proxied(t, "GET", what))
		if err != nil {
			t.Fatal(err)
		}
		return routed.Decision
	}
	d, err := decide(t, p, in, ask(t, what))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// about lists the names in a reason.
func about(r decision.Reason) string {
	var b strings.Builder
	for _, m := range []struct{ name, value string }{
		{"organization", r.Organization}, {"role", r.Role}, {"role_set", r.RoleSet}, {"permission", r.Permission},
		{"feature", r.Feature}, {"plan", r.Plan}, {"reverification", r.Reverification}, {"action", r.Action},
		{"rule", r.Rule}, {"fact", r.Fact},
	} {
		if m.value != "" {
			fmt.Fprintf(&b, " %s=%s", m.name, m.value)
		}
	}
	return b.String()
}
