package matrix_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"

	"postern/sidecar/bundle"
	"postern/sidecar/matrix"
)

// load makes a bundle of file names and texts in turn.
func load(t testing.TB, files ...string) *bundle.Bundle {
	t.Helper()
	tree := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		tree[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	b, err := bundle.FromFS(tree)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rounds is how many random models a test takes: the first number, or the second where
// time is short.
func rounds(all, few int) int {
	if raced || testing.Short() {
		return few
	}
	return all
}

// build makes the matrix of a bundle.
func build(t testing.TB, b *bundle.Bundle, o matrix.Options) *matrix.Matrix {
	t.Helper()
	m, err := matrix.Build(t.Context(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A document is a model while it is made up.
type document struct {
	Permissions map[string]any     `json:"permissions,omitempty"`
	Roles       map[string]role    `json:"roles"`
	RoleSets    map[string]roleSet `json:"role_sets,omitempty"`
	Plans       map[string]plan    `json:"plans,omitempty"`
	Settings    map[string]any     `json:"settings"`
}

type role struct {
	Includes    []string `json:"includes"`
	Permissions []string `json:"permissions"`
}

type roleSet struct {
	Roles       []string `json:"roles"`
	DefaultRole string   `json:"default_role"`
	CreatorRole string   `json:"creator_role"`
}

type plan struct {
	Features []string `json:"features"`
}

// some are names with a letter, each as likely as not.
func some(r *rand.Rand, letter string, n int) []string {
	list := []string{}
	for i := range n {
		if r.IntN(2) == 0 {
			list = append(list, fmt.Sprint(letter, i))
		}
	}
	return list
}

// anyRole includes only roles of lower numbers, so that none includes itself.
func anyRole(r *rand.Rand, number int) role {
	made := role{Includes: []string{}, Permissions: []string{}}
	for i := range number {
		if r.IntN(4) == 0 {
			made.Includes = append(made.Includes, fmt.Sprint("org:r", i))
		}
	}
	for f := range 3 {
		for a := range 2 {
			if r.IntN(3) == 0 {
				made.Permissions = append(made.Permissions, fmt.Sprintf("org:f%d:a%d", f, a))
			}
		}
	}
	if r.IntN(2) == 0 {
		made.Permissions = append(made.Permissions, "org:sys_domains:read")
	}
	return made
}

// anyDocument is a model with a few of everything, and now and then without a section.
func anyDocument(r *rand.Rand) *document {
	d := &document{Roles: map[string]role{}, Settings: map[string]any{"minimum_permissions": []string{}}}
	for i := range 2 + r.IntN(3) {
		d.Roles[fmt.Sprint("org:r", i)] = anyRole(r, i)
	}
	if r.IntN(5) > 0 {
		d.RoleSets = map[string]roleSet{}
		for _, name := range append(some(r, "s", 3), "s") {
			d.RoleSets[name] = anySet(r, d)
		}
	}
	if r.IntN(5) > 0 {
		d.Plans = map[string]plan{}
		for _, name := range append(some(r, "p", 3), "p") {
			d.Plans[name] = plan{some(r, "f", 3)}
		}
	}
	if source := r.IntN(4); source > 0 {
		d.Settings["permission_source"] = []string{"token", "roles", "both"}[source-1]
	}
	return d
}

func anySet(r *rand.Rand, d *document) roleSet {
	made := roleSet{DefaultRole: "org:r0", CreatorRole: "org:r0", Roles: []string{"org:r0"}}
	for i := 1; i < len(d.Roles); i++ {
		if r.IntN(2) == 0 {
			made.Roles = append(made.Roles, fmt.Sprint("org:r", i))
		}
	}
	return made
}

// edit changes one thing.
func (d *document) edit(r *rand.Rand) {
	i := r.IntN(len(d.Roles))
	name := fmt.Sprint("org:r", i)
	switch r.IntN(5) {
	case 0:
		d.Roles[name] = anyRole(r, i)
	case 1:
		changed := d.Roles[name]
		if added := "org:new:a0"; !slices.Contains(changed.Permissions, added) {
			changed.Permissions = append(slices.Clone(changed.Permissions), added)
		}
		d.Roles[name] = changed
	case 2:
		if d.RoleSets != nil {
			d.RoleSets[fmt.Sprint("s", r.IntN(4))] = anySet(r, d)
		}
	case 3:
		if d.Plans != nil {
			d.Plans[fmt.Sprint("p", r.IntN(4))] = plan{some(r, "f", 3)}
		}
	case 4:
		d.Settings["permission_source"] = []string{"token", "roles", "both"}[r.IntN(3)]
	}
}

// bundle is the bundle of the model as it stands.
func (d *document) bundle(t testing.TB) *bundle.Bundle {
	t.Helper()
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, "model/data.json", string(text))
}
