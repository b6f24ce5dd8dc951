// Package world is what the bench asks about: organizations and their model, sessions,
// questions, and an oracle that knows the answers without Postern's help.
package world

import "fmt"

// The names of the model. A role may do its actions on every feature but payroll, which is
// for the first two roles alone.
var (
	features = []string{"invoices", "reports", "audit_log", "payroll", "api"}
	actions  = []string{"read", "create", "manage", "export"}
	roles    = []string{"admin", "manager", "member", "analyst", "viewer"}
	plans    = []string{"free", "pro", "business", "enterprise"}

	roleActions  = map[string][]string{"admin": actions, "manager": {"read", "create", "manage"}, "member": {"read", "create"}, "analyst": {"read", "export"}, "viewer": {"read"}}
	roleSystem   = map[string][]string{"admin": {"org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete"}, "manager": {"org:sys_memberships:read"}}
	planFeatures = map[string][]string{"free": {"invoices"}, "pro": {"invoices", "reports"}, "business": {"invoices", "reports", "api"}, "enterprise": features}
	planRoleSet  = map[string]string{"free": "starter", "pro": "growth", "business": "growth", "enterprise": "full"}
	roleSets     = map[string][]string{"starter": {"admin", "member", "viewer"}, "growth": {"admin", "manager", "member", "viewer"}, "full": roles}
)

// Marked is the question whose answer tells the model's two revisions apart: in the second
// one managers hold the permission.
const Marked = "org:sys_domains:read"

// Route is a path that the model guards with org:invoices:read.
const Route = "/invoices/7"

// An organization is what the model says about one, by its number.
type organization struct {
	id, plan, roleSet string
	suspended         bool
	// tokenPlan is the plan that its sessions' tokens still name: some organizations were
	// put on a smaller one since.
	tokenPlan string
}

func organizationOf(n int) organization {
	o := organization{id: fmt.Sprintf("org_%06d", n), plan: plans[n%len(plans)], suspended: n%20 == 19}
	o.tokenPlan = o.plan
	if n%10 == 7 {
		o.plan = "free"
	}
	o.roleSet = planRoleSet[o.plan]
	if n%6 == 5 {
		o.roleSet = "starter"
	}
	return o
}

// Manifest is the bundle's .manifest.
func Manifest(revision string) map[string]any {
	return map[string]any{"revision": revision, "roots": []string{"model"}}
}

// Model is the bundle's data.model with the given number of organizations, in its first
// revision or, marked, its second.
func Model(organizations int, marked bool) map[string]any {
	all := map[string]any{}
	for n := range organizations {
		o := organizationOf(n)
		stated := map[string]any{"name": fmt.Sprintf("Organization %d", n), "plan": o.plan}
		if o.roleSet != planRoleSet[o.plan] {
			stated["role_set"] = o.roleSet
		}
		if o.suspended {
			stated["suspended"] = true
		}
		all[o.id] = stated
	}
	return map[string]any{
		"permissions":   catalogue(),
		"roles":         roleDefinitions(marked),
		"role_sets":     roleSetDefinitions(),
		"plans":         planDefinitions(),
		"organizations": all,
		"settings":      map[string]any{"default_role_set": "starter", "default_plan": "free", "permission_source": "token"},
		"routes": []any{
			map[string]any{"match": "/health", "public": true},
			map[string]any{"match": "GET /invoices/{id}", "require": map[string]any{"permission": "org:invoices:read"}},
			map[string]any{"match": "POST /invoices", "require": map[string]any{"permission": "org:invoices:create"}},
			map[string]any{"match": "/reports/", "require": map[string]any{"permission": "org:reports:read"}},
		},
	}
}

func catalogue() map[string]any {
	all := map[string]any{}
	for _, f := range features {
		for _, a := range actions {
			all["org:"+f+":"+a] = map[string]any{"name": a + " " + f}
		}
	}
	return all
}

func roleDefinitions(marked bool) map[string]any {
	all := map[string]any{}
	for _, r := range roles {
		permissions := append([]string{}, roleSystem[r]...)
		if marked && r == "manager" {
			permissions = append(permissions, Marked)
		}
		for _, f := range features {
			for _, a := range granted(r, f) {
				permissions = append(permissions, "org:"+f+":"+a)
			}
		}
		all["org:"+r] = map[string]any{"name": r, "permissions": permissions}
	}
	return all
}

func roleSetDefinitions() map[string]any {
	all := map[string]any{}
	for name, members := range roleSets {
		all[name] = map[string]any{"roles": prefixed(members), "default_role": "org:viewer", "creator_role": "org:admin"}
	}
	return all
}

func planDefinitions() map[string]any {
	all := map[string]any{}
	for name, brings := range planFeatures {
		all[name] = map[string]any{"features": brings, "role_set": planRoleSet[name]}
	}
	return all
}

func prefixed(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = "org:" + n
	}
	return all
}

// granted are the actions that a role may do on a feature.
func granted(role, feature string) []string {
	if feature == "payroll" && role != "admin" && role != "manager" {
		return nil
	}
	return roleActions[role]
}
