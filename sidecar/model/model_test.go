package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// decode reads a document as a bundle would hand it over.
func decode(t testing.TB, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var document any
	if err := dec.Decode(&document); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return document
}

// whole has every member of every section once.
const whole = `{
	"permissions": {
		"org:invoices:create": {"name": "Create invoices", "description": "d"},
		"org:reports:export": {"feature": "reports"},
		"org:sys_memberships:read": {"name": "See members"},
		"projects:read": {"feature": "projects"},
		"tf:role:sales": {}
	},
	"roles": {
		"org:admin": {"name": "Admin", "description": "d", "includes": ["org:member"],
			"permissions": ["org:invoices:create", "org:sys_memberships:manage", "org:sys_profile:delete"]},
		"org:member": {"permissions": ["org:sys_memberships:read", "projects:read"]},
		"owner": {"managed_by": ["org:admin", "owner"]}
	},
	"role_sets": {"starter": {"name": "S", "description": "d", "roles": ["org:admin", "org:member", "owner"],
		"default_role": "org:member", "creator_role": "org:admin"}},
	"plans": {
		"free": {"name": "F", "description": "d", "features": [], "membership_limit": 0},
		"pro": {"features": ["invoices", "reports", "projects"], "role_set": "starter", "membership_limit": 20}
	},
	"organizations": {"org_acme": {"name": "Acme", "description": "d", "role_set": "starter", "plan": "pro",
		"membership_limit": 7, "suspended": true, "deletion": false, "domains": {"acme.com": "automatic_invitation"}}},
	"settings": {"default_role_set": "starter", "default_plan": "free", "permission_source": "both",
		"personal_accounts": false, "membership_limit": 5, "owner_role": "owner",
		"minimum_permissions": ["org:sys_memberships:manage"],
		"organization_deletion": true, "organization_creation": {"allowed": true, "limit": 100}, "users": {"user_1": {"organization_limit": 3, "organization_creation": false}}},
	"revoked": {"users": {"user_1": {"issued_before": 1767225600, "until": 1767229200}}, "sessions": {"sess_1": {}}, "organizations": {}},
	"routes": [
		{"match": "GET /invoices/{id}", "name": "n", "description": "d", "require": {"permission": "org:invoices:create"}},
		{"match": "/health", "public": true},
		{"match": "/o/{org}/", "organization": "{org}", "require": {"any": [{"role": "member"}, {"all": [{"feature": "o:reports"}, {"plan": "u:gold"}]}]}, "deny": {"status": 404}},
		{"match": "/in", "require": {"role": "org:owner"}, "deny": {"redirect": "/sign-in"}, "logged": "required"},
		{"match": "/me", "signed_in": true},
		{"match": "/s/{slug}/", "organization_slug": "{slug}"}
	]
}`

func TestParse(t *testing.T) {
	m, err := Parse(decode(t, whole), nil)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if len(m.Warnings) > 0 {
		t.Errorf("warnings = %v, want none", m.Warnings)
	}
	admin := m.Roles["org:admin"]
	set := m.RoleSets["starter"]
	acme := m.Organizations["org_acme"]
	user := m.Revoked.Users["user_1"]
	for what, pair := range map[string][2]any{
		"feature by key":      {m.Permissions["org:invoices:create"].Feature, "invoices"},
		"feature as stated":   {m.Permissions["projects:read"].Feature, "projects"},
		"feature of system":   {m.Permissions["org:sys_memberships:read"].Feature, ""},
		"includes":            {fmt.Sprint(admin.Includes), "[org:member]"},
		"default role":        {set.DefaultRole, "org:member"},
		"creator role":        {set.CreatorRole, "org:admin"},
		"plan's limit":        {*m.Plans["free"].MembershipLimit, 0},
		"plan's role set":     {m.Plans["pro"].RoleSet, "starter"},
		"organization's plan": {acme.Plan, "pro"},
		"suspended":           {acme.Suspended, true},
		"deletion":            {*acme.Deletion, false},
		"domain":              {acme.Domains["acme.com"], "automatic_invitation"},
		"limit":               {*acme.MembershipLimit, 7},
		"source":              {m.Settings.PermissionSource, "both"},
		"personal accounts":   {*m.Settings.PersonalAccounts, false},
		"creation":            {*m.Settings.OrganizationCreation.Limit, 100},
		"user's limit":        {*m.Settings.Users["user_1"].OrganizationLimit, 3},
		"issued before":       {*user.IssuedBefore, int64(1767225600)},
		"user's creation":     {*m.Settings.Users["user_1"].OrganizationCreation, false},
		"until":               {*user.Until, int64(1767229200)},
		"for good":            {m.Revoked.Sessions["sess_1"], Revocation{}},
		"absent limit":        {m.Plans["pro"].Features[2], "projects"},
		"managers":            {fmt.Sprint(m.Roles["owner"].ManagedBy), "[org:admin owner]"},
		"everyone's deletion": {*m.Settings.OrganizationDeletion, true},
		"signed in":           {m.Routes[4].SignedIn, true},
		"by slug":             {m.Routes[5].OrganizationSlug, "{slug}"},
		"route":               {m.Routes[0].Match, "GET /invoices/{id}"},
		"public":              {m.Routes[1].Public, true},
		"required":            {len(m.Routes[2].Require.Any), 2},
		"status":              {m.Routes[2].Deny.Status, 404},
		"redirect":            {m.Routes[3].Deny.Redirect, "/sign-in"},
		"logged":              {m.Routes[3].Logged, true},
		"not logged":          {m.Routes[2].Logged, false},
		"route's position":    {m.Routes[3].Position.File, "/routes/3"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s = %v, want %v", what, pair[0], pair[1])
		}
	}
	if m.Revoked.Organizations == nil || len(m.Revoked.Organizations) != 0 {
		t.Errorf("revoked organizations = %v, want an empty map", m.Revoked.Organizations)
	}
}

func TestParse_sectionsAreOptional(t *testing.T) {
	var sections map[string]json.RawMessage
	if err := json.Unmarshal([]byte(whole), &sections); err != nil {
		t.Fatal(err)
	}
	for name, body := range sections {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(decode(t, fmt.Sprintf(`{%q: %s}`, name, body)), nil); err != nil {
				t.Errorf("Parse: %v", err)
			}
		})
	}
	m, err := Parse(decode(t, `{}`), nil)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if m.Roles != nil || m.Permissions != nil || m.Routes != nil || m.Organizations != nil {
		t.Errorf("Parse({}) = %+v, want nil sections", m)
	}
}

// mistaken returns a check that a document is refused for a cause, and has no model then.
func mistaken(t *testing.T) func(document, want string) {
	return func(document, want string) {
		t.Helper()
		m, err := Parse(decode(t, document), nil)
		if err == nil {
			t.Errorf("Parse(%s) = %+v, want %s", document, m, want)
			return
		}
		if m != nil {
			t.Errorf("Parse(%s) returns a model with its error", document)
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s) = %q, want %q", document, err, want)
		}
	}
}

func TestParse_documentMistakes(t *testing.T) {
	f := mistaken(t)
	f(`[]`, "the model must be an object, not a list")
	f(`null`, "the model must be an object, not null")
	f(`{"rol": {}}`, `/rol: unknown key "rol"; did you mean "roles"?`)
	f(`{"role-sets": {}}`, `did you mean "role_sets"?`)
	for _, section := range sections {
		f(fmt.Sprintf(`{%q: null}`, section), fmt.Sprintf("/%s: %q must be", section, section))
		f(fmt.Sprintf(`{%q: 7}`, section), fmt.Sprintf("/%s: %q must be", section, section))
	}
}

func TestParse_permissionMistakes(t *testing.T) {
	f := mistaken(t)
	f(`{"permissions": {"org:invoices": {}}}`, `permission "org:invoices" is malformed`)
	f(`{"permissions": {"org:Invoices:read": {}}}`, "is malformed")
	f(`{"permissions": {"org:a:b:c": {}}}`, "is malformed")
	f(`{"permissions": {"org:a:": {}}}`, "is malformed")
	f(`{"permissions": {"org:sys_memberships:mange": {}}}`, `none of the system permissions; did you mean "org:sys_memberships:manage"?`)
	f(`{"permissions": {"": {}}}`, "permission is empty")
	f(`{"permissions": {"a b": {}}}`, "white space")
	f(`{"permissions": {"a\u0000": {}}}`, "control character")
	f(`{"permissions": {"a\u202eb": {}}}`, "control character")
	f(`{"permissions": {"`+strings.Repeat("a", 257)+`": {}}}`, "longer than 256 bytes")
	f(`{"permissions": {"org:a:b": null}}`, `"org:a:b" must be an object, not null`)
	f(`{"permissions": {"org:a:b": {"feature": "c"}}}`, `feature "c" differs from "a"`)
	f(`{"permissions": {"org:sys_profile:manage": {"feature": "sys_profile"}}}`, "system permission has no feature")
	f(`{"permissions": {"x": {"feature": "A b"}}}`, `feature "A b" has white space`)
	f(`{"permissions": {"x": {"feature": "Abc"}}}`, `feature "Abc" is malformed`)
	f(`{"permissions": {"x": {"feature": 1}}}`, `"feature" must be a string, not a number`)
	f(`{"permissions": {"x": {"title": "t"}}}`, `unknown key "title"`)
}

func TestParse_roleMistakes(t *testing.T) {
	f := mistaken(t)
	f(`{"roles": {"org:Admin": {}}}`, `role "org:Admin" is malformed`)
	f(`{"roles": {"org:a:b": {}}}`, "is malformed")
	f(`{"roles": {"org:": {}}}`, "is malformed")
	f(`{"roles": {"a": {"includes": "b"}}}`, `"includes" must be a list, not a string`)
	f(`{"roles": {"a": {"permissions": [1]}}}`, `/roles/a/permissions/0: an entry of "permissions" must be a string`)
	f(`{"roles": {"a": {"permissions": ["x", "x"]}}}`, `"x" is in "permissions" twice`)
	f(`{"roles": {"a": {"permissions": ["org:sys_x:y"]}}}`, "none of the system permissions")
	f(`{"permissions": {"org:a:read": {}}, "roles": {"a": {"permissions": ["org:a:raed"]}}}`,
		`/roles/a/permissions/0: permission "org:a:raed" is not defined in permissions; did you mean "org:a:read"?`)
	f(`{"roles": {"org:admin": {}, "x": {"includes": ["org:admn"]}}}`, `role "org:admn" is not defined in roles; did you mean "org:admin"?`)
	f(`{"roles": {"a": {"includes": ["a"]}}}`, `role "a" includes itself: "a" -> "a"`)
	f(`{"roles": {"a": {"includes": ["b"]}, "b": {"includes": ["c"]}, "c": {"includes": ["b"]}}}`, `"b" -> "c" -> "b"`)
}

func TestParse_roleSetMistakes(t *testing.T) {
	f := mistaken(t)
	f(`{"role_sets": {"s": {}}}`, `role set "s" has no roles`)
	f(`{"role_sets": {"s": {"roles": ["a"], "default_role": "b"}}}`, `default role "b" is not a role of role set "s"`)
	f(`{"role_sets": {"s": {"roles": ["org:admin"], "creator_role": "org:admn"}}}`, `creator role "org:admn" is not a role of role set "s"; did you mean "org:admin"?`)
	f(`{"roles": {}, "role_sets": {"s": {"roles": ["a"]}}}`, `role "a" is not defined in roles`)
}

func TestParse_organizationMistakes(t *testing.T) {
	f := mistaken(t)
	f(`{"plans": {"pro": {"features": ["Big"]}}}`, `feature "Big" is malformed`)
	f(`{"plans": {"pro": {"membership_limit": -1}}}`, "whole number from 0")
	f(`{"plans": {"pro": {"membership_limit": 1.0}}}`, "whole number from 0")
	f(`{"plans": {"pro": {"membership_limit": 1e2}}}`, "whole number from 0")
	f(`{"plans": {"pro": {"membership_limit": 99999999999999999999}}}`, "whole number from 0")
	f(`{"plans": {"pro": {"membership_limit": "5"}}}`, "must be a whole number, not a string")
	f(`{"role_sets": {"s": {"roles": []}}, "plans": {"pro": {"role_set": "t"}}}`, `role set "t" is not defined in role_sets`)
	f(`{"plans": {"pro": {}}, "organizations": {"o": {"plan": "por"}}}`, `plan "por" is not defined in plans; did you mean "pro"?`)
	f(`{"role_sets": {}, "organizations": {"o": {"role_set": "s"}}}`, `role set "s" is not defined`)
	f(`{"organizations": {"o": {"plan": ""}}}`, `"plan" is empty`)
	f(`{"organizations": {"o": {"suspended": "yes"}}}`, `"suspended" must be true or false, not a string`)
	f(`{"organizations": {"o": {"deletion": null}}}`, `"deletion" must be true or false, not null`)
	f(`{"organizations": {"o": {"suspend": true}}}`, `did you mean "suspended"?`)
	f(`{"organizations": {"o": {"domains": {"Acme.com": "manual_invitation"}}}}`, "is malformed")
	f(`{"organizations": {"o": {"domains": {"localhost": "manual_invitation"}}}}`, "is malformed")
	f(`{"organizations": {"o": {"domains": {"a.com": "automatic_invite"}}}}`, "none of manual_invitation, automatic_invitation")
}

func TestParse_settingsMistakes(t *testing.T) {
	f := mistaken(t)
	f(`{"settings": {"permission_source": "role"}}`, `none of token, roles, both; did you mean "roles"?`)
	f(`{"settings": {"permission_source": 1}}`, "must be a string")
	f(`{"plans": {}, "settings": {"default_plan": "free"}}`, `plan "free" is not defined`)
	f(`{"role_sets": {}, "settings": {"default_role_set": "s"}}`, `role set "s" is not defined`)
	f(`{"roles": {}, "settings": {"owner_role": "owner"}}`, `role "owner" is not defined`)
	f(`{"settings": {"minimum_permissions": ["org:x"]}}`, "is malformed")
	f(`{"settings": {"organization_creation": {"allow": true}}}`, `did you mean "allowed"?`)
	f(`{"settings": {"organization_creation": {"limit": -3}}}`, "whole number")
	f(`{"settings": {"users": {"u": {"limit": 3}}}}`, `unknown key "limit"`)
	f(`{"settings": {"personal_account": false}}`, `did you mean "personal_accounts"?`)
}

func TestParse_revocationMistakes(t *testing.T) {
	f := mistaken(t)
	f(`{"revoked": {"user": {}}}`, `did you mean "users"?`)
	f(`{"revoked": {"users": ["user_1"]}}`, `"users" must be an object, not a list`)
	f(`{"revoked": {"users": {"u": true}}}`, `"u" must be an object`)
	f(`{"revoked": {"users": {"u": {"issued_befor": 1}}}}`, `did you mean "issued_before"?`)
	f(`{"revoked": {"users": {"u": {"until": "tomorrow"}}}}`, "must be a whole number")
	f(`{"revoked": {"users": {"u": {"until": 1767225600000}}}}`, "whole number from 0")
	f(`{"revoked": {"sessions": {" ": {}}}}`, "white space")
}

func TestParse_routeMistakes(t *testing.T) {
	f := func(route, want string) {
		t.Helper()
		document := `{"permissions": {"org:a:read": {}}, "roles": {"org:admin": {}}, "plans": {"pro": {"features": ["a"]}}, "routes": [` + route + `]}`
		_, err := Parse(decode(t, document), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(route %s) = %v, want %q", route, err, want)
		}
	}
	f(`"GET /"`, "must be an object, not a string")
	f(`{"public": true}`, "/routes/0: route has no match")
	f(`{"match": "", "public": true}`, "match is empty")
	f(`{"match": " ", "public": true}`, "match is empty")
	f(`{"match": "/a\n", "public": true}`, "control character")
	f(`{"match": ["/a"], "public": true}`, `"match" must be a string`)
	f(`{"match": "/"}`, "says neither public nor signed_in")
	f(`{"match": "/", "public": false}`, `"public" can only be true`)
	f(`{"match": "/", "public": "true"}`, "must be true or false")
	f(`{"match": "/", "public": true, "require": {"role": "org:admin"}}`, "not both")
	f(`{"match": "/", "public": true, "deny": {"status": 404}}`, "never denied")
	f(`{"match": "/", "public": true, "logged": "optional"}`, "logged can only be required; leave it out")
	f(`{"match": "/", "public": true, "logged": ""}`, "logged can only be required; leave it out")
	f(`{"match": "/", "public": true, "logged": true}`, "must be a string, not")
	f(`{"match": "/", "public": true, "organization": "{org}"}`, "either public or asks for something")
	f(`{"match": "/", "requires": {"role": "org:admin"}}`, `unknown key "requires"; did you mean "require"?`)
	f(`{"match": "/", "require": {"roles": "org:admin"}}`, `"role"`)
	f(`{"match": "/", "require": null}`, "/routes/0/require")
	f(`{"match": "/", "require": {}}`, "asks for nothing")
	f(`{"match": "/", "require": {"any": []}}`, "asks for nothing")
	f(`{"match": "/", "require": {"role": null}}`, "is never met")
	f(`{"match": "/", "require": {"role": ""}}`, "is never met")
	f(`{"match": "/", "require": {"permission": ["org:a:read"]}}`, "is never met")
	f(`{"match": "/", "require": {"role": "org:admn"}}`, `/routes/0/require/role: role "org:admn" is not defined in roles; did you mean "org:admin"?`)
	f(`{"match": "/", "require": {"any": [{"role": "admin"}, {"all": [{"permission": "org:a:reed"}]}]}}`,
		`/routes/0/require/any/1/all/0/permission: permission "org:a:reed" is not defined`)
	f(`{"match": "/", "require": {"feature": "b"}}`, `feature "b" is not defined in the features of any plan`)
	f(`{"match": "/", "require": {"feature": "org:b"}}`, `feature "b" is not defined`)
	f(`{"match": "/", "require": {"plan": "por"}}`, `did you mean "pro"?`)
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {}}`, "either a status or a redirect")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"status": 200}}`, "from 400 to 499")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"status": 503}}`, "whole number")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"status": 404, "redirect": "/x"}}`, "either a status or a redirect")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"status": 401}}`, "has a meaning of its own")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"redirect": "https://"}}`, "neither a path nor")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"redirect": "https:///evil"}}`, "neither a path nor")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"redirect": "//evil"}}`, "neither a path nor")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"redirect": "/\\evil"}}`, "neither a path nor")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"redirect": "/a\r\nX: y"}}`, "neither a path nor")
	f(`{"match": "/", "require": {"role": "org:admin"}, "deny": {"redirect": "javascript:1"}}`, "neither a path nor")
}

func TestParse_accepts(t *testing.T) {
	f := func(document string) {
		t.Helper()
		if _, err := Parse(decode(t, document), nil); err != nil {
			t.Errorf("Parse(%s) = %v, want no error", document, err)
		}
	}
	// What only an absent section could define is not checked.
	f(`{"roles": {"a": {"permissions": ["org:a:b", "anything"]}}}`)
	f(`{"role_sets": {"s": {"roles": ["org:x"], "creator_role": "org:x"}}}`)
	f(`{"organizations": {"o": {"plan": "pro", "role_set": "s"}}}`)
	// System permissions need no catalogue, in roles and in requirements.
	f(`{"permissions": {}, "roles": {"a": {"permissions": ["org:sys_billing:read"]}}}`)
	f(`{"permissions": {}, "routes": [{"match": "/", "require": {"permission": "sys_billing:read"}}]}`)
	// A shared include is no cycle.
	f(`{"roles": {"a": {"includes": ["b", "c"]}, "b": {"includes": ["d"]}, "c": {"includes": ["d"]}, "d": {}}}`)
}

func TestParse_deepIncludes(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"roles": {`)
	for i := range 20_000 {
		fmt.Fprintf(&b, `"r%d": {"includes": ["r%d"]}, `, i, i+1)
	}
	b.WriteString(`"r20000": {}}, "role_sets": {"s": {"roles": ["r0"]}}}`)
	_, err := Parse(decode(t, b.String()), nil)
	if err == nil || !strings.Contains(err.Error(), "included over more than 64 roles") {
		t.Errorf("Parse = %v, want a complaint about depth", err)
	}
}

func TestParse_allMistakesInOrderAndCapped(t *testing.T) {
	locate := func(places []Place) []Position {
		positions := make([]Position, len(places))
		for i := range places {
			positions[i] = Position{File: "model/data.json", Line: len(places) - i, Column: 1}
		}
		return positions
	}
	_, err := Parse(decode(t, `{"plans": {"a": 1, "b": 1, "c": 1}}`), locate)
	want := "model/data.json:1:1: \"c\" must be an object, not a number\n" +
		"model/data.json:2:1: \"b\" must be an object, not a number\n" +
		"model/data.json:3:1: \"a\" must be an object, not a number"
	if err == nil || err.Error() != want {
		t.Errorf("Parse = %v, want %s", err, want)
	}
	var m Mistake
	if !errors.As(err, &m) || m.Position.Line != 1 {
		t.Errorf("first mistake = %+v, want one of line 1", m)
	}

	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `, "p%d": 1`, i)
	}
	_, err = Parse(decode(t, `{"plans": {`+b.String()[2:]+`}}`), locate)
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != maxMistakes+1 || lines[maxMistakes] != "and 950 more" {
		t.Errorf("%d lines, the last %q; want %d and the rest counted", len(lines), lines[len(lines)-1], maxMistakes+1)
	}
}

func TestParse_warnings(t *testing.T) {
	f := func(document, want string) {
		t.Helper()
		m, err := Parse(decode(t, document), nil)
		if err != nil {
			t.Errorf("Parse(%s) = %v", document, err)
			return
		}
		if !slices.ContainsFunc(m.Warnings, func(w Mistake) bool { return strings.Contains(w.Error(), want) }) {
			t.Errorf("Parse(%s) warns %v, want %q", document, m.Warnings, want)
		}
	}
	f(`{"roles": {"a": {"includes": ["b"]}, "b": {}, "c": {}}, "role_sets": {"s": {"roles": ["a"]}}}`, `/roles/c: role "c" is in no role set`)
	f(`{"permissions": {"org:report:x": {}}, "plans": {"p": {"features": ["reports"]}}}`, `feature "report" of permission "org:report:x" is in no plan; did you mean "reports"?`)
	f(`{"settings": {"permission_source": "roles"}}`, "nothing is granted")
	f(`{"organizations": {"a": {"domains": {"x.com": "manual_invitation"}}, "b": {"domains": {"x.com": "manual_invitation"}}}}`, `verified by organization "a" too`)
}

func TestHolds(t *testing.T) {
	m, err := Parse(decode(t, whole), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"org:invoices:create", "org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete", "projects:read"}
	if got := m.Holds("org:admin"); !slices.Equal(got, want) {
		t.Errorf("Holds = %v, want %v", got, want)
	}
	if got := m.Holds("nobody"); len(got) != 0 {
		t.Errorf("Holds(nobody) = %v, want none", got)
	}
}

func FuzzModel(f *testing.F) {
	f.Add(whole)
	f.Add(`{"roles": {"a": {"includes": ["a"]}}}`)
	f.Add(`{"routes": [{"match": "/", "require": {"any": [{"role": null}]}}]}`)
	f.Add(`{"revoked": {"users": {"u": {"until": 1e999}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		var document any
		if dec.Decode(&document) != nil {
			return
		}
		m, err := Parse(document, nil)
		if (m == nil) != (err != nil) {
			t.Fatalf("Parse = %v, %v: want one of them", m, err)
		}
		if err != nil && strings.ContainsAny(strings.ReplaceAll(err.Error(), "\n/", "/"), "\x00\x1b") {
			t.Fatalf("raw control characters in %q", err)
		}
	})
}

// TestParse_newcomer: nobody joins as the owner.
func TestParse_newcomer(t *testing.T) {
	mistaken(t)(`{"role_sets": {"s": {"roles": ["a"], "default_role": "a"}}, "settings": {"owner_role": "a"}}`, "is the owner's role")
	mistaken(t)(`{"roles": {"a": {}}, "role_sets": {"s": {"roles": ["a"], "default_role": "a"}}, "settings": {"owner_role": "a"}}`,
		`/role_sets/s/default_role: default role "a" is the owner's role`)
}

// TestParse_creator: a creator role that could not run the organization is a mistake, by
// what the settings call the minimum.
func TestParse_creator(t *testing.T) {
	document := func(settings string) string {
		return fmt.Sprintf(`{"roles": {"a": {"includes": ["b"], "permissions": ["org:sys_memberships:manage"]},
			"b": {"permissions": ["org:sys_memberships:read"]}},
			"role_sets": {"s": {"roles": ["a"], "creator_role": "a"}}, "settings": {%s}}`, settings)
	}
	mistaken(t)(document(``), `/role_sets/s/creator_role: creator role "a" lacks org:sys_profile:delete, which`)
	mistaken(t)(document(`"minimum_permissions": ["org:sys_billing:manage"]`), `creator role "a" lacks org:sys_billing:manage, which`)
	for _, settings := range []string{`"minimum_permissions": []`, `"minimum_permissions": ["org:sys_memberships:read"]`} {
		if _, err := Parse(decode(t, document(settings)), nil); err != nil {
			t.Errorf("Parse with %s: %v", settings, err)
		}
	}
}
