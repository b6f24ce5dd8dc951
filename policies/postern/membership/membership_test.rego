package postern.membership_test

import data.postern.membership

_session := {"profile": "clerk", "org": {"id": "org_acme", "role": "member"}, "plans": null}

_sets := {"starter": {"roles": ["org:admin"]}, "growth": {"roles": ["org:admin", "org:member"]}}

test_role_is_in_full_spelling if membership.role == "org:member" with input.session as _session

test_stands_without_model if membership.stands with input.session as _session

test_stands_in_a_set_with_the_role if {
	membership.stands with input.session as _session
		with data.model.role_sets as _sets
		with data.model.settings as {"default_role_set": "growth"}
}

test_does_not_stand_outside_the_set if {
	not membership.stands with input.session as _session
		with data.model.role_sets as _sets
		with data.model.settings as {"default_role_set": "starter"}
}

test_does_not_stand_without_organization if not membership.stands with input.session as {"org": null}

test_does_not_stand_in_a_suspended_organization if {
	not membership.stands with input.session as _session
		with data.model.organizations as {"org_acme": {"suspended": true}}
}

test_may_use_any_role_without_sets if membership.may_use("org:boss") with input.session as _session

test_may_use_the_roles_of_the_set if {
	membership.may_use("org:admin") with input.session as _session
		with data.model.role_sets as _sets
		with data.model.settings as {"default_role_set": "starter"}
	not membership.may_use("org:member") with input.session as _session
		with data.model.role_sets as _sets
		with data.model.settings as {"default_role_set": "starter"}
}
