package policy_test

import (
	"slices"

	"postern/sidecar/model"
	"postern/sidecar/policy"
	"postern/sidecar/session"
)

// An oracle says what one session should get in a world, from what the token alone brings
// (that is has()) and from the rule that each section of the model narrows it by itself.
type oracle struct {
	world *world
	in    policy.Input
	token func(atom) bool

	// added: the model's roles brought what the token did not. unsure: the answer hangs on
	// which of several plans in a token counts. why: what took something away.
	added, unsure bool
	why           []string
}

// most is what the session could get at the very most: what its token brings, or the
// model's roles where they may.
func (o *oracle) most(a atom) bool {
	if o.in.Subject == nil {
		return false
	}
	return o.token(a) || o.byRole(a)
}

// byRole reports whether the member's role brings a permission that tokens need not carry:
// a system permission, or any where permission_source is roles or both.
func (o *oracle) byRole(a atom) bool {
	s := o.in.Subject.Session
	name, ok := a.value.(string)
	if a.member != "permission" || !ok || s.Org == nil {
		return false
	}
	name, m := spelling(s, name), o.world.model
	may := slices.Contains(model.SystemPermissions, name) || m.source == "roles" || m.source == "both"
	return may && slices.Contains(m.granted(spelling(s, s.Org.Role)), name)
}

// spelling is a role or permission as the session's profile compares it.
func spelling(s *session.Session, name string) string {
	if s.Profile == session.ProfileClerk {
		return oneSpelling(name)
	}
	return name
}

// grants is what the session should get.
func (o *oracle) grants(a atom) bool {
	if o.in.Subject == nil {
		return false
	}
	name, ok := a.value.(string)
	switch {
	case a.member == "reverification":
		return o.token(a)
	case !ok:
		return false
	case a.member == "role":
		return o.token(a) && o.stands()
	case a.member == "permission":
		return o.grantsPermission(a, spelling(o.in.Subject.Session, name))
	default:
		return o.grantsScoped(a.member, name)
	}
}

func (o *oracle) grantsPermission(a atom, name string) bool {
	m := o.world.model
	byToken := o.token(a)
	if byToken && m.source == "roles" {
		byToken = o.lost("source")
	}
	byRole := o.byRole(a)
	if !byToken && !byRole || !o.stands() {
		return false
	}
	if feature := m.feature(name); feature != "" && !o.planHas(feature) {
		if feature != keyFeature(name) {
			return o.lost("feature of the catalogue")
		}
		return o.lost("plan")
	}
	o.added = o.added || !byToken
	return true
}

// grantsScoped is for features and plans, which a user may have without any organization.
func (o *oracle) grantsScoped(member, name string) bool {
	s := o.in.Subject.Session
	id, ofOrg, ofUser := name, true, true
	if s.Profile == session.ProfileClerk {
		id, ofOrg, ofUser = scopeOf(name)
	}
	stated := s.Features
	if member == "plan" {
		stated = s.Plans
	}
	if stated == nil {
		return false
	}
	if ofUser && slices.Contains(stated.User, id) {
		return true
	}
	if !ofOrg || !slices.Contains(stated.Org, id) {
		return false
	}
	organization := o.organization()
	switch {
	case organization.suspended:
		return o.lost("suspended")
	case member == "plan" && organization.plan != "" && organization.plan != id,
		member == "feature" && !o.planHas(id):
		return o.lost("plan")
	}
	return true
}

// stands reports whether the membership counts for anything.
func (o *oracle) stands() bool {
	s, m := o.in.Subject.Session, o.world.model
	switch {
	case s.Org == nil:
		return false
	case o.organization().suspended:
		return o.lost("suspended")
	case m.roleSets == nil:
		return true
	}
	set, by := o.roleSet()
	return slices.Contains(m.roleSets[set], spelling(s, s.Org.Role)) || o.lost("role set of the "+by)
}

// roleSet is the organization's own, else its plan's, else the default one.
func (o *oracle) roleSet() (set, by string) {
	m, organization := o.world.model, o.organization()
	if organization.roleSet != "" {
		return organization.roleSet, "organization"
	}
	plan := organization.plan
	if plans := o.tokenPlans(); plan == "" && len(plans) > 0 {
		plan = plans[0]
		o.unsure = o.unsure || len(plans) > 1
	} else if plan == "" {
		plan = m.defaultPlan
	}
	if p := m.plans[plan]; p != nil && p.roleSet != "" {
		return p.roleSet, "plan"
	}
	return m.defaultRoleSet, "default"
}

// planHas: where token and model both state a plan or features, both must allow, and the
// default plan stands in where neither states a plan.
func (o *oracle) planHas(feature string) bool {
	s, m, organization := o.in.Subject.Session, o.world.model, o.organization()
	if m.plans == nil {
		return true
	}
	has := func(plan string) bool {
		return m.plans[plan] != nil && slices.Contains(m.plans[plan].features, feature)
	}
	plans := o.tokenPlans()
	switch {
	case s.Features != nil && !slices.Contains(s.Features.Org, feature):
		return false
	case len(plans) > 0 && !slices.ContainsFunc(plans, has):
		return false
	case organization.plan != "":
		return has(organization.plan)
	}
	return len(plans) > 0 || has(m.defaultPlan)
}

func (o *oracle) tokenPlans() []string {
	if plans := o.in.Subject.Session.Plans; plans != nil {
		return plans.Org
	}
	return nil
}

// organization is the model's entry for the active organization, or an empty one.
func (o *oracle) organization() randomOrganization {
	if org := o.in.Subject.Session.Org; org != nil && o.world.model.organizations[org.ID] != nil {
		return *o.world.model.organizations[org.ID]
	}
	return randomOrganization{}
}

// lost is false, and says why.
func (o *oracle) lost(why string) bool {
	o.why = append(o.why, why)
	return false
}

// feature is what a permission hangs on: the catalogue's word, else its own key's.
func (m *randomModel) feature(permission string) string {
	if stated := m.catalogue[permission]; stated != "" {
		return stated
	}
	return keyFeature(permission)
}
