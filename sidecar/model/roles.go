package model

import (
	"maps"
	"slices"
	"strings"

	"postern/sidecar/phrase"
)

func (c *checker) permissions(section *node) map[string]Permission {
	all := map[string]Permission{}
	for entry := range c.object(section) {
		if err := checkPermission(entry.name); err != nil {
			c.keyf(entry, "%v", err)
		}
		p := Permission{Feature: featureOf(entry.name)}
		for n := range c.object(entry) {
			switch n.name {
			case "name":
				p.Name = c.text(n)
			case "description":
				p.Description = c.text(n)
			case "feature":
				p.Feature = c.feature(n, entry.name)
			default:
				c.unknown(n, "name", "description", "feature")
			}
		}
		all[entry.name] = p
	}
	return all
}

// feature reads the feature that a permission states. It must be the one that the
// permission's own key names, if that names one.
func (c *checker) feature(n *node, permission string) string {
	s, ok := n.value.(string)
	if !ok {
		c.text(n)
		return ""
	}
	if err := checkSlug(s); err != nil {
		c.failf(n, "%v", err)
		return s
	}
	if strings.HasPrefix(permission, systemPrefix) {
		c.failf(n, "a system permission has no feature")
		return ""
	}
	if own := featureOf(permission); own != "" && own != s {
		c.failf(n, "feature %s differs from %s, which the key of the permission names", phrase.Quote(s), phrase.Quote(own))
	}
	return s
}

func (c *checker) roles(section *node) map[string]Role {
	all := map[string]Role{}
	for entry := range c.object(section) {
		if err := checkRole(entry.name); err != nil {
			c.keyf(entry, "%v", err)
		}
		var r Role
		for n := range c.object(entry) {
			switch n.name {
			case "name":
				r.Name = c.text(n)
			case "description":
				r.Description = c.text(n)
			case "includes":
				r.Includes = c.texts(n, func(e *node, role string) { c.refer(e, "role", "roles", role) })
			case "permissions":
				r.Permissions = c.texts(n, c.permission)
			case "managed_by":
				r.ManagedBy = c.texts(n, func(e *node, role string) { c.refer(e, "role", "roles", role) })
			default:
				c.unknown(n, "name", "description", "includes", "permissions", "managed_by")
			}
		}
		all[entry.name] = r
	}
	return all
}

// permission checks one that is granted: well formed, and in the catalogue, if there is
// one, or a system permission.
func (c *checker) permission(n *node, key string) {
	if err := checkPermission(key); err != nil {
		c.failf(n, "%v", err)
		return
	}
	if !slices.Contains(SystemPermissions, key) {
		c.refer(n, "permission", "permissions", key)
	}
}

func (c *checker) roleSets(section *node) map[string]RoleSet {
	all := map[string]RoleSet{}
	for entry := range c.object(section) {
		if err := checkID("role set", entry.name); err != nil {
			c.keyf(entry, "%v", err)
		}
		all[entry.name] = c.roleSet(entry)
	}
	return all
}

func (c *checker) roleSet(entry *node) RoleSet {
	var s RoleSet
	var byDefault, creator *node
	for n := range c.object(entry) {
		switch n.name {
		case "name":
			s.Name = c.text(n)
		case "description":
			s.Description = c.text(n)
		case "roles":
			s.Roles = c.texts(n, func(e *node, role string) {
				if err := checkRole(role); err != nil {
					c.failf(e, "%v", err)
					return
				}
				c.refer(e, "role", "roles", role)
			})
		case "default_role":
			byDefault, s.DefaultRole = n, c.text(n)
		case "creator_role":
			creator, s.CreatorRole = n, c.text(n)
		default:
			c.unknown(n, "name", "description", "roles", "default_role", "creator_role")
		}
	}
	if members, ok := entry.value.(map[string]any); ok && members["roles"] == nil {
		c.keyf(entry, "role set %s has no roles", phrase.Quote(entry.name))
		return s
	}
	c.inSet(byDefault, "default role", entry.name, s.Roles)
	c.inSet(creator, "creator role", entry.name, s.Roles)
	return s
}

// inSet checks that the role that n names is one of a role set's own.
func (c *checker) inSet(n *node, what, set string, roles []string) {
	if n == nil {
		return
	}
	role, ok := n.value.(string)
	if ok && !slices.Contains(roles, role) {
		c.failf(n, "%s %s is not a role of role set %s%s", what, phrase.Quote(role), phrase.Quote(set), phrase.DidYouMean(phrase.Suggest(role, roles)))
	}
}

// maxIncludes bounds how many roles one may reach by a single way of includes.
const maxIncludes = 64

// cycles reports each way on which a role includes itself, once.
func (c *checker) cycles(section *node, roles map[string]Role) {
	const fresh, open, done = 0, 1, 2
	state := map[string]int{}
	var way []string
	var visit func(role string)
	visit = func(role string) {
		state[role] = open
		way = append(way, role)
		if len(way) > maxIncludes {
			n := section.child(role, nil)
			c.keyf(n, "role %s is included over more than %d roles: %s", phrase.Quote(role), maxIncludes, chain(way))
			way = way[:len(way)-1]
			return
		}
		for _, next := range roles[role].Includes {
			switch state[next] {
			case open:
				circle := append(slices.Clone(way[slices.Index(way, next):]), next)
				n := section.child(role, nil).child("includes", nil)
				c.failf(n, "role %s includes itself: %s", phrase.Quote(next), chain(circle))
			case fresh:
				if _, known := roles[next]; known {
					visit(next)
				}
			}
		}
		way = way[:len(way)-1]
		state[role] = done
	}
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		if state[role] == fresh {
			visit(role)
		}
	}
}

// chain writes a way through roles, without the middle of a long one.
func chain(roles []string) string {
	const most = 12
	quoted := make([]string, 0, len(roles))
	for i, role := range roles {
		if len(roles) > most && i == most-2 {
			quoted = append(quoted, "…", phrase.Quote(roles[len(roles)-1]))
			break
		}
		quoted = append(quoted, phrase.Quote(role))
	}
	return strings.Join(quoted, " -> ")
}

// Holds returns every permission that a role grants, through what it includes as well,
// sorted. A role that the model does not have grants none.
func (m *Model) Holds(role string) []string {
	granted := map[string]bool{}
	seen := map[string]bool{}
	queue := []string{role}
	for len(queue) > 0 {
		key := queue[0]
		queue = queue[1:]
		if seen[key] {
			continue
		}
		seen[key] = true
		for _, p := range m.Roles[key].Permissions {
			granted[p] = true
		}
		queue = append(queue, m.Roles[key].Includes...)
	}
	return slices.Sorted(maps.Keys(granted))
}
