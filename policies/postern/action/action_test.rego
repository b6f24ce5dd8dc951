package postern.action_test

import data.postern.action

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "slug": "acme", "role": "org:owner", "permissions": []},
	"features": null,
	"plans": null,
}

_model := {
	"roles": {
		"org:owner": {"includes": ["org:admin"], "permissions": ["org:sys_profile:delete"]},
		"org:admin": {"includes": ["org:member"], "permissions": ["org:sys_memberships:manage"]},
		"org:member": {"permissions": ["org:sys_memberships:read"]},
		"org:auditor": {"permissions": [], "managed_by": ["org:owner"]},
		"org:legacy": {"permissions": []},
	},
	"role_sets": {"starter": {
		"roles": ["org:owner", "org:admin", "org:member", "org:auditor"],
		"default_role": "org:member",
	}},
	"organizations": {
		"org_acme": {"deletion": true, "domains": {"acme.com": "automatic_invitation"}},
		"org_globex": {},
	},
	"settings": {
		"default_role_set": "starter",
		"membership_limit": 5,
		"personal_accounts": false,
		"owner_role": "org:owner",
		"organization_creation": {"limit": 3},
	},
}

# For each action, facts that are just good enough.
_enough := {
	"organization.create": {"owned": 2},
	"organization.delete": {},
	"organization.switch": {"organization": "org_globex", "member": true},
	"membership.invite": {"role": "org:owner", "members": 3, "pending": 1, "email": "bob@acme.com"},
	"membership.add": {"role": "org:auditor", "members": 4, "pending": 0},
	"membership.update_role": {"user_id": "user_bob", "from": "org:owner", "to": "org:member", "holders": 2},
	"membership.remove": {"user_id": "user_bob", "role": "org:admin", "holders": 1},
	"membership.leave": {"user_id": "user_ada", "role": "org:admin", "holders": 1, "organizations": 2},
	"domain.enroll": {"email": "bob@acme.com", "domain": "acme.com", "members": 2, "pending": 2},
	"role.assign": {"role": "org:member"},
}

_ask(name, resource) := {"session": _asking(name), "user_id": "user_ada", "action": name, "resource": resource}

# An owner may do all but leave, which an admin may.
_asking("membership.leave") := object.union(_session, {"org": {"role": "org:admin"}})

_asking(name) := _session if name != "membership.leave"

_good(name) := _ask(name, _enough[name])

_allowed(asked, model) if action.allowed with input as asked with data.model as model

_denials(asked, model) := denials if {
	denials := action.denials with input as asked with data.model as model
}

_missing(asked, model) := {reason.fact |
	some reason in _denials(asked, model)
	reason.code == "action_incomplete"
	reason.action == asked.action
}

# Denied by this condition alone, for this reason.
_denied_by(rule, code, asked, model) if {
	not _allowed(asked, model)
	denials := _denials(asked, model)
	count(denials) == 1
	some reason in denials
	[reason.rule, reason.code, reason.action] == [rule, code, asked.action]
}

_resource(name, patch) := _ask(name, object.union(_enough[name], patch))

_role(name, role) := object.union(_good(name), {"session": {"org": {"role": role}}})

# Somebody of this role who acts on himself.
_oneself(name, role, patch) := object.union(
	_role(name, role),
	{"resource": object.union({"user_id": "user_ada", "organizations": 2}, patch)},
)

_modelled(patch) := object.union(_model, patch)

_suspended := _modelled({"organizations": {"org_acme": {"suspended": true}, "org_globex": {"suspended": true}}})

test_enough if {
	every name, _ in _enough {
		_allowed(_good(name), _model)
		_denials(_good(name), _model) == set()
	}
}

test_actions_are_all_tested if {
	some reason in _denials(_ask("report.publish", {}), _model)
	every name, _ in _enough { contains(reason.message, name) }
	not contains(reason.message, "report.publish,")
	count(split(reason.message, ".")) == count(_enough) + 2
}

test_action_unknown if {
	every name in ["report.publish", "", "organization", "organization.Create", "conditions", "membership.add "] {
		asked := _ask(name, object.union_n([resource | some resource in _enough]))
		not _allowed(asked, _model)
		{[reason.code, reason.action] | some reason in _denials(asked, _model)} == {["action_not_allowed", name]}
	}
}

test_no_action if {
	asked := object.remove(_good("organization.delete"), {"action"})
	not _allowed(asked, _model)
	_denials(asked, _model) == set()
}

test_no_session if {
	every name, _ in _enough {
		not _allowed(object.union(_good(name), {"session": null}), _model)
		not _allowed(object.remove(_good(name), {"session"}), _model)
		not _allowed(object.remove(_good(name), {"session", "user_id"}), _model)
	}
}

test_fact_missing if {
	every name, facts in _enough {
		every fact, _ in facts {
			asked := _ask(name, object.remove(facts, {fact}))
			not _allowed(asked, _model)
			_missing(asked, _model) == {concat(".", ["resource", fact])}
			count(_denials(asked, _model)) == 1
		}
	}
}

_wrong(value) := ["", "3", null, true, -1, 0.5, [3]] if is_number(value)

# Null can be an organization, and stands for the personal account.
_wrong(value) := ["", 3, true, ["org:member"], {"key": "org:member"}] if is_string(value)

_wrong(value) := ["true", 1, null, [true]] if is_boolean(value)

test_fact_of_another_form if {
	every name, facts in _enough {
		every fact, value in facts {
			every odd in _wrong(value) {
				asked := _resource(name, {fact: odd})
				not _allowed(asked, _model)
				_missing(asked, _model) == {concat(".", ["resource", fact])}
			}
		}
	}
}

# Without its facts an action has no other reasons: its conditions would guess.
test_no_resource if {
	every name in object.keys(_enough) - {"organization.delete"} {
		every asked in [object.remove(_good(name), {"resource"}), _ask(name, {}), _ask(name, null), _ask(name, "role")] {
			not _allowed(asked, _model)
			_missing(asked, _model) == {concat(".", ["resource", fact]) | some fact, _ in _enough[name]}
			every reason in _denials(asked, _model) { reason.code == "action_incomplete" }
		}
	}
}

# What an action does not ask for neither helps nor breaks it, whatever its form.
test_members_beside_the_facts if {
	others := {"owned", "members", "pending", "holders", "organizations", "role", "from", "to", "user_id", "email", "domain", "member"}
	every odd in [7, -1, null, true, "", [], {}, ["org:owner"]] {
		every name, facts in _enough {
			resource := object.union({other: odd | some other in others}, facts)
			_allowed(_ask(name, resource), _model)
		}
	}
}

# Only what needs nothing of the model is left without one.
test_without_model if {
	every model in [{}, {section: {} | some section, _ in _model}] {
		{name | some name, _ in _enough; _allowed(_good(name), model)} == {"organization.create", "organization.switch"}
		every name, _ in _enough {
			_explained(_good(name), model)
		}
	}
}

# Whatever section of the model is missing, who is denied is told why.
test_denials_without_a_section_of_the_model if {
	every section, _ in _model {
		model := object.remove(_model, {section})
		every name, _ in _enough { _explained(_good(name), model) }
	}
}

# And whatever setting.
test_denials_without_a_setting if {
	every setting, _ in _model.settings {
		model := json.remove(_model, [["settings", setting]])
		every name in ["membership.add", "membership.remove", "domain.enroll", "role.assign"] { _explained(_good(name), model) }
	}
}

# And whatever part of the session, but for the issuer: without one there is none, which is
# postern.check's to say.
test_denials_without_a_part_of_the_session if {
	every part in ["profile", "org", "org/id", "org/role", "org/permissions"] {
		every name, _ in _enough {
			session := json.remove(_asking(name), [part])
			asked := object.union(object.remove(_good(name), {"session"}), {"session": session})
			_explained(asked, _model)
		}
	}
}

# Allowed without a reason, or denied for one.
_explained(asked, model) if {
	denials := _denials(asked, model)
	{_decided(asked, model), count(denials) == 0} in {{true}, {false}}
}

# What is denied says which condition it is, whatever else the session or the model lack.
test_denied_without_a_role if {
	asked := _oneself("membership.leave", null, {"role": "org:member"})
	{reason.rule | some reason in _denials(asked, _model)} == {"role_own"}
}

# A condition without words of its own denies like any other.
test_denied_without_words if {
	asked := object.union(_good("domain.enroll"), {"resource": {"members": 1}})
	denials := action.denials with input as asked with data.model as _model with data.postern.condition.met as set() with data.postern.condition.why as {}
	denials == {{
		"code": "action_not_allowed",
		"action": "domain.enroll",
		"message": "a condition of the action does not hold, and cannot say why",
	}}
}
