package postern.permission_test

import data.postern.permission

_session := {
	"profile": "clerk",
	"org": {"id": "org_acme", "role": "org:admin", "permissions": ["org:reports:read"]},
	"features": null,
	"plans": null,
}

_roles := {
	"org:admin": {"includes": ["org:member"], "permissions": ["org:sys_memberships:manage", "org:reports:export"]},
	"org:member": {"permissions": ["org:invoices:read"]},
}

test_brought_by_the_token if permission.brought("org:reports:read") with input.session as _session

test_not_brought_by_the_role_unless_configured if {
	not permission.brought("org:reports:export") with input.session as _session with data.model.roles as _roles
}

test_brought_by_the_role if {
	permission.brought("org:reports:export") with input.session as _session
		with data.model.roles as _roles
		with data.model.settings.permission_source as "roles"
}

test_brought_by_an_included_role if {
	permission.brought("org:invoices:read") with input.session as _session
		with data.model.roles as _roles
		with data.model.settings.permission_source as "both"
}

test_not_brought_by_the_token_where_roles_count if {
	not permission.brought("org:reports:read") with input.session as _session
		with data.model.roles as _roles
		with data.model.settings.permission_source as "roles"
}

test_brought_by_the_token_where_both_count if {
	permission.brought("org:reports:read") with input.session as _session
		with data.model.roles as _roles
		with data.model.settings.permission_source as "both"
}

test_system_permission_brought_by_the_role if {
	permission.brought("org:sys_memberships:manage") with input.session as _session with data.model.roles as _roles
}

test_system_permission_of_a_token_where_roles_are_the_source if {
	token := {"id": "org_acme", "permissions": ["org:sys_billing:read"]}
	permission.brought("org:sys_billing:read") with input.session.org as token
	not permission.brought("org:sys_billing:read") with input.session.org as token
		with data.model.settings.permission_source as "roles"
}

test_system_permission_not_brought_without_model if {
	not permission.brought("org:sys_memberships:manage") with input.session as _session
}

test_feature_is_the_middle if permission.feature("org:reports:export") == "reports"

test_feature_of_the_catalogue if {
	permission.feature("projects:read") == "projects" with data.model.permissions as {"projects:read": {"feature": "projects"}}
}

test_feature_of_longer_and_of_unknown_names if {
	permission.feature("org:reports:export:pdf") == "reports"
	permission.feature("org:sys_reports:export") == "sys_reports"
}

test_feature_undefined_for_others if {
	not permission.feature("projects:read")
	not permission.feature("tf:role:sales")
	not permission.feature("org:sys_profile:manage")
}

test_gated if {
	permission.gated("org:reports:export") with input.session as _session
		with data.model.plans as {"free": {"features": []}}
}

test_not_gated_without_plans if not permission.gated("org:reports:export") with input.session as _session

test_not_gated_without_feature if {
	not permission.gated("org:sys_profile:manage") with input.session as _session
		with data.model.plans as {"free": {"features": []}}
}

test_roles_with_is_sorted_and_knows_includes if {
	permission.roles_with("org:invoices:read") == ["org:admin", "org:member"] with data.model.roles as _roles
}

test_candidates if {
	permission.candidates == {"org:reports:read", "org:invoices:read", "org:reports:export", "org:sys_memberships:manage"} with input.session as _session
		with data.model.roles as _roles
}

test_of_role_knows_includes if {
	permission.of_role("org:admin") == {"org:sys_memberships:manage", "org:reports:export", "org:invoices:read"} with data.model.roles as _roles
	permission.of_role("org:member") == {"org:invoices:read"} with data.model.roles as _roles
}

test_of_role_knows_includes_of_includes if {
	roles := object.union(_roles, {"org:owner": {"includes": ["org:admin", "org:absent"], "permissions": ["org:sys_profile:delete"]}})
	permission.of_role("org:owner") == {
		"org:sys_profile:delete",
		"org:sys_memberships:manage",
		"org:reports:export",
		"org:invoices:read",
	} with data.model.roles as roles
}

test_of_role_unheard_of_is_nothing if {
	permission.of_role("org:boss") == set() with data.model.roles as _roles
	permission.of_role("org:admin") == set() with data.model as {}
	permission.of_role("org:admin") == set() with data.model.roles as {"org:admin": {}}
}
