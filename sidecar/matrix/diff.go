package matrix

import (
	"io"
	"slices"

	"postern/sidecar/decision"
)

// A Diff is the cells that differ between two matrices, by what became of them, sorted as
// the tables are. A cell that only one of the matrices has counts as denied in the other.
type Diff struct {
	Old     Version  `json:"old"`
	New     Version  `json:"new"`
	Allowed []Change `json:"allowed"`
	Denied  []Change `json:"denied"`
}

// A Version says which bundle a matrix is of.
type Version struct {
	Revision string `json:"revision"`
	Digest   string `json:"digest"`
}

// A Change is a cell that differs.
type Change struct {
	Key
	// Reasons are the codes of the denial, on whichever side it is. They are empty where
	// that side does not have the cell.
	Reasons []decision.Code `json:"reasons"`
	// Lacks says why that side does not have the cell: the first of role_set, plan, role,
	// permission that it lacks; or nothing.
	Lacks string `json:"lacks,omitzero"`
	// Approved is set where an approval names the cell, and Approval is its reason.
	Approved bool   `json:"approved,omitzero"`
	Approval string `json:"approval,omitzero"`
}

// Compare finds the cells that differ.
func Compare(old, now *Matrix) *Diff {
	before, after := index(old), index(now)
	return &Diff{
		Old:     Version{old.Revision, old.Digest},
		New:     Version{now.Revision, now.Digest},
		Allowed: gained(now, before),
		Denied:  gained(old, after),
	}
}

// gained are the cells that m allows and the other matrix does not.
func gained(m *Matrix, other *indexed) []Change {
	changes := []Change{}
	for c := range m.Cells() {
		if !c.Allow {
			continue
		}
		there, ok := other.cells[c.Key]
		if ok && there.Allow {
			continue
		}
		change := Change{Key: c.Key, Reasons: []decision.Code{}}
		if ok {
			change.Reasons = there.Reasons
		} else {
			change.Lacks = other.lacks(c.Key)
		}
		changes = append(changes, change)
	}
	slices.SortFunc(changes, func(a, b Change) int { return compare(a.Key, b.Key) })
	return changes
}

// An indexed is a matrix in which cells are looked up.
type indexed struct {
	cells map[Key]Cell
	parts map[Key]bool // keys of which only the first members are set
}

func index(m *Matrix) *indexed {
	x := &indexed{cells: map[Key]Cell{}, parts: map[Key]bool{}}
	for i := range m.Tables {
		t := &m.Tables[i]
		x.parts[Key{RoleSet: t.RoleSet}] = true
		x.parts[Key{RoleSet: t.RoleSet, Plan: t.Plan}] = true
		for _, role := range t.Roles {
			x.parts[Key{RoleSet: t.RoleSet, Plan: t.Plan, Role: role}] = true
		}
	}
	for c := range m.Cells() {
		x.cells[c.Key] = c
	}
	return x
}

// lacks says why there is no such cell.
func (x *indexed) lacks(k Key) string {
	switch {
	case !x.parts[Key{RoleSet: k.RoleSet}]:
		return "role_set"
	case !x.parts[Key{RoleSet: k.RoleSet, Plan: k.Plan}]:
		return "plan"
	case !x.parts[Key{RoleSet: k.RoleSet, Plan: k.Plan, Role: k.Role}]:
		return "role"
	default:
		return "permission"
	}
}

// Approve marks the newly allowed cells that approvals name, and returns the approvals
// that name none.
func (d *Diff) Approve(approvals []Approval) (unused []Approval) {
	at := map[Key]int{}
	for i, c := range d.Allowed {
		at[c.Key] = i
	}
	for _, a := range approvals {
		i, ok := at[a.Key]
		if !ok {
			unused = append(unused, a)
			continue
		}
		d.Allowed[i].Approved, d.Allowed[i].Approval = true, a.Reason
	}
	return unused
}

// Unapproved counts the newly allowed cells that nobody has approved.
func (d *Diff) Unapproved() int {
	n := 0
	for _, c := range d.Allowed {
		if !c.Approved {
			n++
		}
	}
	return n
}

// WriteJSON writes the diff as JSON.
func (d *Diff) WriteJSON(w io.Writer) error {
	return writeJSON(w, d)
}
