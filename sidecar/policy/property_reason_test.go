package policy_test

import (
	"slices"
	"testing"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/session"
)

// mayRefuse are the codes that say why a session does not hold what a member asks for.
var mayRefuse = map[string][]decision.Code{
	"role":           {decision.RoleRequired, decision.OrganizationRequired, decision.OrganizationSuspended, decision.RoleNotInRoleSet},
	"permission":     {decision.PermissionNotGranted, decision.PermissionGatedByFeature, decision.OrganizationRequired, decision.OrganizationSuspended, decision.RoleNotInRoleSet},
	"feature":        {decision.FeatureRequired, decision.OrganizationSuspended},
	"plan":           {decision.PlanRequired, decision.OrganizationSuspended},
	"reverification": {decision.ReverificationRequired},
}

// TestProperty_reasons: an allow has no reason, and a denial at least one, of a known code
// and with a message, which names what is in the question, the session or the model, and
// blames what is so. The status is what the codes ask for.
func TestProperty_reasons(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 6, 40, func(w *world) {
		for i, in := range w.inputs {
			for range 15 {
				q := w.question(in, 1)
				d := decides(t, w.policy, in, q)
				seen["asked"]++
				seen.add(d.Allow, "allows")
				if wrong := w.misstated(in, q, d); wrong != "" {
					t.Fatalf("%s: Check(%s) = %+v\nclaims %s\nmodel %s", wrong,
						written(nil, q.document()), d, written(nil, w.bearers[i].claims), w.text)
				}
				for _, r := range d.Reasons {
					seen[string(r.Code)]++
				}
			}
		}
	})
	seen.atLeast(t, "asked", 20, "allows", "permission_not_granted", "feature_required", "plan_required", "reverification_required")
	seen.atLeast(t, "asked", 100, "role_required", "organization_required", "organization_suspended", "role_not_in_role_set", "permission_gated_by_feature", "nothing_asked", "token_missing")
}

// misstated is what is wrong with a decision, or empty.
func (w *world) misstated(in policy.Input, q question, d decision.Decision) string {
	if d.Allow {
		if d.Status != 200 || len(d.Reasons) > 0 {
			return "an allow with reasons or a bad status"
		}
		return ""
	}
	if len(d.Reasons) == 0 {
		return "a denial without reasons"
	}
	status := 403
	if in.Subject == nil {
		status = 401
	}
	if d.Status != status {
		return "a bad status"
	}
	if len(q.asks) == 1 && in.Subject != nil && len(d.Reasons) != 1 {
		return "several reasons for one thing"
	}
	for _, r := range d.Reasons {
		if !r.Code.Known() || r.Message == "" {
			return "a reason without a known code or without a message"
		}
		if wrong := w.unfounded(in, q, r); wrong != "" {
			return wrong
		}
	}
	return ""
}

// unfounded says which word of a reason is about nothing here, or which blame is not so.
func (w *world) unfounded(in policy.Input, q question, r decision.Reason) string {
	if in.Subject == nil {
		known := r.Code == in.Credential || r.Code == decision.TokenMissing && in.Credential == ""
		if !known && r.Code != decision.NothingAsked {
			return "a reason about a session that is none"
		}
		return ""
	}
	if r.Code == decision.NothingAsked {
		if q.holds(func(atom) bool { return true }) {
			return "something was asked"
		}
		return ""
	}
	asked := q.atoms()
	if !slices.ContainsFunc(asked, func(a atom) bool { return slices.Contains(mayRefuse[a.member], r.Code) }) {
		return "a reason of no member that was asked"
	}
	s, m := in.Subject.Session, w.model
	o := oracle{world: w, in: in}
	switch {
	case r.Code == decision.OrganizationRequired && s.Org != nil,
		r.Code == decision.OrganizationSuspended && !o.organization().suspended,
		r.Code == decision.RoleNotInRoleSet && (m.roleSets == nil || slices.Contains(m.roleSets[r.RoleSet], spelling(s, s.Org.Role))),
		r.Code == decision.PermissionGatedByFeature && (m.feature(r.Permission) != r.Feature || r.Feature != "" && o.planHas(r.Feature)),
		r.Code == decision.PermissionGatedByFeature && r.Plan != "" && m.plans[r.Plan] != nil && slices.Contains(m.plans[r.Plan].features, r.Feature):
		return "a blame that is not so"
	}
	return w.foreign(s, asked, r)
}

// foreign says which member of a reason names something from elsewhere.
func (w *world) foreign(s *session.Session, asked []atom, r decision.Reason) string {
	m := w.model
	named := map[string][]string{"organization": {""}, "role": {""}, "role_set": {"", m.defaultRoleSet}, "permission": {""}, "feature": {""}, "plan": {"", m.defaultPlan}, "reverification": {""}}
	name := func(member string, names ...string) { named[member] = append(named[member], names...) }
	if s.Org != nil {
		name("organization", s.Org.ID)
		name("role", spelling(s, s.Org.Role))
		if o := m.organizations[s.Org.ID]; o != nil {
			name("plan", o.plan)
			name("role_set", o.roleSet)
		}
	}
	if s.Plans != nil {
		name("plan", s.Plans.Org...)
	}
	for _, p := range m.plans {
		name("role_set", p.roleSet)
	}
	for _, a := range asked {
		text, _ := a.value.(string)
		switch a.member {
		case "role", "permission":
			name(a.member, spelling(s, text))
			name("feature", m.feature(spelling(s, text)))
		case "feature", "plan":
			name(a.member, text)
			if id, _, _ := scopeOf(text); s.Profile == session.ProfileClerk {
				name(a.member, id)
			}
		case "reverification":
			name(a.member, text, "first_factor", "second_factor", "multi_factor", "strict")
		}
	}
	for member, word := range map[string]string{
		"organization": r.Organization, "role": r.Role, "role_set": r.RoleSet, "permission": r.Permission,
		"feature": r.Feature, "plan": r.Plan, "reverification": r.Reverification,
	} {
		if !slices.Contains(named[member], word) {
			return "a " + member + " from elsewhere"
		}
	}
	if r.Action != "" || r.Fact != "" {
		return "an action from elsewhere"
	}
	return ""
}
