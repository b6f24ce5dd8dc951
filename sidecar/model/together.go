package model

import (
	"maps"
	"slices"
	"strings"

	"postern/sidecar/phrase"
)

// together checks what one section cannot say alone, and warns of what nothing uses.
func (c *checker) together(root *node, m *Model) {
	if m.Roles != nil {
		c.cycles(root.child("roles", nil), m.Roles)
		c.creators(root, m)
		if m.RoleSets != nil {
			c.strayRoles(root, m)
		}
	}
	c.newcomers(root, m)
	if m.Plans != nil && m.Permissions != nil {
		c.strayFeatures(root, m)
	}
	if source := m.Settings.PermissionSource; source == "roles" && m.Roles == nil {
		n := root.child("settings", nil).child("permission_source", nil)
		c.warnf(n, "permission_source is roles, but the model has no roles: nothing is granted")
	}
}

// creators refuses role sets in which who creates an organization could not run it.
func (c *checker) creators(root *node, m *Model) {
	minimum := m.Settings.Minimum()
	lacking := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(m.RoleSets)) {
		creator := m.RoleSets[name].CreatorRole
		if _, known := m.Roles[creator]; !known {
			continue
		}
		missing, seen := lacking[creator]
		if !seen {
			held := m.Holds(creator)
			missing = slices.DeleteFunc(slices.Clone(minimum), func(p string) bool { return slices.Contains(held, p) })
			lacking[creator] = missing
		}
		if len(missing) > 0 {
			n := root.child("role_sets", nil).child(name, nil).child("creator_role", nil)
			c.failf(n, "creator role %s lacks %s, which who creates an organization must hold (settings.minimum_permissions says otherwise)", phrase.Quote(creator), strings.Join(missing, ", "))
		}
	}
}

// newcomers refuses the owner's role as a default role: who joins by a domain would own the
// organization.
func (c *checker) newcomers(root *node, m *Model) {
	if m.Settings.OwnerRole == "" {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(m.RoleSets)) {
		if role := m.RoleSets[name].DefaultRole; role == m.Settings.OwnerRole {
			n := root.child("role_sets", nil).child(name, nil).child("default_role", nil)
			c.failf(n, "default role %s is the owner's role, which only owners give", phrase.Quote(role))
		}
	}
}

// strayRoles warns of roles that no role set has, directly or through what its roles
// include.
func (c *checker) strayRoles(root *node, m *Model) {
	var queue []string
	for _, set := range m.RoleSets {
		queue = append(queue, set.Roles...)
	}
	used := map[string]bool{}
	for len(queue) > 0 {
		role := queue[0]
		queue = queue[1:]
		if !used[role] {
			used[role] = true
			queue = append(queue, m.Roles[role].Includes...)
		}
	}
	for _, role := range slices.Sorted(maps.Keys(m.Roles)) {
		if !used[role] {
			c.warnf(root.child("roles", nil).child(role, nil), "role %s is in no role set, so no organization can use it", phrase.Quote(role))
		}
	}
}

// strayFeatures warns of permissions that no plan can unlock.
func (c *checker) strayFeatures(root *node, m *Model) {
	features := c.known[planFeatures]
	for _, key := range slices.Sorted(maps.Keys(m.Permissions)) {
		feature := m.Permissions[key].Feature
		if feature != "" && !features[feature] {
			n := root.child("permissions", nil).child(key, nil)
			c.warnf(n, "feature %s of permission %s is in no plan%s", phrase.Quote(feature), phrase.Quote(key), phrase.DidYouMean(phrase.Suggest(feature, slices.Collect(maps.Keys(features)))))
		}
	}
}
