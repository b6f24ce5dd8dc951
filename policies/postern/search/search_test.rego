package postern.search_test

import data.postern.search

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "role": "org:admin", "permissions": ["org:reports:read", "org:reports:export"]},
	"features": null,
	"plans": null,
}

_document := {
	"subject": {"type": "session"},
	"session": _session,
	"credential": null,
	"resource": {"type": "organization", "id": "org_acme", "properties": {"owned": 0}, "owned": 0},
	"user_id": "user_1",
}

_names(document) := {found.name | some found in found_all} if {
	found_all := search.action with input as document
}

test_permissions_and_actions if {
	_names(_document) == {"org:reports:read", "org:reports:export", "organization.create"}
}

test_system_permissions_of_roles if {
	names := _names(_document) with data.model.roles as {"org:admin": {"permissions": ["org:sys_profile:delete"]}}
		with data.model.organizations as {"org_acme": {"deletion": true}}
	names == {"org:reports:read", "org:reports:export", "org:sys_profile:delete", "organization.create", "organization.delete"}
}

test_nothing_that_a_plan_takes_away if {
	names := _names(_document) with data.model.plans as {"free": {"features": []}}
		with data.model.settings.default_plan as "free"
	names == {"organization.create"}
}

test_nothing_that_the_bundle_denies if {
	_names(_document) == set() with data.postern.extend.deny as {"not on Sundays"}
}

test_names_of_other_issuers if {
	session := object.union(_session, {"profile": "plain", "org": {"permissions": ["read", "organization.create", "organization.delete"]}})
	names := _names(object.union(_document, {"session": session}))
	names == {"read", "organization.create"}
}

test_no_other_spellings_of_roles if {
	names := _names(_document) with data.model.roles as {"org:admin": {"permissions": ["invoices:read", "org:invoices:read"]}}
		with data.model.settings.permission_source as "both"
	names == {"org:reports:read", "org:reports:export", "org:invoices:read", "organization.create"}
}

test_nothing_without_a_session if {
	_names(object.union(_document, {"session": null, "credential": {"code": "token_missing"}})) == set()
}

test_nothing_for_other_subjects if {
	_names({"subject": {"type": "user", "id": "alice"}, "session": null, "credential": null, "resource": {"type": "a", "id": "b"}}) == set()
}

test_candidates_are_what_a_bundle_may_be_asked_about if {
	found := search.candidates with input as _document
		with data.model.permissions as {"org:billing:pay": {"name": "Pay"}}
	names := {candidate.name | some candidate in found}
	{"org:reports:read", "org:reports:export", "org:billing:pay", "organization.create", "role.assign"} - names == set()
	not "org:invoices:read" in names
}
