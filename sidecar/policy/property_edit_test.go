package policy_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
)

// widen changes m in one of the ways that can only let more through, and says which. Each
// adds to a section that is there, or takes a whole narrowing away: to add a section, or
// an organization's plan, would narrow. It is "" where this try found nothing to add.
func widen(rng *rand.Rand, m *randomModel) string {
	return pick(rng, []func(*rand.Rand, *randomModel) string{
		addRole, addRole, addFeature, addFeature, addPermission, addPermission, addInclude,
		unsuspend, dropRoleSets, dropPlans, addSource,
	})(rng, m)
}

func addRole(rng *rand.Rand, m *randomModel) string {
	set, ok := anyKey(rng, m.roleSets)
	if !ok {
		return ""
	}
	role, ok := missing(rng, named(m.roles, roleNames), m.roleSets[set])
	if !ok {
		return ""
	}
	m.roleSets[set] = append(m.roleSets[set], role)
	return fmt.Sprintf("role %s added to set %s", role, set)
}

func addFeature(rng *rand.Rand, m *randomModel) string {
	plan, ok := anyKey(rng, m.plans)
	if !ok {
		return ""
	}
	feature, ok := missing(rng, featureNames, m.plans[plan].features)
	if !ok {
		return ""
	}
	m.plans[plan].features = append(m.plans[plan].features, feature)
	return fmt.Sprintf("feature %s added to plan %s", feature, plan)
}

func addPermission(rng *rand.Rand, m *randomModel) string {
	role, ok := anyKey(rng, m.roles)
	if !ok {
		return ""
	}
	permission, ok := missing(rng, m.grantable(), m.roles[role].permissions)
	if !ok {
		return ""
	}
	m.roles[role].permissions = append(m.roles[role].permissions, permission)
	return fmt.Sprintf("permission %s added to role %s", permission, role)
}

// addInclude keeps to the order of roleNames, so that it makes no circle.
func addInclude(rng *rand.Rand, m *randomModel) string {
	role, ok := anyKey(rng, m.roles)
	if !ok {
		return ""
	}
	before := slices.DeleteFunc(named(m.roles, nil), func(other string) bool {
		return slices.Index(roleNames, other) >= slices.Index(roleNames, role)
	})
	included, ok := missing(rng, before, m.roles[role].includes)
	if !ok {
		return ""
	}
	m.roles[role].includes = append(m.roles[role].includes, included)
	return fmt.Sprintf("role %s included in %s", included, role)
}

func unsuspend(rng *rand.Rand, m *randomModel) string {
	id, ok := anyKey(rng, m.organizations)
	if !ok || !m.organizations[id].suspended {
		return ""
	}
	m.organizations[id].suspended = false
	return id + " suspended no more"
}

// dropRoleSets takes the section away, with all that refers to it.
func dropRoleSets(_ *rand.Rand, m *randomModel) string {
	if m.roleSets == nil {
		return ""
	}
	m.roleSets, m.defaultRoleSet = nil, ""
	for _, p := range m.plans {
		p.roleSet = ""
	}
	for _, o := range m.organizations {
		o.roleSet = ""
	}
	return "no role sets any more"
}

// dropPlans takes the section away, with all that refers to it. With role sets it could
// narrow, because a plan may say which set holds.
func dropPlans(_ *rand.Rand, m *randomModel) string {
	if m.plans == nil || m.roleSets != nil {
		return ""
	}
	m.plans, m.defaultPlan = nil, ""
	for _, o := range m.organizations {
		o.plan = ""
	}
	return "no plans any more"
}

func addSource(_ *rand.Rand, m *randomModel) string {
	if m.source == "both" {
		return ""
	}
	before := m.source
	m.source = "both"
	return fmt.Sprintf("permission_source both after %q", before)
}

func anyKey[V any](rng *rand.Rand, section map[string]V) (string, bool) {
	if len(section) == 0 {
		return "", false
	}
	return pick(rng, slices.Sorted(maps.Keys(section))), true
}

// missing picks one of all that is not in list.
func missing(rng *rand.Rand, all, list []string) (string, bool) {
	lacking := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(list, s) })
	if len(lacking) == 0 {
		return "", false
	}
	return pick(rng, lacking), true
}
