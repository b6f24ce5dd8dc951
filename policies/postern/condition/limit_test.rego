package postern.condition_test

_counting(members, pending) := _about({"members": members, "pending": pending})

test_membership_limit_counts_the_pending if {
	model := _modelled({"settings": {"membership_limit": 5}})
	_met("membership_limit", _counting(4, 0), model)
	_met("membership_limit", _counting(1, 3), model)
	every asked in [_counting(5, 0), _counting(4, 1), _counting(0, 5), _counting(9, 9)] {
		not _met("membership_limit", asked, model)
		why := _why("membership_limit", asked, model)
		why.code == "action_not_allowed"
		why.organization == "org_acme"
	}
}

test_membership_limit_of_none if {
	_met("membership_limit", _counting(1000, 1000), {})
	_met("membership_limit", _counting(1000, 1000), {"settings": {"membership_limit": 0}})
}

_limits := {
	"organizations": {"org_acme": {"membership_limit": 2, "plan": "pro"}},
	"plans": {"pro": {"membership_limit": 3}, "max": {"membership_limit": 0}, "big": {"membership_limit": 9}},
	"settings": {"membership_limit": 4},
}

_only(limit, model) if {
	_met("membership_limit", _counting(limit - 1, 0), model)
	not _met("membership_limit", _counting(limit, 0), model)
}

test_membership_limit_of_the_nearest if {
	_only(2, _limits)
	_only(3, json.remove(_limits, ["organizations/org_acme/membership_limit"]))
	_only(4, json.remove(_limits, ["organizations", "plans/pro/membership_limit"]))
	_only(4, json.remove(_limits, ["organizations"]))
}

test_membership_limit_of_the_nearest_may_be_none if {
	own := json.patch(_limits, [{"op": "replace", "path": "/organizations/org_acme/membership_limit", "value": 0}])
	_met("membership_limit", _counting(1000, 0), own)
	plan := json.remove(_limits, ["organizations/org_acme/membership_limit"])
	planned := json.patch(plan, [{"op": "replace", "path": "/plans/pro/membership_limit", "value": 0}])
	_met("membership_limit", _counting(1000, 0), planned)
}

test_membership_limit_of_the_tokens_plan if {
	model := json.remove(_limits, ["organizations"])
	asked := object.union(_counting(4, 0), {"session": {"plans": {"org": ["big"], "user": []}}})
	_met("membership_limit", asked, model)
	not _met("membership_limit", object.union(asked, {"resource": {"members": 9}}), model)
}

_limit_message(asked, model) := _why("membership_limit", asked, model).message

test_membership_limit_names_the_organizations_own if {
	_limit_message(_counting(2, 1), _limits) == "org_acme has 2 members and 1 pending invitations of the 2 that organizations.org_acme.membership_limit allows"
}

test_membership_limit_names_the_plan if {
	model := json.remove(_limits, ["organizations/org_acme/membership_limit"])
	_limit_message(_counting(4, 0), model) == "org_acme has 4 members and 0 pending invitations of the 3 that plan pro allows; plans with more: big, max"
	_limit_message(_counting(9, 0), model) == "org_acme has 9 members and 0 pending invitations of the 3 that plan pro allows; plans with more: max"
	_limit_message(_counting(9, 0), json.remove(model, ["plans/max"])) == "org_acme has 9 members and 0 pending invitations of the 3 that plan pro allows"
}

test_membership_limit_names_the_general_one if {
	general := {"settings": {"membership_limit": 4}}
	_limit_message(_counting(4, 0), general) == "org_acme has 4 members and 0 pending invitations of the 4 that settings.membership_limit allows"
	unlimited := object.union(general, {"settings": {"default_plan": "free"}, "plans": {"free": {}, "big": {"membership_limit": 9}}})
	_limit_message(_counting(4, 0), unlimited) == "org_acme has 4 members and 0 pending invitations of the 4 that settings.membership_limit allows; plans with more: big"
}

test_membership_limit_of_the_organization_that_is_named if {
	model := object.union(_limits, {"organizations": {"org_globex": {"membership_limit": 1}}})
	asked := object.union(_counting(1, 0), {"resource": {"organization": "org_globex"}})
	_met("membership_limit", _counting(1, 0), model)
	not _met("membership_limit", asked, model)
	contains(_limit_message(asked, model), "organizations.org_globex.membership_limit")
}
