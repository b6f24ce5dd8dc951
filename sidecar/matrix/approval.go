package matrix

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"github.com/go-json-experiment/json"

	"postern/sidecar/phrase"
)

// An Approval lets one cell become allowed. There are no wildcards.
type Approval struct {
	Key
	// Reason is for people, and may be empty.
	Reason string
	// Where is the file and line of the approval.
	Where string
}

// cellKeys are the keys of an approval that must be there. role_set and plan are "" where
// the model has none.
var cellKeys = []string{"role_set", "plan", "role", "permission"}

// ParseApprovals reads a list of {role_set, plan, role, permission, reason}: JSON from a
// file named .json, else YAML. Every value is text. Unknown, repeated and missing keys,
// and a cell that is there twice, are errors, all of them at once.
func ParseApprovals(name string, text []byte) ([]Approval, error) {
	read := yamlEntries
	if path.Ext(name) == ".json" {
		read = jsonEntries
	}
	entries, err := read(name, text)
	if err != nil {
		return nil, err
	}
	var mistakes []error
	first := map[Key]string{}
	approvals := make([]Approval, 0, len(entries))
	for _, e := range entries {
		a, err := e.approval()
		if err != nil {
			mistakes = append(mistakes, err)
			continue
		}
		if other, twice := first[a.Key]; twice {
			mistakes = append(mistakes, fmt.Errorf("%s: the cell (%v) is in %s already", e.where, a.Key, other))
			continue
		}
		first[a.Key] = e.where
		approvals = append(approvals, a)
	}
	return approvals, errors.Join(mistakes...)
}

// An entry is one element of the list, as it was read.
type entry struct {
	where   string
	members []member
}

// A member is a name with a value that is text.
type member struct{ name, text string }

// approval checks what an entry says.
func (e entry) approval() (Approval, error) {
	a := Approval{Where: e.where}
	fields := map[string]*string{"role_set": &a.RoleSet, "plan": &a.Plan, "role": &a.Role, "permission": &a.Permission, "reason": &a.Reason}
	var mistakes []error
	seen := map[string]bool{}
	for _, m := range e.members {
		field, ok := fields[m.name]
		switch {
		case !ok:
			known := slices.Collect(maps.Keys(fields))
			mistakes = append(mistakes, fmt.Errorf("%s: unknown key %s%s", e.where, phrase.Quote(m.name), phrase.DidYouMean(phrase.Suggest(m.name, known))))
		case seen[m.name]:
			mistakes = append(mistakes, fmt.Errorf("%s: %s is given twice", e.where, m.name))
		default:
			*field = m.text
		}
		seen[m.name] = true
	}
	for _, name := range cellKeys {
		switch {
		case !seen[name]:
			mistakes = append(mistakes, fmt.Errorf("%s: %s is missing", e.where, name))
		case *fields[name] == "" && (name == "role" || name == "permission"):
			mistakes = append(mistakes, fmt.Errorf("%s: %s is empty", e.where, name))
		}
	}
	return a, errors.Join(mistakes...)
}

func jsonEntries(name string, text []byte) ([]entry, error) {
	var list []map[string]any
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if list == nil {
		return nil, fmt.Errorf("%s: approvals are a list", name)
	}
	var entries []entry
	for i, object := range list {
		e := entry{where: fmt.Sprintf("%s: entry %d", name, i+1)}
		for _, key := range slices.Sorted(maps.Keys(object)) {
			s, ok := object[key].(string)
			if !ok {
				return nil, fmt.Errorf("%s: %s is no text", e.where, phrase.Quote(key))
			}
			e.members = append(e.members, member{key, s})
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// WriteApprovals writes the newly allowed cells as approvals, with the reasons of those
// that are approved already: as JSON for a file named .json, else as YAML.
func (d *Diff) WriteApprovals(w io.Writer, name string) error {
	if path.Ext(name) != ".json" {
		return d.writeYAML(w)
	}
	type approval struct {
		Key
		Reason string `json:"reason,omitzero"`
	}
	list := []approval{}
	for _, c := range d.Allowed {
		list = append(list, approval{c.Key, c.Approval})
	}
	return writeJSON(w, list)
}
