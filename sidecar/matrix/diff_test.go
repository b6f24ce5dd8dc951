package matrix_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/matrix"
)

func marshal(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// allowed are the keys of the cells that a matrix allows.
func allowed(m *matrix.Matrix) map[matrix.Key]bool {
	all := map[matrix.Key]bool{}
	for c := range m.Cells() {
		if c.Allow {
			all[c.Key] = true
		}
	}
	return all
}

// TestCompare_random: what a matrix allows, plus what is newly allowed, less what is newly
// denied, is what the other allows; and the way back is the same, the other way round.
func TestCompare_random(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	gained, lost, pairs := 0, 0, rounds(32, 12)
	for range pairs {
		d := anyDocument(r)
		old := build(t, d.bundle(t), matrix.Options{})
		if r.IntN(6) == 0 {
			d = anyDocument(r)
		}
		for range 1 + r.IntN(3) {
			d.edit(r)
		}
		now := build(t, d.bundle(t), matrix.Options{})
		diff, back := matrix.Compare(old, now), matrix.Compare(now, old)
		got := allowed(old)
		for _, c := range diff.Allowed {
			if got[c.Key] {
				t.Fatalf("%v was allowed before", c.Key)
			}
			got[c.Key] = true
			checkChange(t, old, c)
		}
		for _, c := range diff.Denied {
			if !got[c.Key] {
				t.Fatalf("%v was denied before", c.Key)
			}
			delete(got, c.Key)
			checkChange(t, now, c)
		}
		if !maps.Equal(got, allowed(now)) {
			t.Fatal("old and diff do not come to new")
		}
		if !reflect.DeepEqual(diff.Allowed, back.Denied) || !reflect.DeepEqual(diff.Denied, back.Allowed) {
			t.Fatalf("there:\n%+v\nand back:\n%+v", diff, back)
		}
		if same := matrix.Compare(now, now); len(same.Allowed)+len(same.Denied) != 0 {
			t.Fatalf("a matrix differs from itself: %+v", same)
		}
		if len(diff.Allowed) > 0 {
			gained++
		}
		if len(diff.Denied) > 0 {
			lost++
		}
		approve(t, r, diff)
	}
	if gained < pairs/3 || lost < pairs/5 {
		t.Errorf("of %d pairs, only %d allow anything new and %d deny it", pairs, gained, lost)
	}
}

// checkChange holds what a change says of the side that denies against that side.
func checkChange(t *testing.T, denies *matrix.Matrix, c matrix.Change) {
	t.Helper()
	for other := range denies.Cells() {
		if other.Key == c.Key {
			if !slices.Equal(other.Reasons, c.Reasons) || c.Lacks != "" || other.Allow {
				t.Fatalf("%+v, but the cell is %+v", c, other)
			}
			return
		}
	}
	if c.Lacks == "" || len(c.Reasons) > 0 {
		t.Fatalf("%+v, but there is no such cell", c)
	}
}

// approve approves some of the changes, through the form of the file.
func approve(t *testing.T, r *rand.Rand, diff *matrix.Diff) {
	t.Helper()
	for _, name := range []string{"a.yaml", "a.json"} {
		var text bytes.Buffer
		if err := diff.WriteApprovals(&text, name); err != nil {
			t.Fatal(err)
		}
		approvals, err := matrix.ParseApprovals(name, text.Bytes())
		if err != nil || len(approvals) != len(diff.Allowed) {
			t.Fatalf("%v: %d approvals of %d\n%s", err, len(approvals), len(diff.Allowed), text.String())
		}
		whole := *diff
		whole.Allowed = slices.Clone(diff.Allowed)
		if unused := whole.Approve(approvals); whole.Unapproved() != 0 || len(unused) != 0 {
			t.Fatalf("all is approved, and %d cells are not", whole.Unapproved())
		}
		if len(approvals) == 0 {
			continue
		}
		part := *diff
		part.Allowed = slices.Clone(diff.Allowed)
		left := r.IntN(len(approvals))
		approvals[left].Plan += "x"
		if unused := part.Approve(approvals); part.Unapproved() != 1 || len(unused) != 1 || part.Allowed[left].Approved {
			t.Fatalf("all but one is approved, and %d cells are not", part.Unapproved())
		}
	}
}

// TestCompare_lacks: a cell that is new says what is new about it.
func TestCompare_lacks(t *testing.T) {
	base := small + `
role_sets: {one: {roles: ["org:admin"], default_role: "org:admin", creator_role: "org:admin"}}
plans: {free: {features: [a]}}
`
	f := func(edited string, want ...string) {
		t.Helper()
		d := matrix.Compare(build(t, load(t, "model/data.yaml", base), matrix.Options{}), build(t, load(t, "model/data.yaml", edited), matrix.Options{}))
		got := map[string]bool{}
		for _, c := range d.Allowed {
			got[fmt.Sprintf("+%s %v", c.Lacks, c.Reasons)] = true
		}
		for _, c := range d.Denied {
			got[fmt.Sprintf("-%s %v", c.Lacks, c.Reasons)] = true
		}
		if list := slices.Sorted(maps.Keys(got)); !slices.Equal(list, want) {
			t.Errorf("%s\n%q, want %q", edited, list, want)
		}
	}
	f(base)
	f(strings.Replace(base, "one:", "two:", 1), "+role_set []", "-role_set []")
	f(strings.Replace(base, "free:", "pro:", 1), "+plan []", "-plan []")
	f(strings.Replace(base, `roles: ["org:admin"]`, `roles: ["org:admin", "org:member"]`, 1), "+role []")
	f(strings.Replace(base, `"org:a:read",`, `"org:a:read", "org:a:write",`, 1), "+permission []")
	f(strings.Replace(base, `[a]`, `[a, b]`, 1), "+ [permission_gated_by_feature]")
	f(strings.Replace(base, `[a]`, `[]`, 1), "- [permission_gated_by_feature]")
	f(small, "+role_set []", "-role_set []")
}

// TestWriteDiff is the three formats of one diff, with everything in it.
func TestWriteDiff(t *testing.T) {
	old := small + `
role_sets: {one: {roles: ["org:admin"], default_role: "org:admin", creator_role: "org:admin"}, gone: {roles: ["org:admin"], default_role: "org:admin", creator_role: "org:admin"}}
plans: {free: {features: [a]}}
`
	now := strings.NewReplacer("gone:", "growth:", "[a]", "[b]", `one: {roles: ["org:admin"]`, `one: {roles: ["org:admin", "org:member"]`,
		`"org:b:read"]`, `"org:b:read", "org:b:write"]`).Replace(old)
	d := matrix.Compare(build(t, load(t, "model/data.yaml", old), matrix.Options{}), build(t, load(t, "model/data.yaml", now), matrix.Options{}))
	d.Old, d.New = matrix.Version{Revision: "v1", Digest: "sha256:1"}, matrix.Version{Revision: "v2", Digest: "sha256:2"}
	unused := d.Approve([]matrix.Approval{
		{Key: matrix.Key{RoleSet: "one", Plan: "free", Role: "org:admin", Permission: "org:b:read"}, Reason: "asked | for\n\x1b[31m\u202e"},
		{Key: matrix.Key{RoleSet: "one", Plan: "free", Role: "org:admin", Permission: "org:b:write"}},
		{Key: matrix.Key{RoleSet: "one", Plan: "free", Role: "org:admin", Permission: "org:a:read"}},
	})
	if len(unused) != 1 || unused[0].Permission != "org:a:read" {
		t.Errorf("unused: %+v", unused)
	}
	var table, markdown, text bytes.Buffer
	for _, err := range []error{d.WriteTable(&table), d.WriteMarkdown(&markdown), d.WriteJSON(&text)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "diff.txt", table.String())
	golden(t, "diff.md", markdown.String())
	golden(t, "diff.json", text.String())
}

func TestParseApprovals(t *testing.T) {
	good := `{role_set: s, plan: "", role: "org:a", permission: "org:b:c", reason: because}`
	for name, text := range map[string]string{
		"a.yaml": "# why\n- " + good + "\n- role_set: s\n  plan: ''\n  role: x\n  permission: '5'\n",
		"a.json": `[{"role_set":"s","plan":"","role":"org:a","permission":"org:b:c","reason":"because"},{"role_set":"s","plan":"","role":"x","permission":"5"}]`,
	} {
		got, err := matrix.ParseApprovals(name, []byte(text))
		if err != nil || len(got) != 2 || got[0].Reason != "because" || got[0].Key != (matrix.Key{RoleSet: "s", Role: "org:a", Permission: "org:b:c"}) || got[1].Permission != "5" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for _, text := range []string{"", "# nothing\n", "[]", "---\n"} {
		if got, err := matrix.ParseApprovals("a.yaml", []byte(text)); err != nil || len(got) != 0 {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestParseApprovals_refused(t *testing.T) {
	f := func(name, text string, want ...string) {
		t.Helper()
		got, err := matrix.ParseApprovals(name, []byte(text))
		if err == nil {
			t.Fatalf("%s: %+v, want an error", text, got)
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q", text, err, w)
			}
		}
	}
	cell := `role_set: s, plan: p, role: r, permission: q`
	f("a.yaml", "- {"+cell+", resaon: x}", "a.yaml:1", `did you mean "reason"`)
	f("a.yaml", "- {"+cell+", plan: x}", "plan is given twice")
	f("a.yaml", "- {"+cell+"}\n- {"+cell+", reason: x}", "a.yaml:2", "a.yaml:1 already")
	f("a.yaml", "- {role_set: s, plan: p, role: '', permission: q}\n- {role: r}", "role is empty", "role_set is missing", "plan is missing", "permission is missing")
	f("a.yaml", "- {role_set: s, plan: p, role: r, permission: 5}", "permission", "want text")
	f("a.yaml", "- {role_set: s, plan: , role: r, permission: q}", "plan", "want text")
	f("a.yaml", "- {role_set: s, plan: [p], role: r, permission: q}", "plan", "want text")
	f("a.yaml", "- &x {"+cell+"}", "anchors")
	f("a.yaml", "- {role_set: !!str s, plan: p, role: r, permission: q}", "tags")
	f("a.yaml", "- text", "want a mapping")
	f("a.yaml", "{"+cell+"}", "want a list")
	f("a.yaml", "[]\n---\n[]", "second document")
	f("a.yaml", "- {", "a.yaml")
	f("a.json", `[{"role_set":"s","plan":"p","role":"r","permission":"q","all":true}]`, `"all" is no text`)
	f("a.json", `[{"role_set":"s","plan":"p","role":"r","permission":"q","every":"x"}]`, `unknown key "every"`)
	f("a.json", `[{"role_set":"s","plan":"p","role":"r","permission":null}]`, "no text")
	f("a.json", `[{"role_set":"s","role_set":"t","plan":"p","role":"r","permission":"q"}]`, "duplicate")
	f("a.json", `null`, "list")
	f("a.json", `{}`, "a.json")
	f("a.json", `[null]`, "missing")
	f("a.json", ``, "a.json")
	f("a.json", `[] []`, "a.json")
}
