package postern.condition_test

_by_session(name) if _met(name, _ada, _model)

test_memberships_manage if _by_session("memberships_manage")

test_memberships_manage_not_by_every_role if {
	asked := _asking(_as("org:member"))
	not _met("memberships_manage", asked, _model)
	why := _why("memberships_manage", asked, _model)
	why.code == "permission_not_granted"
	why.permission == "org:sys_memberships:manage"
}

test_memberships_manage_not_without_model if not _met("memberships_manage", _ada, {})

test_memberships_manage_not_without_role if not _met("memberships_manage", _asking(_as(null)), _model)

test_memberships_manage_not_outside_the_role_set if {
	model := _modelled({"role_sets": {"starter": {"roles": ["org:member"]}}})
	not _met("memberships_manage", _ada, model)
	_why("memberships_manage", _ada, model).code == "role_not_in_role_set"
}

test_self if {
	_met("self", _about({"user_id": "user_ada"}), {})
	not _met("self", _about({"user_id": "user_bob"}), {})
	not _met("self", _about({}), {})
	not _met("self", object.remove(_about({"user_id": "user_ada"}), {"user_id"}), {})
	_why("self", _about({"user_id": "user_bob"}), {}).code == "action_not_allowed"
}

test_self_or_memberships_manage if {
	member := _as("org:member")
	_met("self_or_memberships_manage", object.union(_about({"user_id": "user_ada"}), member), _model)
	_met("self_or_memberships_manage", _about({"user_id": "user_bob"}), _model)
	asked := object.union(_about({"user_id": "user_bob"}), member)
	not _met("self_or_memberships_manage", asked, _model)
	_why("self_or_memberships_manage", asked, _model).permission == "org:sys_memberships:manage"
}

test_role_assignable if {
	_met("role_assignable", _about({"role": "org:member"}), _model)
	_met("role_assignable", _updating({"from": "org:member", "to": "org:admin"}), _model)
	not _met("role_assignable", _about({}), _model)
	not _met("role_assignable", _about({"role": 7}), _model)
}

test_role_outside_the_set_is_not_assignable if {
	every asked in [
		_about({"role": "org:auditor"}),
		_updating({"from": "org:auditor", "to": "org:member"}),
		_updating({"from": "org:admin", "to": "org:auditor"}),
	] {
		not _met("role_assignable", asked, _model)
		why := _why("role_assignable", asked, _model)
		why.code == "role_not_in_role_set"
		why.organization == "org_acme"
		why.role == "org:auditor"
	}
}

test_role_assignable_in_the_organization_that_is_named if {
	model := _modelled({"organizations": {"org_globex": {"role_set": "growth"}}})
	_met("role_assignable", _about({"role": "org:auditor", "organization": "org_globex"}), model)
	not _met("role_assignable", _about({"role": "org:auditor"}), model)
}

test_role_assignable_without_organization if {
	asked := object.union(_about({"role": "org:member"}), {"session": {"org": null}})
	not _met("role_assignable", asked, _model)
	not _why("role_assignable", asked, _model)
}

test_role_spelled_as_the_profile_says if {
	_met("role_assignable", _about({"role": "member"}), _model)
	_met("role_assignable", _about({"role": "org:org:member"}), _model)
	not _met("role_assignable", _about({"role": "Member"}), _model)
	not _met("role_assignable", object.union(_about({"role": "member"}), {"session": {"profile": "plain"}}), _model)
	_met("role_assignable", object.union(_about({"role": "org:member"}), {"session": {"profile": "plain"}}), _model)
}

test_role_managed_by_all_who_manage if _met("role_managed", _about({"role": "org:admin"}), _model)

test_role_managed_by_certain_roles if {
	asked := _about({"role": "org:auditor"})
	not _met("role_managed", asked, _model)
	why := _why("role_managed", asked, _model)
	why.code == "role_required"
	why.role == "org:auditor"
	contains(why.message, "org:owner")
	_met("role_managed", object.union(asked, _as("org:owner")), _model)
	_met("role_managed", object.union(asked, _as("auditor")), _model)
	not _met("role_managed", object.union(asked, _as(null)), _model)
	not _met("role_managed", object.union(asked, {"session": {"org": null}}), _model)
}

test_role_managed_both_ways if {
	not _met("role_managed", _updating({"from": "org:auditor", "to": "org:member"}), _model)
	not _met("role_managed", _updating({"from": "org:member", "to": "auditor"}), _model)
}

test_role_managed_by_nobody if {
	every role in ["org:owner", "org:admin", "org:sealed"] {
		not _met("role_managed", object.union(_about({"role": "org:sealed"}), _as(role)), _model)
	}
}

test_owner_is_made_by_owners if {
	every asked in [
		_about({"role": "org:owner"}),
		_about({"role": "owner"}),
		_updating({"from": "org:owner", "to": "org:member"}),
		_updating({"from": "org:member", "to": "org:owner"}),
	] {
		not _met("role_managed", asked, _model)
		why := _why("role_managed", asked, _model)
		why.code == "role_required"
		why.role == "org:owner"
		_met("role_managed", object.union(asked, _as("owner")), _model)
	}
}

# An owner is an owner's affair, whatever managed_by says.
test_owner_is_not_managed_by_others if {
	model := _modelled({"roles": {"org:owner": {"managed_by": ["org:admin"]}}})
	not _met("role_managed", _about({"role": "org:owner"}), model)
}

test_self_or_role_managed if {
	_met("self_or_role_managed", _about({"user_id": "user_ada", "role": "org:auditor"}), _model)
	asked := _about({"user_id": "user_bob", "role": "org:auditor"})
	not _met("self_or_role_managed", asked, _model)
	_met("self_or_role_managed", object.union(asked, _as("org:owner")), _model)
	_why("self_or_role_managed", asked, _model).role == "org:auditor"
}

test_not_owner if {
	_met("not_owner", _about({"role": "org:admin"}), _model)
	_met("not_owner", _about({"role": "org:owner"}), json.remove(_model, ["settings/owner_role"]))
	not _met("not_owner", _about({"role": "org:owner"}), _model)
	not _met("not_owner", _about({"role": "owner"}), _model)
	not _met("not_owner", _about({}), _model)
	why := _why("not_owner", _about({"role": "owner"}), _model)
	why.code == "action_not_allowed"
	why.role == "org:owner"
}

_removing(resource) := object.union(_about(resource), {"action": "membership.remove"})

_updating(resource) := object.union(_about(resource), {"action": "membership.update_role"})

test_minimum_holders_is_two if {
	every action in ["membership.remove", "membership.leave"] {
		asked := object.union(_about({"role": "org:owner"}), {"action": action})
		_met("minimum_holders", object.union(asked, {"resource": {"holders": 2}}), _model)
		every holders in [0, 1] {
			last := object.union(asked, {"resource": {"holders": holders}})
			not _met("minimum_holders", last, _model)
			_why("minimum_holders", last, _model).code == "action_not_allowed"
		}
	}
}

test_minimum_holders_is_not_about_others if {
	_met("minimum_holders", _removing({"role": "org:admin", "holders": 1}), _model)
	_met("minimum_holders", _removing({"role": "member", "holders": 0}), _model)
	_met("minimum_holders", _updating({"from": "org:admin", "to": "org:member", "holders": 1}), _model)
}

test_minimum_holders_of_a_new_role if {
	_met("minimum_holders", _updating({"from": "org:owner", "to": "org:member", "holders": 2}), _model)
	not _met("minimum_holders", _updating({"from": "org:owner", "to": "org:member", "holders": 1}), _model)
	not _met("minimum_holders", _updating({"from": "owner", "to": "org:admin", "holders": 1}), _model)
	boss := _modelled({"roles": {"org:boss": {"includes": ["org:owner"]}}})
	_met("minimum_holders", _updating({"from": "org:owner", "to": "org:boss", "holders": 1}), boss)
}

# A member that the action does not ask for proves nothing.
test_minimum_holders_reads_what_is_asked if {
	every other in ["role", "from", "to"] {
		every role in ["org:member", "org:owner"] {
			last := object.union({other: role}, {"role": "org:owner", "holders": 1})
			not _met("minimum_holders", _removing(last), _model)
		}
	}
	not _met("minimum_holders", _updating({"from": "org:owner", "to": "org:member", "role": "org:member", "holders": 1}), _model)
}

test_minimum_holders_takes_unknown_roles_for_holders if {
	not _met("minimum_holders", _removing({"role": "org:former", "holders": 1}), _model)
	not _met("minimum_holders", _updating({"from": "org:former", "to": "org:member", "holders": 1}), _model)
	not _met("minimum_holders", _updating({"from": "org:owner", "to": "org:former", "holders": 1}), _model)
	not _met("minimum_holders", _removing({"role": "org:member", "holders": 1}), {})
	_met("minimum_holders", _removing({"role": "org:former", "holders": 2}), _model)
}

test_minimum_holders_of_other_permissions if {
	model := _modelled({"settings": {"minimum_permissions": ["org:sys_memberships:manage"]}})
	not _met("minimum_holders", _removing({"role": "org:admin", "holders": 1}), model)
	_met("minimum_holders", _removing({"role": "org:member", "holders": 1}), model)
}

test_minimum_holders_of_nothing if {
	model := _modelled({"settings": {"minimum_permissions": []}})
	_met("minimum_holders", _removing({"role": "org:owner", "holders": 1}), model)
}

_off := {"settings": {"personal_accounts": false}}

test_not_last_organization if {
	_met("not_last_organization", _removing({"user_id": "user_ada", "organizations": 2}), _off)
	every organizations in [0, 1] {
		asked := _removing({"user_id": "user_ada", "organizations": organizations})
		not _met("not_last_organization", asked, _off)
		_why("not_last_organization", asked, _off).code == "organization_required"
		_met("not_last_organization", asked, {})
		_met("not_last_organization", asked, {"settings": {"personal_accounts": true}})
	}
}

test_not_last_organization_of_others if {
	_met("not_last_organization", _removing({"user_id": "user_bob", "organizations": 1}), _off)
	_met("not_last_organization", _removing({"user_id": "user_bob"}), _off)
}

test_not_last_organization_needs_the_fact if {
	every resource in [{}, {"organizations": "2"}, {"organizations": 1.5}, {"organizations": [2]}, {"organizations": null}, {"organizations": -1}] {
		asked := _removing(object.union(resource, {"user_id": "user_ada"}))
		not _met("not_last_organization", asked, _off)
		why := _why("not_last_organization", asked, _off)
		why.code == "action_incomplete"
		why.fact == "resource.organizations"
	}
}
