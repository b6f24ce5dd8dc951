package main

import (
	"maps"
	"strings"
	"time"

	"postern/sidecar/token/mint"
)

// A demoCase is one token of the demo and what to ask with it.
type demoCase struct {
	who      string
	user     string
	claims   map[string]any // beside those that every token has
	age      time.Duration  // since it was made
	question string
	expect   string // allow, or the codes of the denial
}

// demoLife is how long the demo's tokens are good, from when they are made.
const demoLife = time.Hour

// The sessions that several cases share.
var (
	acmeAdmin    = demoMember("org_acme", "admin", "read,create", "3", "o:invoices", "o:free")
	globexMember = demoMember("org_globex", "member", "read,create", "3,1", "o:invoices,o:reports", "o:pro")
)

var demoCases = []demoCase{
	{
		who: "an admin of Acme, on plan free", user: "user_ada", claims: acmeAdmin,
		question: `{"permission":"org:invoices:create"}`, expect: "allow",
	},
	{
		who: "the same admin asks for what plan free lacks", user: "user_ada", claims: acmeAdmin,
		question: `{"permission":"org:reports:export"}`, expect: "permission_gated_by_feature",
	},
	{
		who: "a member of Globex, on plan pro", user: "user_bob", claims: globexMember,
		question: `{"all":[{"permission":"org:invoices:create"},{"permission":"org:reports:read"}]}`, expect: "allow",
	},
	{
		who: "the same member, by the bundle's own rule", user: "user_bob", claims: globexMember,
		question: `{"permission":"org:invoices:create","resource":{"type":"invoice","amount":12000}}`, expect: "role_required",
	},
	{
		who: "a viewer of Initech, on plan enterprise", user: "user_eve",
		claims:   demoMember("org_initech", "viewer", "read", "1,1", "o:invoices,o:reports", "o:enterprise"),
		question: `{"any":[{"role":"org:admin"},{"permission":"org:invoices:create"}]}`, expect: "permission_not_granted role_required",
	},
	{
		who: "a viewer of Acme, whose role set has no viewers", user: "user_vic",
		claims:   demoMember("org_acme", "viewer", "read", "1", "o:invoices", "o:free"),
		question: `{"permission":"org:invoices:read"}`, expect: "role_not_in_role_set",
	},
	{
		who: "a version 1 token of an admin of Globex", user: "user_old",
		claims: map[string]any{
			"org_id": "org_globex", "org_slug": "globex", "org_role": "org:admin",
			"org_permissions": []string{"org:invoices:read", "org:reports:export"},
		},
		question: `{"permission":"org:sys_memberships:manage"}`, expect: "allow",
	},
	{
		who: "an admin of Acme removes the last one who could run it", user: "user_ada", claims: acmeAdmin,
		question: `{"action":"membership.remove","resource":{"user_id":"user_zoe","role":"org:admin","holders":1}}`, expect: "action_not_allowed",
	},
	{
		who: "a user without an organization", user: "user_solo", claims: map[string]any{"v": 2, "sts": "active"},
		question: `{"role":"org:admin"}`, expect: "organization_required",
	},
	{
		who: "an expired token", user: "user_ada", claims: map[string]any{"v": 2}, age: demoLife + time.Minute,
		question: `{"role":"org:admin"}`, expect: "token_expired",
	},
}

// demoMember are the claims of version 2 of a member of an organization: permissions and
// masks as Clerk packs them beside the features.
func demoMember(org, role, permissions, masks, features, plan string) map[string]any {
	return map[string]any{
		"v": 2, "sts": "active", "fea": features, "pla": plan,
		"o": map[string]any{"id": org, "slg": strings.TrimPrefix(org, "org_"), "rol": role, "per": permissions, "fpm": masks},
	}
}

// sign makes the case's token, as Clerk would.
func (d demoCase) sign(key *mint.Key, now time.Time) (string, error) {
	at := now.Add(-d.age)
	claims := map[string]any{
		"iss": demoIssuer, "sub": d.user, "sid": "sess_" + d.user, "azp": demoParty,
		"iat": at.Unix(), "nbf": at.Unix() - 10, "exp": at.Add(demoLife).Unix(), "fva": []int{1, -1},
	}
	maps.Copy(claims, d.claims)
	return key.Sign(claims)
}
