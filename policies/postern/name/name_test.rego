package postern.name_test

import data.postern.name

_clerk := {"profile": "clerk"}

_plain := {"profile": "plain"}

test_role_is_prefixed_once if {
	name.role("admin") == "org:admin" with input.session as _clerk
	name.role("org:admin") == "org:admin" with input.session as _clerk
	name.role("org:org:admin") == "org:admin" with input.session as _clerk
}

test_role_keeps_case_and_space if {
	name.role("Org:admin") == "org:Org:admin" with input.session as _clerk
	name.role(" admin") == "org: admin" with input.session as _clerk
}

test_role_is_whole_for_other_issuers if name.role("owner") == "owner" with input.session as _plain

test_permission_is_prefixed_once if {
	name.permission("reports:read") == "org:reports:read" with input.session as _clerk
	name.permission("org:reports:read") == "org:reports:read" with input.session as _clerk
}

test_permission_is_whole_for_other_issuers if {
	name.permission("projects:read") == "projects:read" with input.session as _plain
}

test_scoped_without_scope if {
	name.scoped("reports") == {"id": "reports", "scopes": {"org", "user"}} with input.session as _clerk
}

test_scoped_by_organization if {
	every scope in {"o", "org", "organization"} {
		spelled := concat(":", [scope, "reports"])
		name.scoped(spelled) == {"id": "reports", "scopes": {"org"}} with input.session as _clerk
	}
}

test_scoped_by_user if {
	every scope in {"u", "user"} {
		spelled := concat(":", [scope, "reports"])
		name.scoped(spelled) == {"id": "reports", "scopes": {"user"}} with input.session as _clerk
	}
}

test_scoped_drops_what_follows_a_second_colon if {
	name.scoped("org:reports:read") == {"id": "reports", "scopes": {"org"}} with input.session as _clerk
}

test_scoped_without_name_asks_for_the_scope if {
	name.scoped("org:") == {"id": "org", "scopes": {"org"}} with input.session as _clerk
}

test_scoped_by_unknown_scope_is_nowhere if {
	name.scoped("Org:reports") == {"id": "reports", "scopes": set()} with input.session as _clerk
}

test_scoped_is_whole_for_other_issuers if {
	name.scoped("org:reports") == {"id": "org:reports", "scopes": {"org", "user"}} with input.session as _plain
}
