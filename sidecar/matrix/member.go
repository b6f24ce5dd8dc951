package matrix

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"postern/sidecar/bundle"
	"postern/sidecar/model"
	"postern/sidecar/session"
)

// synthetic begins the ids of the organizations, users and sessions that exist only in a
// matrix.
type synthetic string

// newNames finds a beginning that no id of the model has, so that nothing which the model
// says of a real one holds for these.
func newNames(m *model.Model) synthetic {
	taken := slices.Concat(
		slices.Collect(maps.Keys(m.Organizations)),
		slices.Collect(maps.Keys(m.Settings.Users)),
		slices.Collect(maps.Keys(m.Revoked.Organizations)),
		slices.Collect(maps.Keys(m.Revoked.Users)),
		slices.Collect(maps.Keys(m.Revoked.Sessions)),
	)
	name := "matrix_"
	for slices.ContainsFunc(taken, func(id string) bool { return strings.Contains(id, name) }) {
		name += "_"
	}
	return synthetic(name)
}

// organization is the id of the organization of one role set and plan.
func (s synthetic) organization(set, plan string) string {
	return fmt.Sprintf("org_%s%d_%s_%s", string(s), len(set), set, plan)
}

// populate is the bundle with one organization more for each table. It copies what it
// changes and nothing else.
func (s synthetic) populate(b *bundle.Bundle, tables []Table) *bundle.Bundle {
	own := *b
	own.Model = new(model.Model)
	*own.Model = *b.Model
	own.Model.Organizations = maps.Clone(b.Model.Organizations)
	if own.Model.Organizations == nil {
		own.Model.Organizations = map[string]model.Organization{}
	}
	document, ok := b.Data["model"].(map[string]any)
	if !ok {
		panic("BUG: a bundle has a model and no data.model")
	}
	document = maps.Clone(document)
	organizations := map[string]any{}
	if there, ok := document["organizations"].(map[string]any); ok {
		organizations = maps.Clone(there)
	}
	for _, t := range tables {
		id, entry := s.organization(t.RoleSet, t.Plan), map[string]any{}
		if t.RoleSet != "" {
			entry["role_set"] = t.RoleSet
		}
		if t.Plan != "" {
			entry["plan"] = t.Plan
		}
		organizations[id] = entry
		own.Model.Organizations[id] = model.Organization{RoleSet: t.RoleSet, Plan: t.Plan}
	}
	document["organizations"] = organizations
	own.Data = maps.Clone(b.Data)
	own.Data["model"] = document
	return &own
}

// issuer is who issued the sessions of a matrix. The name can belong to nobody (RFC 6761).
const issuer = "https://matrix.postern.invalid"

// member is the session that Clerk would mint for who has a role in the organization of a
// table: with the plan, its features, and the permissions that the role brings. What no
// model can tell (metadata, other claims, the age of factors) it does not state.
func (f *filling) member(t *Table, role string) *session.Session {
	s := &session.Session{
		UserID:    "user_" + string(f.names),
		SessionID: "sess_" + string(f.names),
		Issuer:    issuer,
		Status:    "active",
		Profile:   f.profile,
		Org: &session.Org{
			ID:          f.names.organization(t.RoleSet, t.Plan),
			Role:        role,
			Permissions: f.listed(t, role),
		},
		IssuedAt: f.now.Unix(),
	}
	if t.Plan == "" {
		return s
	}
	s.Plans = &session.Scoped{Org: []string{t.Plan}}
	// A token has no way to list no features: the claim is then absent.
	if features := f.model.Plans[t.Plan].Features; len(features) > 0 {
		s.Features = &session.Scoped{Org: features}
	}
	return s
}

// listed are the permissions that a token lists. Clerk never mints system permissions, and
// no other whose feature the plan lacks (Billing gates at minting, not in has()). With the
// model's roles as the only source, tokens list none.
func (f *filling) listed(t *Table, role string) []string {
	if f.model.Settings.PermissionSource == "roles" {
		return nil
	}
	return slices.DeleteFunc(f.model.Holds(role), func(permission string) bool {
		feature := f.model.Feature(permission)
		return slices.Contains(model.SystemPermissions, permission) ||
			t.Plan != "" && feature != "" && !slices.Contains(f.model.Plans[t.Plan].Features, feature)
	})
}
