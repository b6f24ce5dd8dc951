package postern.has_test

import data.postern.has

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "role": "org:admin", "permissions": ["org:reports:read"]},
	"features": {"org": ["reports"], "user": ["beta"]},
	"plans": {"org": ["pro"], "user": ["gold"]},
}

_plans := {"free": {"features": []}, "pro": {"features": ["reports"]}}

test_role if {
	has.holds("role", "admin") with input.session as _session
	not has.holds("role", "member") with input.session as _session
}

test_role_must_be_text if not has.holds("role", null) with input.session as _session

test_permission if {
	has.holds("permission", "org:reports:read") with input.session as _session
	not has.holds("permission", "org:reports:export") with input.session as _session
}

test_permission_needs_no_role if {
	session := json.remove(_session, ["org/role"])
	has.holds("permission", "org:reports:read") with input.session as session
}

test_permission_gated_by_plan if {
	not has.holds("permission", "org:reports:read") with input.session as _session
		with data.model.plans as _plans
		with data.model.organizations as {"org_acme": {"plan": "free"}}
}

test_permission_must_be_text if not has.holds("permission", ["org:reports:read"]) with input.session as _session

test_feature_of_either if {
	has.holds("feature", "reports") with input.session as _session
	has.holds("feature", "beta") with input.session as _session
	not has.holds("feature", "sso") with input.session as _session
}

test_feature_of_a_scope if {
	has.holds("feature", "org:reports") with input.session as _session
	has.holds("feature", "user:beta") with input.session as _session
	not has.holds("feature", "user:reports") with input.session as _session
	not has.holds("feature", "org:beta") with input.session as _session
}

test_feature_needs_no_organization if {
	has.holds("feature", "org:reports") with input.session as object.union(_session, {"org": null})
}

test_feature_gated_by_plan if {
	not has.holds("feature", "reports") with input.session as _session
		with data.model.plans as _plans
		with data.model.organizations as {"org_acme": {"plan": "free"}}
	has.holds("feature", "beta") with input.session as _session
		with data.model.plans as _plans
		with data.model.organizations as {"org_acme": {"plan": "free"}}
}

test_feature_of_a_suspended_organization if {
	not has.holds("feature", "reports") with input.session as _session
		with data.model.organizations as {"org_acme": {"suspended": true}}
}

test_feature_must_be_text if not has.holds("feature", true) with input.session as _session

test_plan_of_either if {
	has.holds("plan", "pro") with input.session as _session
	has.holds("plan", "gold") with input.session as _session
	not has.holds("plan", "max") with input.session as _session
}

test_plan_of_a_scope if {
	has.holds("plan", "org:pro") with input.session as _session
	not has.holds("plan", "user:pro") with input.session as _session
}

test_plan_that_the_model_contradicts if {
	not has.holds("plan", "pro") with input.session as _session
		with data.model.organizations as {"org_acme": {"plan": "free"}}
}

test_plan_of_a_suspended_organization if {
	not has.holds("plan", "pro") with input.session as _session
		with data.model.organizations as {"org_acme": {"suspended": true}}
}

test_plan_must_be_text if not has.holds("plan", 1) with input.session as _session

test_reverification if {
	has.holds("reverification", "strict") with input.session as _session with input.factor_age as [0, 0]
	not has.holds("reverification", "strict") with input.session as _session
}

test_unknown_member_is_not_held if not has.holds("roles", "admin") with input.session as _session
