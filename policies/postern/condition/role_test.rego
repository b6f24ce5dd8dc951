package postern.condition_test

test_role_known if {
	every role in ["org:admin", "admin", "org:auditor", "org:sealed"] {
		_met("role_known", _removing({"role": role}), _model)
	}
	every role in ["org:onwer", "onwer", "org:Owner", "Owner", "org:owner ", "owner:org", "role_owner"] {
		asked := _removing({"role": role})
		not _met("role_known", asked, _model)
		_why("role_known", asked, _model) == {
			"code": "action_not_allowed",
			"role": role,
			"message": sprintf("the model has no role %s", [role]),
		}
	}
}

# What the roles do not say, a role set does not add.
test_role_known_by_the_roles_before_the_role_sets if {
	model := _modelled({"role_sets": {"starter": {"roles": ["org:stray"]}}})
	not _met("role_known", _removing({"role": "org:stray"}), model)
	_met("role_known", _removing({"role": "org:stray"}), json.remove(model, ["roles"]))
}

test_role_known_by_the_role_sets_alone if {
	model := json.remove(_model, ["roles"])
	_met("role_known", _removing({"role": "org:admin"}), model)
	_met("role_known", _removing({"role": "auditor"}), model)
	not _met("role_known", _removing({"role": "org:sealed"}), model)
	not _met("role_known", _removing({"role": "org:onwer"}), model)
}

# Where nothing says which roles there are, an owner could be under any name.
test_role_known_where_the_model_has_no_roles if {
	model := json.remove(_model, ["roles", "role_sets"])
	every role in ["org:member", "org:owner", "org:onwer"] {
		not _met("role_known", _removing({"role": role}), model)
		_met("role_known", _removing({"role": role}), json.remove(model, ["settings/owner_role"]))
		_met("role_known", _removing({"role": role}), {})
	}
	not _met("role_known", _removing({"role": "org:member"}), {"roles": {}})
	not _met("role_known", _removing({"role": "org:member"}), {"role_sets": {}})
}

test_role_known_is_stated if not _met("role_known", _removing({}), {})

_own(role, patch) := object.union(_removing(object.union({"user_id": "user_ada"}, patch)), _as(role))

test_role_own if {
	every action in ["membership.remove", "membership.leave"] {
		_met("role_own", object.union(_own("org:admin", {"role": "org:admin"}), {"action": action}), _model)
		_met("role_own", object.union(_own("org:admin", {"role": "admin"}), {"action": action}), _model)
		_met("role_own", object.union(_own("owner", {"role": "org:owner"}), {"action": action}), _model)
		claimed := object.union(_own("org:owner", {"role": "org:member"}), {"action": action})
		every model in [_model, {}] {
			not _met("role_own", claimed, model)
			_why("role_own", claimed, model) == {
				"code": "action_not_allowed",
				"role": "org:owner",
				"message": "the session's own role is org:owner, and not org:member; after a change a new token says so",
			}
		}
	}
}

test_role_own_is_not_about_others if {
	_met("role_own", _removing({"user_id": "user_bob", "role": "org:member"}), _model)
	_met("role_own", _updating({"user_id": "user_bob", "from": "org:member", "to": "org:admin"}), _model)
}

# What counts is the role that the member has, and not the one that he is to have.
test_role_own_of_a_change if {
	_met("role_own", _updating({"user_id": "user_ada", "from": "org:admin", "to": "org:member"}), _model)
	not _met("role_own", _updating({"user_id": "user_ada", "from": "org:member", "to": "org:admin"}), _model)
	not _met("role_own", _updating({"user_id": "user_ada", "from": "org:member", "to": "org:member", "role": "org:admin"}), _model)
	not _met("role_own", _own("org:owner", {"role": "org:member", "from": "org:owner"}), _model)
}

test_role_own_of_a_session_without_role if {
	every session in [_as(null), _as(7)] {
		asked := object.union(_own("org:member", {"role": "org:member"}), session)
		not _met("role_own", asked, _model)
		_why("role_own", asked, _model) == {
			"code": "action_not_allowed",
			"message": "the session states no role of its own, and org:member is said to be it",
		}
	}
}

# That there is no organization is said by in_organization.
test_role_own_without_organization if {
	asked := object.union(_own("org:member", {"role": "org:member"}), {"session": {"org": null}})
	not _met("role_own", asked, _model)
	not _why("role_own", asked, _model)
}

test_owner_kept if {
	down := _updating({"user_id": "user_bob", "from": "owner", "to": "admin"})
	_met("owner_kept", down, _model)
	_met("owner_kept", object.union(down, {"resource": {"owners": 2}}), _model)
	every owners in [1, 0, -1, 1.5, "2", null, false] {
		not _met("owner_kept", object.union(down, {"resource": {"owners": owners}}), _model)
	}
	only := object.union(down, {"resource": {"owners": 1}})
	_why("owner_kept", only, _model) == {
		"code": "action_not_allowed",
		"role": "org:owner",
		"message": "it is the only owner; somebody else must become one first",
	}
	_met("owner_kept", object.union(only, {"resource": {"from": "org:admin"}}), _model)
	_met("owner_kept", object.union(only, {"resource": {"to": "owner"}}), _model)
	_met("owner_kept", only, json.remove(_model, ["settings/owner_role"]))
}
