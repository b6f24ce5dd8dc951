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

// approvalKeys are the keys of an approval. All but the last must be there; role_set and
// plan are "" where the model has none.
var approvalKeys = []string{"role_set", "plan", "role", "permission", "reason"}

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

// An entry is one element of the list, as it was read: names, and values that are text.
type entry struct {
	where string
	names []string
	texts []string
}

// approval checks what an entry says.
func (e entry) approval() (Approval, error) {
	a := Approval{Where: e.where}
	fields := []*string{&a.RoleSet, &a.Plan, &a.Role, &a.Permission, &a.Reason}
	var mistakes []error
	seen := map[string]bool{}
	for i, name := range e.names {
		at := slices.Index(approvalKeys, name)
		switch {
		case at < 0:
			mistakes = append(mistakes, fmt.Errorf("%s: unknown key %s%s", e.where, phrase.Quote(name), phrase.DidYouMean(phrase.Suggest(name, approvalKeys))))
		case seen[name]:
			mistakes = append(mistakes, fmt.Errorf("%s: %s is given twice", e.where, name))
		default:
			*fields[at] = e.texts[i]
		}
		seen[name] = true
	}
	for i, name := range approvalKeys[:4] {
		switch {
		case !seen[name]:
			mistakes = append(mistakes, fmt.Errorf("%s: %s is missing", e.where, name))
		case i >= 2 && *fields[i] == "":
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
			e.names, e.texts = append(e.names, key), append(e.texts, s)
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
