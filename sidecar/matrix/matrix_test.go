package matrix_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/bundles"
	"postern/sidecar/bundle"
	"postern/sidecar/decision"
	"postern/sidecar/matrix"
	"postern/sidecar/policy"
	"postern/sidecar/session"
)

var update = flag.Bool("update", false, "write golden files")

// formats are the ways to write a matrix, by the ends of their golden files.
var formats = map[string]func(*matrix.Matrix, io.Writer) error{
	"txt":  (*matrix.Matrix).WriteTable,
	"md":   (*matrix.Matrix).WriteMarkdown,
	"csv":  (*matrix.Matrix).WriteCSV,
	"json": (*matrix.Matrix).WriteJSON,
	"html": (*matrix.Matrix).WriteHTML,
}

// TestGolden: the formats of the demo's matrix. The digest is left out, since it changes
// with every letter of the bundle's README.
func TestGolden(t *testing.T) {
	b, err := bundle.FromFS(bundles.Demo())
	if err != nil {
		t.Fatal(err)
	}
	m := build(t, b, matrix.Options{})
	m.Digest = "sha256:0"
	for end, write := range formats {
		var got bytes.Buffer
		if err := write(m, &got); err != nil {
			t.Fatal(err)
		}
		golden(t, "demo."+end, got.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; it is now\n%s", path, got)
	}
}

// answers are the cells of a matrix by "set/plan/role/permission".
func answers(m *matrix.Matrix) map[string]string {
	all := map[string]string{}
	for c := range m.Cells() {
		answer := "yes"
		if !c.Allow {
			answer = ""
			for _, code := range c.Reasons {
				answer += " " + string(code)
			}
			answer = strings.TrimSpace(answer)
		}
		all[c.RoleSet+"/"+c.Plan+"/"+c.Role+"/"+c.Permission] = answer
	}
	return all
}

const small = `
roles:
  "org:admin": {includes: ["org:member"], permissions: ["org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete"]}
  "org:member": {permissions: ["org:a:read", "org:b:read"]}
`

func TestBuild(t *testing.T) {
	f := func(model string, want ...string) {
		t.Helper()
		got := answers(build(t, load(t, "model/data.yaml", small+model), matrix.Options{}))
		for i := 0; i < len(want); i += 2 {
			if got[want[i]] != want[i+1] {
				t.Errorf("%s\n%s: %q, want %q", model, want[i], got[want[i]], want[i+1])
			}
		}
	}
	// Neither role sets nor plans.
	f("", "//org:member/org:a:read", "yes", "//org:admin/org:a:read", "yes",
		"//org:admin/org:sys_profile:delete", "yes", "//org:member/org:sys_profile:delete", "permission_not_granted")
	f("plans: {}\nrole_sets: {}", "//org:member/org:a:read", "role_not_in_role_set")
	// Plans gate what is custom, and nothing of the system's.
	f("plans: {free: {}, pro: {features: [a]}}",
		"/free/org:member/org:a:read", "permission_gated_by_feature", "/pro/org:member/org:a:read", "yes",
		"/pro/org:member/org:b:read", "permission_gated_by_feature", "/free/org:admin/org:sys_memberships:read", "yes")
	// A role has only the columns of its sets.
	f(`role_sets: {one: {roles: ["org:admin"], default_role: "org:admin", creator_role: "org:admin"}}`,
		"one//org:admin/org:b:read", "yes", "one//org:member/org:b:read", "")
	// The catalogue has rows that no role brings, and says what a feature is.
	f(`permissions: {"org:a:read": {}, "org:b:read": {}, "org:c:read": {}}`, "//org:admin/org:c:read", "permission_not_granted")
	// Whatever the source is, the answer is the same where tokens and roles agree.
	for _, source := range []string{"token", "roles", "both"} {
		f("settings: {permission_source: "+source+"}", "//org:member/org:a:read", "yes", "//org:member/org:sys_profile:delete", "permission_not_granted")
	}
	// What the model says of real ones is of no concern.
	f(`revoked: {users: {user_matrix_: {}}, organizations: {org_matrix_0__: {}}, sessions: {sess_matrix_: {}}}
organizations: {org_matrix_0__: {suspended: true}}`, "//org:member/org:a:read", "yes")
}

// TestBuild_policy: the bundle's own rules decide as they do for the server.
func TestBuild_policy(t *testing.T) {
	deny := `package postern.extend

deny contains {"code": "policy_denied"} if {
	input.session.org.role == "org:admin"
	some term in input.check.any
	term.permission == "org:a:read"
}

deny contains {"code": "role_required"} if "org:a:read" in {term.permission | some term in input.check.any}
`
	got := answers(build(t, load(t, "model/data.yaml", small, "deny.rego", deny), matrix.Options{}))
	if got["//org:admin/org:a:read"] != "policy_denied role_required" || got["//org:member/org:a:read"] != "role_required" || got["//org:admin/org:b:read"] != "yes" {
		t.Errorf("extended: %v", got)
	}
	own := "package acme\n\nanswer if endswith(input.check.any[0].permission, \":read\")\n\ndefault answer := false\n"
	o := matrix.Options{Policy: policy.Options{Entrypoints: bundle.Entrypoints{Check: "acme/answer"}}}
	got = answers(build(t, load(t, "model/data.yaml", small, "acme.rego", own), o))
	if got["//org:member/org:sys_billing:read"] != "yes" || got["//org:admin/org:sys_billing:manage"] != "policy_denied" {
		t.Errorf("own entrypoint: %v", got)
	}
}

// TestBuild_profile: names without org: are no names of Clerk's.
func TestBuild_profile(t *testing.T) {
	b := load(t, "model/data.yaml", `
roles: {owner: {permissions: ["projects:edit"]}}
plans: {pro: {features: [projects]}}
settings: {minimum_permissions: []}
`)
	if got := answers(build(t, b, matrix.Options{}))["/pro/owner/projects:edit"]; got != "permission_not_granted" {
		t.Errorf("clerk: %s", got)
	}
	if got := answers(build(t, b, matrix.Options{Profile: session.ProfilePlain}))["/pro/owner/projects:edit"]; got != "yes" {
		t.Errorf("oidc: %s", got)
	}
}

func TestBuild_chosen(t *testing.T) {
	b, err := bundle.FromFS(bundles.Demo())
	if err != nil {
		t.Fatal(err)
	}
	m := build(t, b, matrix.Options{RoleSets: []string{"starter", "starter"}, Plans: []string{"pro", "free"}})
	if len(m.Tables) != 2 || m.Tables[0].Plan != "free" || m.Tables[1].Plan != "pro" || m.Tables[1].RoleSet != "starter" {
		t.Errorf("%d tables: %+v", len(m.Tables), m.Tables)
	}
	whole := answers(build(t, b, matrix.Options{}))
	for key, answer := range answers(m) {
		if whole[key] != answer {
			t.Errorf("%s: %s alone, %s among all", key, answer, whole[key])
		}
	}
	f := func(o matrix.Options, want string) {
		t.Helper()
		if _, err := matrix.Build(t.Context(), b, o); err == nil || err.Error() != want {
			t.Errorf("Build(%+v) = %v, want %s", o, err, want)
		}
	}
	f(matrix.Options{RoleSets: []string{"growht"}}, `role set "growht" is not in the model; did you mean "growth"?`)
	f(matrix.Options{Plans: []string{"pro", "x"}}, `plan "x" is not in the model`)
	b = load(t, "model/data.yaml", small)
	f(matrix.Options{Plans: []string{"pro"}}, `plan "pro": the model has no plans`)
}

// TestBuild_unchanged: a bundle is shared, and nothing of it may change.
func TestBuild_unchanged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range rounds(10, 4) {
		d := anyDocument(r)
		b, same := d.bundle(t), d.bundle(t)
		first := build(t, b, matrix.Options{})
		if !reflect.DeepEqual(b, same) {
			t.Fatal("the bundle has changed")
		}
		if second := build(t, b, matrix.Options{}); !reflect.DeepEqual(first, second) {
			t.Fatal("the second matrix differs from the first")
		}
	}
}

// TestBuild_noRoles: where tokens alone say what a role may do, nothing is made up.
func TestBuild_noRoles(t *testing.T) {
	for _, b := range []*bundle.Bundle{
		load(t, "x/data.json", "{}"),
		load(t, "model/data.yaml", "plans: {pro: {features: [a]}}"),
	} {
		if m, err := matrix.Build(t.Context(), b, matrix.Options{}); !errors.Is(err, matrix.ErrNoRoles) {
			t.Errorf("Build = %+v, %v", m, err)
		}
	}
	m := build(t, load(t, "model/data.yaml", "roles: {}"), matrix.Options{})
	if len(m.Tables) != 1 || len(m.Tables[0].Cells) != 0 {
		t.Errorf("without any role: %+v", m)
	}
	for end, write := range formats {
		if err := write(m, io.Discard); err != nil {
			t.Errorf("%s: %v", end, err)
		}
	}
}

// TestBuild_broken: a policy that decides nothing is no denial.
func TestBuild_broken(t *testing.T) {
	f := func(rule string, o matrix.Options, code decision.Code, cells int, stopped bool) {
		t.Helper()
		o.Policy.Entrypoints.Check = "acme/answer"
		b := load(t, "model/data.yaml", small, "acme.rego", "package acme\n\n"+rule+"\n")
		m, err := matrix.Build(t.Context(), b, o)
		var broken *matrix.BrokenError
		if !errors.As(err, &broken) || m != nil {
			t.Fatalf("%s: %v, %v", rule, m, err)
		}
		if len(broken.Cells) != cells || broken.Cells[0].Code != code || broken.Stopped != stopped {
			t.Errorf("%s: %v, want %d cells with %s", rule, err, cells, code)
		}
		if !strings.Contains(err.Error(), `role "org:`) || !strings.Contains(err.Error(), string(code)) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	f(`answer := 7 if input.check.any[0].permission == "org:a:read"
else := true`, matrix.Options{}, decision.PolicyError, 2, false)
	f(`answer if input.check.any[0].permission != "org:a:read"`, matrix.Options{}, decision.PolicyUndefined, 2, false)
	f(`answer if to_number(input.check.any[0].permission) > 0`, matrix.Options{}, decision.PolicyError, 10, true)
	f(`answer := {"allow": false, "reasons": [{"code": "policy_timeout"}]}`, matrix.Options{}, decision.PolicyTimeout, 10, true)
	f(`answer := {"allow": false, "reasons": [{"code": "policy_denied"}, {"code": "not_ready"}]}`, matrix.Options{}, decision.NotReady, 10, true)
	slow := `answer if count({x | some a in numbers.range(1, 3000); some b in numbers.range(1, 3000); x := a * b}) == -1`
	f(slow, matrix.Options{Deadline: time.Millisecond}, decision.PolicyTimeout, 10, true)
}

func TestBuild_cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if m, err := matrix.Build(ctx, load(t, "model/data.yaml", small), matrix.Options{}); !errors.Is(err, context.Canceled) || m != nil {
		t.Errorf("Build = %v, %v", m, err)
	}
}

// TestBuild_order: everything is sorted, and the JSON is the same every time.
func TestBuild_order(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for range rounds(10, 3) {
		m := build(t, anyDocument(r).bundle(t), matrix.Options{})
		for _, table := range m.Tables {
			if !slices.IsSorted(table.Roles) || !slices.IsSorted(table.Permissions) || len(table.Cells) != len(table.Roles)*len(table.Permissions) {
				t.Fatalf("%+v", table)
			}
		}
		var text bytes.Buffer
		if err := m.WriteJSON(&text); err != nil {
			t.Fatal(err)
		}
		var back matrix.Matrix
		if err := json.Unmarshal(text.Bytes(), &back); err != nil || !reflect.DeepEqual(*m, back) {
			t.Fatalf("%v: the JSON reads as\n%+v\nwant\n%+v", err, back, *m)
		}
	}
}
