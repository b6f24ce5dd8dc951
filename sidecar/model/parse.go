package model

import (
	"strings"
	"unicode"

	"postern/sidecar/phrase"
)

// sections are the members of a model, in the order in which they are checked.
var sections = []string{"permissions", "roles", "role_sets", "plans", "organizations", "settings", "revoked", "routes"}

// planFeatures is the name under which define keeps the features that any plan has.
const planFeatures = "the features of any plan"

// Parse checks the document at data.model: an object of the values that JSON has, with
// numbers as [json.Number]. It reports every mistake at once, up to fifty, each one a
// [Mistake] where locate says that it stands; a nil locate names the member instead.
// On any mistake there is no Model.
func Parse(document any, locate Locator) (*Model, error) {
	if locate == nil {
		locate = pointers
	}
	c := &checker{known: map[string]map[string]bool{}}
	root := &node{value: document}
	c.define(document)

	m := &Model{}
	for n := range c.object(root) {
		switch n.name {
		case "permissions":
			m.Permissions = c.permissions(n)
		case "roles":
			m.Roles = c.roles(n)
		case "role_sets":
			m.RoleSets = c.roleSets(n)
		case "plans":
			m.Plans = c.plans(n)
		case "organizations":
			m.Organizations = c.organizations(n)
		case "settings":
			m.Settings = c.settings(n)
		case "revoked":
			m.Revoked = c.revoked(n)
		case "routes":
			m.Routes = c.routes(n)
		default:
			c.unknown(n, sections...)
		}
	}
	c.together(root, m)
	if err := c.wrong.err(locate); err != nil {
		return nil, err
	}
	m.Warnings = c.doubt.mistakes(locate)
	m.place(locate)
	return m, nil
}

// define collects the names of the sections that others refer to. A malformed entry
// counts: it is reported where it stands, not wherever it is named.
func (c *checker) define(document any) {
	members, _ := document.(map[string]any)
	for _, section := range []string{"permissions", "roles", "role_sets", "plans"} {
		entries, ok := members[section].(map[string]any)
		if !ok {
			continue
		}
		names := make(map[string]bool, len(entries))
		for name := range entries {
			names[name] = true
		}
		c.known[section] = names
	}
	plans, ok := members["plans"].(map[string]any)
	if !ok {
		return
	}
	features := map[string]bool{}
	for _, plan := range plans {
		entry, _ := plan.(map[string]any)
		list, _ := entry["features"].([]any)
		for _, feature := range list {
			if s, ok := feature.(string); ok {
				features[s] = true
			}
		}
	}
	c.known[planFeatures] = features
}

// pointers locates places by their names alone.
func pointers(places []Place) []Position {
	positions := make([]Position, len(places))
	for i, p := range places {
		positions[i].File = "/" + strings.Join(p.Path, "/")
		if strings.ContainsFunc(positions[i].File, func(r rune) bool { return !unicode.IsPrint(r) }) {
			positions[i].File = phrase.Quote(positions[i].File)
		}
	}
	return positions
}
