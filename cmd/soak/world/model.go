// Package world is what the soak asks about: a model that changes from revision to revision,
// sessions of every kind, and an oracle that knows the answers of each revision from its
// number alone, without Postern's help.
package world

import (
	"bytes"
	"fmt"
	"hash/fnv"

	"postern/cmd/archive"
)

// Organizations is how many there are.
const Organizations = 40

// The names of the model.
var (
	features     = []string{"invoices", "reports", "payroll"}
	actions      = []string{"read", "create"}
	roles        = []string{"admin", "member", "viewer"}
	plans        = []string{"free", "pro", "enterprise"}
	roleActions  = map[string][]string{"admin": actions, "member": actions, "viewer": {"read"}}
	planFeatures = map[string][]string{"free": {"invoices"}, "pro": {"invoices", "reports"}, "enterprise": features}
	planRoles    = map[string][]string{"free": {"admin", "member"}, "pro": roles, "enterprise": roles}
)

// bits are the permissions of admins that spell a revision's number out, so that one batch
// says which revision it was decided on.
const bits = 14

// mark is their feature, which every plan has.
const mark = "mark"

// A World is all revisions of one seed. Revisions count from 1.
type World struct{ Seed uint64 }

// turn is how many revisions an organization stays as it is: each revision changes one in
// so many organizations, and the others' answers are certain across it.
const turn = 8

// number is a number below n that depends on everything named.
func (w World) number(n int, parts ...any) int {
	h := fnv.New64a()
	fmt.Fprint(h, append([]any{w.Seed, " "}, parts...)...)
	return int(h.Sum64() >> 8 % uint64(n))
}

func epoch(o, revision int) int { return (revision + o) / turn }

// Plan is the plan of an organization.
func (w World) Plan(o, revision int) string {
	return plans[w.number(len(plans), "plan", o, "in", epoch(o, revision))]
}

func (w World) suspended(o, revision int) bool {
	return w.number(6, "suspended", o, "in", epoch(o, revision)) == 0
}

// revokedFrom is the first revision that revokes the user of a number, one after another.
func revokedFrom(user int) int { return 6 * (user + 1) }

// late is how many users a revision may come to revoke.
const late = 64

// Organization is the id of an organization.
func Organization(o int) string { return fmt.Sprintf("org_soak%02d", o) }

func lateUser(n int) string { return fmt.Sprintf("user_late%02d", n) }

// Name is a revision's name.
func Name(revision int) string { return fmt.Sprintf("soak-%d", revision) }

// Bit is the permission that admins of a revision have if its number has the bit.
func Bit(n int) string { return fmt.Sprintf("org:mark:bit%02d", n) }

// Bits are all of them.
func Bits() []string {
	all := make([]string, bits)
	for n := range all {
		all[n] = Bit(n)
	}
	return all
}

// Largest is the largest revision that the bits can tell from others.
const Largest = 1<<bits - 1

func (w World) model(revision int) map[string]any {
	organizations, revoked := map[string]any{}, map[string]any{revokedUser: map[string]any{}}
	for o := range Organizations {
		organizations[Organization(o)] = map[string]any{"plan": w.Plan(o, revision), "suspended": w.suspended(o, revision)}
	}
	for n := range late {
		if revision >= revokedFrom(n) {
			revoked[lateUser(n)] = map[string]any{}
		}
	}
	var spelled []string
	for n, permission := range Bits() {
		if revision>>n&1 == 1 {
			spelled = append(spelled, permission)
		}
	}
	defined, sets, brought := map[string]any{}, map[string]any{}, map[string]any{}
	for _, r := range roles {
		defined["org:"+r] = map[string]any{}
	}
	defined["org:admin"] = map[string]any{"permissions": spelled}
	for _, p := range plans {
		var members []string
		for _, r := range planRoles[p] {
			members = append(members, "org:"+r)
		}
		sets[p] = map[string]any{"roles": members, "default_role": "org:member"}
		brought[p] = map[string]any{"features": append([]string{mark}, planFeatures[p]...), "role_set": p}
	}
	return map[string]any{
		"roles": defined, "role_sets": sets, "plans": brought, "organizations": organizations,
		"settings": map[string]any{"default_role_set": "free", "default_plan": "free", "permission_source": "both"},
		"revoked": map[string]any{
			"users":    revoked,
			"sessions": map[string]any{revokedSession: map[string]any{}},
		},
		"routes": []any{
			map[string]any{"match": "/health", "public": true},
			map[string]any{"match": "GET /invoices/{id}", "require": map[string]any{"permission": "org:invoices:read"}},
			map[string]any{"match": "POST /invoices", "require": map[string]any{"permission": "org:invoices:create"}},
			map[string]any{"match": "/reports/", "require": map[string]any{"permission": "org:reports:read"}},
			map[string]any{"match": "/payroll/", "require": map[string]any{"permission": "org:payroll:read"}},
		},
	}
}

// marker denies what asks for the revision, and says it.
const marker = `package postern.extend

deny contains sprintf("revision %d", [data.soak.revision]) if input.resource.type == "marker"
`

// answer is asked through the OPA door.
const answer = `package soak.answer

revision := data.soak.revision

plan := data.model.organizations[input.organization].plan
`

// Bundle is the archive of a revision.
func (w World) Bundle(revision int) ([]byte, error) { return w.pack(revision, nil) }

// pack makes an archive of a revision; spoilt files take the place of the good ones.
func (w World) pack(revision int, spoilt map[string]string) ([]byte, error) {
	files := map[string]any{
		".manifest":        map[string]any{"revision": Name(revision), "roots": []string{"model", "soak", "postern/extend"}},
		"model/data.json":  w.model(revision),
		"soak/data.json":   map[string]any{"revision": revision},
		"soak/answer.rego": answer,
		"soak/marker.rego": marker,
	}
	for name, text := range spoilt {
		files[name] = text
	}
	return archive.Pack(files)
}

// BadBundle is an archive of a revision that must never be in force: whichever of several
// ways of being bad the kind picks.
func (w World) BadBundle(revision, kind int) ([]byte, error) {
	switch kind % 5 {
	case 0: // no Rego
		return w.pack(revision, map[string]string{"soak/marker.rego": "package postern.extend\n\ndeny contains {"})
	case 1: // a function that policies may not call
		return w.pack(revision, map[string]string{"soak/answer.rego": "package soak.answer\n\nrevision := http.send({\"url\": \"http://127.0.0.1\"}).status\n"})
	case 2: // a model with an unknown section
		return w.pack(revision, map[string]string{"model/data.json": `{"rolls": {}}`})
	case 3: // half an archive
		whole, err := w.pack(revision, nil)
		return whole[:len(whole)/2], err
	}
	return bytes.Repeat([]byte("no archive "), 100), nil
}
