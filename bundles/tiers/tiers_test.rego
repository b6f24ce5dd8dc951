package tiers_test

import data.postern.check
import data.postern.session

# A session as the server makes it from a token that states no features and no plan; the
# organization's name chooses its plan.
_session(role, org, permissions) := {
	"issuer": "https://clerk.tiers.test",
	"profile": "clerk",
	"org": {"id": org, "role": role, "permissions": permissions},
	"features": null,
	"plans": null,
}

_ask(session, requirement) := decision if {
	decision := check.decision with input as {"session": session, "check": {"any": [requirement]}}
}

# What a session whose token lists a permission is told when it asks for it.
_listed(role, org, permission) := _ask(_session(role, org, [permission]), {"permission": permission})

# The same where the token lists nothing.
_unlisted(role, org, permission) := _ask(_session(role, org, []), {"permission": permission})

_codes(decision) := {reason.code | some reason in decision.reasons}

test_members_work_on_every_plan if {
	every org in ["org_corner", "org_atlas", "org_citadel", "org_vault"] {
		_listed("org:member", org, "org:projects:create").allow
		_listed("org:member", org, "org:comments:create").allow
	}
}

test_the_token_must_list_what_is_asked if {
	_codes(_unlisted("org:member", "org_corner", "org:projects:create")) == {"permission_not_granted"}
	_codes(_unlisted("org:admin", "org_citadel", "org:audit_log:export")) == {"permission_not_granted"}
}

test_reports_begin_with_pro if {
	_listed("org:analyst", "org_atlas", "org:reports:export").allow
	_listed("org:analyst", "org_citadel", "org:reports:export").allow
	decision := _listed("org:admin", "org_corner", "org:reports:export")
	not decision.allow
	some reason in decision.reasons
	reason.code == "permission_gated_by_feature"
	reason.permission == "org:reports:export"
	reason.feature == "reports"
	reason.plan == "free"
}

test_the_audit_log_begins_with_enterprise if {
	_listed("org:compliance_officer", "org_citadel", "org:audit_log:export").allow
	_codes(_listed("org:admin", "org_atlas", "org:audit_log:export")) == {"permission_gated_by_feature"}
}

test_access_policies_begin_with_enterprise if {
	_listed("org:security_admin", "org_citadel", "org:access_policies:manage").allow
	_codes(_listed("org:admin", "org_atlas", "org:access_policies:manage")) == {"permission_gated_by_feature"}
}

test_moderators_begin_with_pro if {
	_listed("org:moderator", "org_atlas", "org:comments:remove").allow
	_codes(_listed("org:moderator", "org_corner", "org:comments:remove")) == {"role_not_in_role_set"}
}

# A role outside the set grants nothing at all, also not what every member may do.
test_analysts_are_nobody_on_free if {
	decision := _listed("org:analyst", "org_corner", "org:projects:read")
	not decision.allow
	some reason in decision.reasons
	reason.code == "role_not_in_role_set"
	reason.organization == "org_corner"
	reason.role == "org:analyst"
	reason.role_set == "free"
	_codes(_ask(_session("org:analyst", "org_corner", []), {"role": "org:analyst"})) == {"role_not_in_role_set"}
	_codes(_unlisted("org:analyst", "org_corner", "org:sys_memberships:read")) == {"role_not_in_role_set"}
}

test_enterprise_roles_are_not_for_pro if {
	every role in ["org:security_admin", "org:compliance_officer"] {
		_ask(_session(role, "org_citadel", []), {"role": role}).allow
		_codes(_ask(_session(role, "org_beacon", []), {"role": role})) == {"role_not_in_role_set"}
	}
}

# The organization's own set wins over its plan's; its features stay the plan's.
test_vault_has_its_own_set if {
	_listed("org:compliance_officer", "org_vault", "org:reports:export").allow
	_codes(_listed("org:analyst", "org_vault", "org:reports:export")) == {"role_not_in_role_set"}
	_codes(_ask(_session("org:moderator", "org_vault", []), {"role": "org:moderator"})) == {"role_not_in_role_set"}
	_ask(_session("org:moderator", "org_citadel", []), {"role": "org:moderator"}).allow
}

test_vault_has_all_features_of_its_plan if {
	_listed("org:security_admin", "org_vault", "org:access_policies:manage").allow
	_codes(_listed("org:security_admin", "org_vault", "org:invoices:read")) == {"permission_gated_by_feature"}
}

# Holding what another role holds is not being that role.
test_includes_bring_permissions_and_no_role if {
	_codes(_ask(_session("org:admin", "org_atlas", []), {"role": "org:moderator"})) == {"role_required"}
}

# What roles bring in all, if the model had to say it alone.
test_what_each_role_brings_in_all if {
	_brought("org:member") == _member
	_brought("org:moderator") == _member | {"org:comments:remove"}
	_brought("org:analyst") == _analyst
	_brought("org:compliance_officer") == _analyst | {
		"org:audit_log:read", "org:audit_log:export",
		"org:sys_billing:read",
	}
	_brought("org:security_admin") == _member | {
		"org:comments:remove",
		"org:access_policies:manage", "org:audit_log:read",
		"org:sys_domains:read", "org:sys_domains:manage", "org:sys_entconns:manage",
	}
	_brought("org:admin") == _analyst | {
		"org:comments:remove", "org:projects:delete",
		"org:sys_profile:manage", "org:sys_profile:delete", "org:sys_memberships:manage",
		"org:sys_billing:read", "org:sys_billing:manage",
	}
}

_member := {"org:projects:read", "org:projects:create", "org:comments:create", "org:sys_memberships:read"}

_analyst := _member | {"org:reports:read", "org:reports:export"}

_brought(role) := {permission | some permission in effective.permissions} if {
	effective := session.effective with input.session as _session(role, "org_citadel", [])
		with data.model.settings.permission_source as "roles"
}

test_system_permissions_come_from_the_role if {
	_unlisted("org:admin", "org_corner", "org:sys_memberships:manage").allow
	_codes(_unlisted("org:member", "org_corner", "org:sys_memberships:manage")) == {"permission_not_granted"}
}

test_system_permissions_come_from_included_roles if {
	# Of security_admin, through moderator, the member's.
	_unlisted("org:security_admin", "org_citadel", "org:sys_memberships:read").allow
	_codes(_unlisted("org:security_admin", "org_citadel", "org:sys_memberships:manage")) == {"permission_not_granted"}
}

test_sign_in_is_the_security_admins if {
	_unlisted("org:security_admin", "org_citadel", "org:sys_entconns:manage").allow
	_codes(_unlisted("org:admin", "org_citadel", "org:sys_entconns:manage")) == {"permission_not_granted"}
}

test_bills_are_for_admins_and_compliance if {
	_unlisted("org:admin", "org_citadel", "org:sys_billing:manage").allow
	_unlisted("org:compliance_officer", "org_citadel", "org:sys_billing:read").allow
	_codes(_unlisted("org:compliance_officer", "org_citadel", "org:sys_billing:manage")) == {"permission_not_granted"}
}

test_every_creator_can_run_the_organization if {
	needed := ["org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete"]
	every set, definition in data.model.role_sets {
		every permission in needed {
			_in_set(set, definition.creator_role, permission).allow
		}
		_codes(_in_set(set, definition.default_role, "org:sys_profile:delete")) == {"permission_not_granted"}
	}
}

_in_set(set, role, permission) := decision if {
	decision := _unlisted(role, "org_corner", permission) with data.model.organizations as {"org_corner": {"role_set": set}}
}

test_the_organizations_are_on_their_plans if {
	plans := {org: plan | plan := data.model.organizations[org].plan}
	plans == {
		"org_corner": "free",
		"org_bakery": "free",
		"org_atlas": "pro",
		"org_beacon": "pro",
		"org_dormant": "pro",
		"org_citadel": "enterprise",
		"org_vault": "enterprise",
	}
}

test_a_suspended_organization_grants_nothing if {
	_codes(_listed("org:admin", "org_dormant", "org:projects:read")) == {"organization_suspended"}
	_codes(_unlisted("org:admin", "org_dormant", "org:sys_billing:read")) == {"organization_suspended"}
}

test_an_unlisted_organization_is_on_free if {
	_listed("org:member", "org_new", "org:projects:read").allow
	_codes(_listed("org:admin", "org_new", "org:reports:export")) == {"permission_gated_by_feature"}
	_codes(_listed("org:analyst", "org_new", "org:projects:read")) == {"role_not_in_role_set"}
}

# Where token and model both state a plan, both must allow.
test_a_plan_in_the_token_adds_nothing if {
	session := object.union(_session("org:admin", "org_corner", ["org:reports:export"]), {
		"plans": {"org": ["pro"], "user": []},
		"features": {"org": ["reports"], "user": []},
	})
	_codes(_ask(session, {"permission": "org:reports:export"})) == {"permission_gated_by_feature"}
	_codes(_ask(session, {"feature": "reports"})) == {"feature_required"}
	_codes(_ask(session, {"plan": "pro"})) == {"plan_required"}
}

test_a_plan_in_the_token_may_take_away if {
	session := _session("org:analyst", "org_atlas", ["org:reports:export"])
	agreed := object.union(session, {"plans": {"org": ["pro"], "user": []}})
	_ask(agreed, {"permission": "org:reports:export"}).allow
	_ask(agreed, {"plan": "pro"}).allow
	lapsed := object.union(session, {"plans": {"org": ["free"], "user": []}})
	_codes(_ask(lapsed, {"permission": "org:reports:export"})) == {"permission_gated_by_feature"}
	_codes(_ask(lapsed, {"plan": "pro"})) == {"plan_required"}
}

test_features_are_the_plans if {
	session := object.union(_session("org:analyst", "org_atlas", []), {"features": {"org": ["reports", "audit_log"], "user": []}})
	_ask(session, {"feature": "reports"}).allow
	_codes(_ask(session, {"feature": "audit_log"})) == {"feature_required"}
}

test_a_change_of_a_plan_is_one_for_all_on_it if {
	plans := object.union(data.model.plans, {"free": {"features": ["projects", "comments", "reports"], "role_set": "pro"}})
	every org in ["org_corner", "org_bakery", "org_new"] {
		_codes(_listed("org:analyst", org, "org:reports:export")) == {"role_not_in_role_set"}
		decision := _listed("org:analyst", org, "org:reports:export") with data.model.plans as plans
		decision.allow
	}
}

test_larger_plans_hold_all_of_smaller_ones if {
	every step in [["free", "pro"], ["pro", "enterprise"]] {
		smaller := data.model.plans[step[0]]
		larger := data.model.plans[step[1]]
		every feature in smaller.features { feature in larger.features }
		every role in data.model.role_sets[smaller.role_set].roles {
			role in data.model.role_sets[larger.role_set].roles
		}
	}
}
