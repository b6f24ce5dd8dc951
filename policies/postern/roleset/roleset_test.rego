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

test_of_any_organization if {
	model := {
		"organizations": {"org_globex": {"role_set": "growth", "plan": "pro"}, "org_initech": {"plan": "pro"}, "org_hooli": {}},
		"plans": {"pro": {"role_set": "scale"}},
		"settings": {"default_role_set": "starter"},
	}
	{id: set | some id in ["org_globex", "org_initech", "org_hooli", "org_other"]; set := _of(id, model)} == {
		"org_globex": "growth",
		"org_initech": "scale",
		"org_hooli": "starter",
		"org_other": "starter",
	}
	not _of("org_globex", {})
}

# The token's plan is the active organization's alone.
test_of_the_active_organization if {
	model := {"plans": {"pro": {"role_set": "growth"}}, "settings": {"default_role_set": "starter"}}
	_of("org_acme", model) == "growth"
	_of("org_globex", model) == "starter"
}

_of(id, model) := set if {
	set := roleset.of(id) with input.session as _session with data.model as model
}

_assignable(id, role, model) if roleset.assignable(id, role) with input.session as _session with data.model as model

_unassignable(id, role, model) := why if {
	why := roleset.unassignable(id, role) with input.session as _session with data.model as model
}

_globex := {
	"roles": {"org:admin": {}, "org:member": {}, "org:analyst": {}, "org:stray": {}},
	"role_sets": _sets,
	"organizations": {"org_globex": {"role_set": "growth"}},
	"settings": {"default_role_set": "starter"},
}

test_assignable_by_the_role_set if {
	_assignable("org_globex", "org:analyst", _globex)
	_assignable("org_acme", "org:member", _globex)
	not _assignable("org_acme", "org:analyst", _globex)
	not _assignable("org_globex", "org:stray", _globex)
}

test_assignable_without_role_sets if {
	model := json.remove(_globex, ["role_sets"])
	_assignable("org_globex", "org:stray", model)
	_assignable("org_acme", "org:analyst", model)
	not _assignable("org_globex", "org:unheard_of", model)
	not _assignable("org_globex", "org:member", {})
}

test_assignable_not_without_a_set if {
	not _assignable("org_globex", "org:member", object.union(json.remove(_globex, ["role_sets"]), {"role_sets": {}}))
	not _assignable("org_acme", "org:member", json.remove(_globex, ["settings"]))
	not _assignable("org_acme", "org:member", object.union(_globex, {"settings": {"default_role_set": "scale"}}))
}

_known(role, model) if roleset.known(role) with data.model as model

test_known_by_the_roles if {
	_known("org:stray", _globex)
	not _known("org:unheard_of", _globex)
	not _known("org:member", object.union(json.remove(_globex, ["roles"]), {"roles": {}}))
}

test_known_by_the_role_sets if {
	model := json.remove(_globex, ["roles"])
	_known("org:analyst", model)
	not _known("org:stray", model)
	not _known("org:member", {"role_sets": {}})
}

test_known_without_either if {
	_known("org:unheard_of", {})
	_known("org:unheard_of", {"settings": {"default_role_set": "starter"}})
	not _known("org:owner", {"settings": {"owner_role": "org:owner"}})
}

test_unassignable_says_why if {
	unset := json.remove(_globex, ["settings"])
	_unassignable("org_acme", "org:analyst", unset) == "the organization has no role set"
	_unassignable("org_acme", "org:analyst", _globex) == "role set starter does not hold it; role sets with it: growth"
	_unassignable("org_acme", "org:stray", _globex) == "no role set of the model holds it"
	without := json.remove(_globex, ["role_sets"])
	_unassignable("org_acme", "org:unheard_of", without) == "the model has neither role sets nor this role"
	_unassignable("org_acme", "org:unheard_of", {}) == "the model has neither role sets nor this role"
}

test_unassignable_names_sets_with_the_role if {
	contains(_unassignable("org_acme", "org:analyst", _globex), "starter")
	contains(_unassignable("org_acme", "org:analyst", _globex), "growth")
	not contains(_unassignable("org_acme", "org:stray", _globex), "starter")
	is_string(_unassignable("org_acme", "org:analyst", json.remove(_globex, ["settings"])))
}

test_default_role if {
	sets := {"starter": {"roles": ["org:member"], "default_role": "org:member"}, "growth": {"roles": ["org:member"]}}
	model := object.union(_globex, {"role_sets": sets})
	role := roleset.default_role("org_acme") with input.session as _session with data.model as model
	role == "org:member"
	not roleset.default_role("org_globex") with input.session as _session with data.model as model
}
