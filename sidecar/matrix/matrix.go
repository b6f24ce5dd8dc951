// Package matrix tabulates what a model's roles may do: one answer for every role and
// permission, in every role set and plan. Each answer is the decision of the very policy
// that serves, for the session that a member with that role would have. It compares the
// tables of two bundles as well.
package matrix

import (
	"io"
	"iter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/phrase"
)

// A Matrix is every answer of one bundle. Its JSON, and that of its parts, is a contract:
// members may be added, none changes.
type Matrix struct {
	Revision string `json:"revision"`
	Digest   string `json:"digest"`
	// Tables are sorted by role set, then plan.
	Tables []Table `json:"tables"`
	Names  Names   `json:"names"`
}

// A Table is the answers for the organizations of one role set and plan. RoleSet is empty
// where the model has no role sets, and Plan where it has no plans. Roles are those of the
// role set, sorted; so are the permissions.
type Table struct {
	RoleSet     string   `json:"role_set"`
	Plan        string   `json:"plan"`
	Roles       []string `json:"roles"`
	Permissions []string `json:"permissions"`
	// Cells are by permission, then role.
	Cells []Cell `json:"cells"`
}

// A Cell is one answer. Reasons are the codes of a denial, sorted and without repetition,
// and empty where Allow is set.
type Cell struct {
	Key
	Allow   bool            `json:"allow"`
	Reasons []decision.Code `json:"reasons"`
}

// A Key says which cell it is.
type Key struct {
	RoleSet    string `json:"role_set"`
	Plan       string `json:"plan"`
	Role       string `json:"role"`
	Permission string `json:"permission"`
}

// Names are what the model calls its keys to people, of those that it names.
type Names struct {
	RoleSets    map[string]string `json:"role_sets"`
	Plans       map[string]string `json:"plans"`
	Roles       map[string]string `json:"roles"`
	Permissions map[string]string `json:"permissions"`
}

// Cells are all cells, in the order of their tables.
func (m *Matrix) Cells() iter.Seq[Cell] {
	return func(yield func(Cell) bool) {
		for i := range m.Tables {
			for _, c := range m.Tables[i].Cells {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// row is the cells of the i-th permission, in the order of the roles.
func (t *Table) row(i int) []Cell {
	n := len(t.Roles)
	return t.Cells[i*n : (i+1)*n]
}

// place names a role set and a plan to a reader, in the way that show writes a key.
func place(roleSet, plan string, show func(key string) string) string {
	set, on := "no role sets", "no plans"
	if roleSet != "" {
		set = "role set " + show(roleSet)
	}
	if plan != "" {
		on = "plan " + show(plan)
	}
	return set + ", " + on
}

// plainly shows a key as it is: the model has none that a terminal minds.
func plainly(key string) string { return key }

// String names a cell in an error.
func (k Key) String() string {
	return place(k.RoleSet, k.Plan, phrase.Quote) + ", role " + phrase.Quote(k.Role) + ", permission " + phrase.Quote(k.Permission)
}

// WriteJSON writes the matrix as JSON.
func (m *Matrix) WriteJSON(w io.Writer) error {
	return writeJSON(w, m)
}

func writeJSON(w io.Writer, value any) error {
	text, err := json.Marshal(value, json.Deterministic(true), jsontext.Multiline(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
