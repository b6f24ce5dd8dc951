package policy_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"postern/sidecar/model"
)

// The alphabets are small, so that what models, sessions and questions name meets.
var (
	roleNames       = []string{"org:admin", "org:member", "org:owner", "viewer"}
	featureNames    = []string{"reports", "invoices", "seats"}
	planNames       = []string{"free", "pro", "gold"}
	roleSetNames    = []string{"small", "large"}
	organizationIDs = []string{"org_a", "org_b", "org_c"}
	ownPermissions  = []string{
		"org:invoices:read", "org:reports:manage", "org:reports:read", "org:seats:read",
		"audit", "books.close", "tf:export", "tf:role:sales",
	}
	systemPermissions = []string{"org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete"}
)

// A randomModel is a model as data. A nil map is a section that the document does not have.
type randomModel struct {
	// catalogue maps a permission to the feature that its entry states, "" for none.
	catalogue     map[string]string
	roles         map[string]*randomRole
	roleSets      map[string][]string
	plans         map[string]*randomPlan
	organizations map[string]*randomOrganization

	source, defaultPlan, defaultRoleSet string
}

type randomRole struct{ includes, permissions []string }

// A randomPlan with nil features does not state any.
type randomPlan struct {
	features []string
	roleSet  string
}

type randomOrganization struct {
	plan, roleSet string
	suspended     bool
}

// modelOf makes the one model of a seed.
func modelOf(seed uint64) *randomModel {
	rng := rand.New(rand.NewPCG(seed, 1))
	m := &randomModel{}
	if oneIn(rng, 2) {
		m.catalogue = map[string]string{}
		for _, p := range some(rng, ownPermissions, 5) {
			m.catalogue[p] = statedFeature(rng, p)
		}
	}
	if !oneIn(rng, 4) {
		m.roles = m.someRoles(rng)
	}
	if oneIn(rng, 2) {
		m.roleSets = map[string][]string{}
		for _, set := range some(rng, roleSetNames, 5) {
			m.roleSets[set] = some(rng, named(m.roles, roleNames), 3)
		}
	}
	if oneIn(rng, 2) {
		m.plans = map[string]*randomPlan{}
		for _, plan := range some(rng, planNames, 5) {
			m.plans[plan] = &randomPlan{roleSet: reference(rng, m.roleSets, roleSetNames)}
			if !oneIn(rng, 6) {
				m.plans[plan].features = some(rng, featureNames, 3)
			}
		}
	}
	if !oneIn(rng, 3) {
		m.organizations = map[string]*randomOrganization{}
		for _, id := range some(rng, organizationIDs[:2], 5) {
			m.organizations[id] = &randomOrganization{
				plan:      reference(rng, m.plans, planNames),
				roleSet:   pick(rng, []string{"", reference(rng, m.roleSets, roleSetNames)}),
				suspended: oneIn(rng, 6),
			}
		}
	}
	m.source = pick(rng, []string{"", "", "token", "roles", "both"})
	m.defaultPlan = reference(rng, m.plans, planNames)
	m.defaultRoleSet = reference(rng, m.roleSets, roleSetNames)
	return m
}

// someRoles include only what stands before them, so that there is no circle.
func (m *randomModel) someRoles(rng *rand.Rand) map[string]*randomRole {
	roles := map[string]*randomRole{}
	var before []string
	for _, name := range some(rng, roleNames, 5) {
		roles[name] = &randomRole{includes: some(rng, before, 2), permissions: some(rng, m.grantable(), 2)}
		before = append(before, name)
	}
	return roles
}

// grantable are the permissions that roles of the model may have.
func (m *randomModel) grantable() []string {
	return slices.Concat(named(m.catalogue, ownPermissions), systemPermissions)
}

// granted are the permissions of a role and of all that it includes.
func (m *randomModel) granted(role string) []string {
	r := m.roles[role]
	if r == nil {
		return nil
	}
	all := slices.Clone(r.permissions)
	for _, included := range r.includes {
		all = append(all, m.granted(included)...)
	}
	return all
}

// statedFeature is what the catalogue's entry says: the feature of the permission's own
// key, or any where the key names none.
func statedFeature(rng *rand.Rand, permission string) string {
	if oneIn(rng, 4) {
		return ""
	}
	if own := keyFeature(permission); own != "" {
		return own
	}
	return pick(rng, featureNames)
}

// keyFeature is the feature in org:<feature>:<action>, none for a system permission.
func keyFeature(permission string) string {
	parts := strings.Split(permission, ":")
	if len(parts) < 3 || parts[0] != "org" || slices.Contains(model.SystemPermissions, permission) {
		return ""
	}
	return parts[1]
}

// text writes the model, with members and lists in an order that rng chooses.
func (m *randomModel) text(rng *rand.Rand) string {
	document := map[string]any{}
	section(document, "permissions", m.catalogue, func(feature string) any { return stating("feature", feature) })
	section(document, "roles", m.roles, func(r *randomRole) any {
		return map[string]any{"includes": r.includes, "permissions": r.permissions}
	})
	section(document, "role_sets", m.roleSets, func(roles []string) any { return map[string]any{"roles": roles} })
	section(document, "plans", m.plans, func(p *randomPlan) any {
		plan := stating("role_set", p.roleSet)
		if p.features != nil {
			plan["features"] = p.features
		}
		return plan
	})
	section(document, "organizations", m.organizations, func(o *randomOrganization) any {
		organization := stating("plan", o.plan, "role_set", o.roleSet)
		if o.suspended {
			organization["suspended"] = true
		}
		return organization
	})
	settings := stating("permission_source", m.source, "default_plan", m.defaultPlan, "default_role_set", m.defaultRoleSet)
	if len(settings) > 0 {
		document["settings"] = settings
	}
	return written(rng, document)
}

// section adds a section unless it is nil.
func section[V any](document map[string]any, name string, entries map[string]V, entry func(V) any) {
	if entries == nil {
		return
	}
	all := map[string]any{}
	for key, value := range entries {
		all[key] = entry(value)
	}
	document[name] = all
}

// stating is an object of names and texts in turn, without the empty texts.
func stating(pairs ...string) map[string]any {
	object := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			object[pairs[i]] = pairs[i+1]
		}
	}
	return object
}

// reference names an entry of a section, any known name where there is no section, or
// nothing.
func reference[V any](rng *rand.Rand, section map[string]V, names []string) string {
	if names = named(section, names); len(names) == 0 || oneIn(rng, 3) {
		return ""
	}
	return pick(rng, names)
}

// named are the sorted keys of a section, or all that it could have where it is nil.
func named[V any](section map[string]V, all []string) []string {
	if section == nil {
		return all
	}
	return slices.Sorted(maps.Keys(section))
}

// some is each of list with a chance of n in six, in order, never nil.
func some(rng *rand.Rand, list []string, n int) []string {
	chosen := []string{}
	for _, s := range list {
		if rng.IntN(6) < n {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

func oneIn(rng *rand.Rand, n int) bool { return rng.IntN(n) == 0 }
