package postern.roleset_test

import data.postern.roleset

_session := {"profile": "clerk", "org": {"id": "org_acme", "role": "org:member"}, "plans": {"org": ["pro"], "user": []}}

_sets := {
	"starter": {"roles": ["org:admin", "org:member"]},
	"growth": {"roles": ["org:admin", "org:member", "org:analyst"]},
}

test_name_is_the_organizations_own if {
	roleset.name == "starter" with input.session as _session
		with data.model.organizations as {"org_acme": {"role_set": "starter"}}
		with data.model.plans as {"pro": {"role_set": "growth"}}
		with data.model.settings as {"default_role_set": "growth"}
}

test_name_is_the_plans if {
	roleset.name == "growth" with input.session as _session
		with data.model.plans as {"pro": {"role_set": "growth"}}
		with data.model.settings as {"default_role_set": "starter"}
}

test_name_is_the_default if {
	roleset.name == "starter" with input.session as _session
		with data.model.settings as {"default_role_set": "starter"}
}

test_holds if {
	roleset.holds("org:member") with input.session as _session
		with data.model.role_sets as _sets
		with data.model.settings as {"default_role_set": "starter"}
}

test_holds_not_another_sets_role if {
	not roleset.holds("org:analyst") with input.session as _session
		with data.model.role_sets as _sets
		with data.model.settings as {"default_role_set": "starter"}
}

test_holds_nothing_without_a_set if {
	not roleset.holds("org:member") with input.session as _session with data.model.role_sets as _sets
}

test_with_role_is_sorted if roleset.with_role("org:admin") == ["growth", "starter"] with data.model.role_sets as _sets
