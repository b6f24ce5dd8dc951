package policy_test

import (
	"slices"
	"strings"
	"testing"

	"postern/sidecar/policy"
	"postern/sidecar/session"
)

// TestProperty_effective: what GET /v1/session lists is what checks grant, no more and no
// less, over all names that the token, the model and the alphabets know.
func TestProperty_effective(t *testing.T) {
	t.Parallel()
	seen := tally{}
	eachWorld(t, 7, 30, func(w *world) {
		for i, in := range w.inputs {
			e, d, err := w.policy.Effective(t.Context(), in)
			if err != nil || d.Allow != (in.Subject != nil) {
				t.Fatalf("Effective = %+v, %v\nclaims %s\nmodel %s", d, err, written(nil, w.bearers[i].claims), w.text)
			}
			if in.Subject == nil {
				if d.Status != 401 || len(d.Reasons) == 0 {
					t.Fatalf("Effective without a session = %+v", d)
				}
				seen["no sessions"]++
				continue
			}
			seen["sessions"]++
			allows := func(member, name string) bool {
				return decides(t, w.policy, in, atom{member, name}.question()).Allow
			}
			if wrong := w.differs(in.Subject.Session, e, allows, seen); wrong != "" {
				t.Fatalf("%s: Effective = %+v\nclaims %s\nmodel %s", wrong, e, written(nil, w.bearers[i].claims), w.text)
			}
		}
	})
	seen.atLeast(t, "sessions", 50, "no sessions")
	seen.atLeast(t, "sessions", 6, "roles", "permissions", "features", "plans", "held back")
}

// differs says what is listed and not granted, or granted and not listed.
func (w *world) differs(s *session.Session, e policy.Effective, allows func(member, name string) bool, seen tally) string {
	known := holdingsOf(policy.Input{Subject: &policy.Subject{Session: s}})
	seen.add(e.Role != nil, "roles")
	seen.add(len(e.Permissions) > 0, "permissions")
	seen.add(len(e.Features) > 0, "features")
	seen.add(e.Plan != nil, "plans")
	seen.add(len(e.Permissions) < len(known["permission"]), "held back")
	for _, list := range [][]string{e.Permissions, e.Features} {
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) {
			return "a list that is not sorted, or repeats itself"
		}
	}
	for _, p := range universe(known["permission"], w.model.grantable(), ownPermissions, e.Permissions) {
		if allows("permission", p) != slices.Contains(e.Permissions, spelling(s, p)) {
			return "permission " + p
		}
	}
	for _, f := range universe(known["feature"], featureNames, e.Features) {
		if allows("feature", f) != slices.Contains(e.Features, f) {
			return "feature " + f
		}
	}
	for _, r := range universe(known["role"], roleNames) {
		if allows("role", r) != (e.Role != nil && *e.Role == spelling(s, r)) {
			return "role " + r
		}
	}
	return differsPlan(s, e, allows)
}

// differsPlan: the plan that is named is granted, and none is named only where none is.
func differsPlan(s *session.Session, e policy.Effective, allows func(member, name string) bool) string {
	if e.Plan != nil {
		if !allows("plan", *e.Plan) {
			return "plan " + *e.Plan
		}
		return ""
	}
	if s.Plans == nil {
		return ""
	}
	plans := s.Plans.User
	if s.Org != nil {
		plans = s.Plans.Org
	}
	for _, p := range plans {
		ofOrg := strings.Repeat("org:", btoi(s.Org != nil && s.Profile == session.ProfileClerk)) + p
		if allows("plan", ofOrg) {
			return "no plan, and plan " + p
		}
	}
	return ""
}

// universe is the sorted union of names.
func universe(lists ...[]string) []string {
	all := slices.Concat(lists...)
	slices.Sort(all)
	return slices.Compact(all)
}
