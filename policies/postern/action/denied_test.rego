package postern.action_test

import data.postern.action

test_create_denied if {
	closed := _modelled({"settings": {"organization_creation": {"allowed": false}}})
	_denied_by("creation_allowed", "action_not_allowed", _good("organization.create"), closed)
	_denied_by("creation_limit", "action_not_allowed", _resource("organization.create", {"owned": 3}), _model)
}

test_create_without_organization if {
	_allowed(object.union(_good("organization.create"), {"session": {"org": null}}), _model)
	_allowed(object.union(_good("organization.create"), {"session": {"org": null}}), {})
}

test_delete_denied if {
	_denied_by("profile_delete", "permission_not_granted", _role("organization.delete", "org:admin"), _model)
	every deletion in [
		json.remove(_model, ["organizations/org_acme/deletion"]),
		_modelled({"organizations": {"org_acme": {"deletion": false}}, "settings": {"organization_deletion": true}}),
	] {
		_denied_by("deletion_enabled", "action_not_allowed", _good("organization.delete"), deletion)
	}
	_denied_by("in_organization", "organization_required", _resource("organization.delete", {"organization": "org_globex"}), _model)
	_denied_by("in_organization", "organization_required", _resource("organization.delete", {"organization": null}), _model)
}

test_delete_denied_without_organization if {
	asked := object.union(_good("organization.delete"), {"session": {"org": null}})
	not _allowed(asked, _model)
	["in_organization", "organization_required"] in {[reason.rule, reason.code] | some reason in _denials(asked, _model)}
}

test_delete_by_the_tokens_permission if {
	asked := object.union(_good("organization.delete"), {"session": {"org": {"role": null, "permissions": ["org:sys_profile:delete"]}}})
	_allowed(asked, {"settings": {"organization_deletion": true}})
	not _allowed(asked, {})
}

test_switch_denied if {
	_denied_by("personal_accounts", "organization_required", _resource("organization.switch", {"organization": null}), _model)
	_denied_by("member", "action_not_allowed", _resource("organization.switch", {"member": false}), _model)
	_denied_by("not_suspended", "organization_suspended", _good("organization.switch"), _suspended)
}

# What is revoked for good, or until some time, is nowhere to go.
test_revoked_organization if {
	model := _modelled({"organizations": {"org_globex": {"domains": {"globex.com": "automatic_invitation"}}}})
	enrolling := {"domain": "globex.com", "email": "bob@globex.com"}
	every asked in [
		_good("organization.switch"),
		_resource("role.assign", {"organization": "org_globex"}),
		_resource("domain.enroll", enrolling),
		_resource("domain.enroll", object.union(enrolling, {"organization": "org_globex"})),
	] {
		every entry in [{}, {"until": 1767229200}] {
			_denied_by("not_suspended", "organization_suspended", asked, object.union(model, _revoking("org_globex", entry)))
		}
		_allowed(asked, object.union(model, _revoking("org_globex", {"issued_before": 1767225600})))
		_allowed(asked, object.union(model, _revoking("org_acme", {})))
	}
}

_revoking(id, entry) := {"revoked": {"organizations": {id: entry}}}

test_switch_to_the_personal_account if {
	on := _modelled({"settings": {"personal_accounts": true}})
	every resource in [{"organization": null}, {"organization": null, "member": false}, {"organization": null, "member": 7}] {
		_allowed(_ask("organization.switch", resource), on)
		_allowed(_ask("organization.switch", resource), json.remove(_suspended, ["settings"]))
		not _allowed(_ask("organization.switch", resource), _model)
	}
}

test_switch_away_from_a_suspended_organization if {
	model := _modelled({"organizations": {"org_acme": {"suspended": true}}})
	_allowed(_good("organization.switch"), model)
	_denied_by("not_suspended", "organization_suspended", _resource("organization.switch", {"organization": "org_acme"}), model)
}

_about_members := {"membership.invite", "membership.add", "membership.update_role", "membership.remove", "membership.leave"}

test_membership_of_another_organization if {
	every name in _about_members {
		every organization in ["org_globex", "", null, 7, ["org_acme"], {"id": "org_acme"}] {
			asked := _resource(name, {"organization": organization})
			not _allowed(asked, _model)
			["in_organization", "organization_required"] in {[reason.rule, reason.code] | some reason in _denials(asked, _model)}
		}
		_allowed(_resource(name, {"organization": "org_acme"}), _model)
	}
}

test_membership_without_organization if {
	every name in _about_members {
		asked := object.union(_good(name), {"session": {"org": null}})
		not _allowed(asked, _model)
		["in_organization", "organization_required"] in {[reason.rule, reason.code] | some reason in _denials(asked, _model)}
	}
}

test_membership_in_a_suspended_organization if {
	every name in _about_members {
		not _allowed(_good(name), _suspended)
		["in_organization", "organization_suspended"] in {[reason.rule, reason.code] | some reason in _denials(_good(name), _suspended)}
	}
}

test_invite_and_add_denied if {
	every name in {"membership.invite", "membership.add"} {
		_denied_by("memberships_manage", "permission_not_granted", object.union(_role(name, "org:member"), {"resource": {"role": "org:member"}}), _model)
		_denied_by("role_assignable", "role_not_in_role_set", _resource(name, {"role": "org:legacy"}), _model)
		_denied_by("role_managed", "role_required", object.union(_role(name, "org:admin"), {"resource": {"role": "org:owner"}}), _model)
		_denied_by("role_managed", "role_required", object.union(_role(name, "org:admin"), {"resource": {"role": "auditor"}}), _model)
		_denied_by("membership_limit", "action_not_allowed", _resource(name, {"members": 4, "pending": 1}), _model)
		_denied_by("membership_limit", "action_not_allowed", _resource(name, {"members": 5, "pending": 0}), _model)
		_allowed(_resource(name, {"members": 0, "pending": 4}), _model)
		_allowed(_resource(name, {"members": 99}), _modelled({"organizations": {"org_acme": {"membership_limit": 0}}}))
	}
}

test_update_role_denied if {
	by_member := object.union(_role("membership.update_role", "org:member"), {"resource": {"from": "org:member", "to": "org:admin"}})
	_denied_by("memberships_manage", "permission_not_granted", by_member, _model)
	_denied_by("role_assignable", "role_not_in_role_set", _resource("membership.update_role", {"from": "org:legacy"}), _model)
	_denied_by("role_assignable", "role_not_in_role_set", _resource("membership.update_role", {"to": "org:legacy"}), _model)
	_denied_by("role_managed", "role_required", _role("membership.update_role", "org:admin"), _model)
	promotion := object.union(_role("membership.update_role", "org:admin"), {"resource": {"user_id": "user_ada", "from": "org:admin", "to": "org:owner"}})
	_denied_by("role_managed", "role_required", promotion, _model)
	_denied_by("minimum_holders", "action_not_allowed", _resource("membership.update_role", {"holders": 1}), _model)
	_denied_by("minimum_holders", "action_not_allowed", _resource("membership.update_role", {"holders": 1, "role": "org:member"}), _model)
}

test_update_ones_own_role if {
	_denied_by("owner_kept", "action_not_allowed", _oneself("membership.update_role", "org:owner", {"holders": 9, "owners": 1}), _model)
	_allowed(_resource("membership.update_role", {"user_id": "user_bob"}), _model)
	_allowed(_oneself("membership.update_role", "org:owner", {"to": "owner"}), _model)
	_allowed(_oneself("membership.update_role", "org:owner", {}), json.remove(_model, ["settings/owner_role"]))
	_allowed(_oneself("membership.update_role", "org:admin", {"from": "org:admin"}), _model)
	_denied_by("role_own", "action_not_allowed", _oneself("membership.update_role", "org:owner", {"from": "org:admin"}), _model)
}

test_remove_denied if {
	_denied_by("self_or_memberships_manage", "permission_not_granted", _role("membership.remove", "org:member"), _model)
	auditor := object.union(_role("membership.remove", "org:admin"), {"resource": {"role": "org:auditor"}})
	_denied_by("self_or_role_managed", "role_required", auditor, _model)
	_denied_by("not_owner", "action_not_allowed", _resource("membership.remove", {"role": "org:owner", "holders": 2}), _model)
	_denied_by("not_owner", "action_not_allowed", _oneself("membership.remove", "org:owner", {"role": "owner", "holders": 2}), _model)
	ownerless := json.remove(_model, ["settings/owner_role"])
	_allowed(_resource("membership.remove", {"role": "org:owner", "holders": 2}), ownerless)
	every other in [{}, {"from": "org:member"}, {"to": "org:owner"}] {
		last := object.union({"role": "org:owner", "holders": 1}, other)
		_denied_by("minimum_holders", "action_not_allowed", _resource("membership.remove", last), ownerless)
	}
}

test_remove_oneself if {
	oneself := _oneself("membership.remove", "org:member", {"role": "org:member"})
	_allowed(oneself, _model)
	_allowed(_oneself("membership.remove", "org:auditor", {"role": "org:auditor"}), _model)
	last := object.union(oneself, {"resource": {"organizations": 1}})
	_denied_by("not_last_organization", "organization_required", last, _model)
	unstated := json.remove(oneself, ["resource/organizations"])
	_denied_by("not_last_organization", "action_incomplete", unstated, _model)
	_allowed(unstated, _modelled({"settings": {"personal_accounts": true}}))
}

_misspelled := {"org:onwer", "onwer", "org:Owner", "org:admins", "org:owner "}

test_remove_of_an_unknown_role if {
	without_roles := json.remove(_model, ["roles"])
	by_token := _tokens("membership.remove", "org:sys_memberships:manage")
	every role in _misspelled {
		asked := object.union(by_token, {"resource": {"role": role, "holders": 2}})
		_denied_by("role_known", "action_not_allowed", asked, _model)
		_denied_by("role_known", "action_not_allowed", asked, without_roles)
		_denied_by("role_known", "action_not_allowed", asked, json.remove(without_roles, ["role_sets"]))
	}
	asked := object.union(by_token, {"resource": {"role": "admin", "holders": 2}})
	_allowed(asked, _model)
	_allowed(asked, without_roles)
	_denied_by("role_known", "action_not_allowed", asked, json.remove(without_roles, ["role_sets"]))
	_allowed(asked, {})
}

_tokens(name, permission) := object.union(_good(name), {"session": {"org": {"permissions": [permission]}}})

# Whoever goes under a role that he does not have would go as somebody else.
test_own_role_is_stated if {
	every name in ["membership.remove", "membership.leave"] {
		every role in ["org:member", "member", "org:admin"] {
			_denied_by("role_own", "action_not_allowed", _oneself(name, "org:owner", {"role": role, "holders": 9}), _model)
		}
		_denied_by("role_own", "action_not_allowed", _oneself(name, null, {"role": "org:member", "holders": 9}), json.remove(_model, ["role_sets"]))
		_allowed(_oneself(name, "org:member", {"role": "org:member"}), _model)
		_allowed(_oneself(name, "org:admin", {"role": "admin"}), _model)
	}
}

test_leave_denied if {
	not _allowed(_resource("membership.leave", {"user_id": "user_bob"}), _model)
	_denied_by("self", "action_not_allowed", _resource("membership.leave", {"user_id": "user_bob"}), _model)
	_denied_by("not_owner", "action_not_allowed", _oneself("membership.leave", "org:owner", {"role": "org:owner", "holders": 2}), _model)
	ownerless := json.remove(_model, ["settings/owner_role"])
	_denied_by("minimum_holders", "action_not_allowed", _oneself("membership.leave", "org:owner", {"role": "org:owner"}), ownerless)
	_denied_by("not_last_organization", "organization_required", _resource("membership.leave", {"organizations": 1}), _model)
	_allowed(_resource("membership.leave", {"organizations": 1}), _modelled({"settings": {"personal_accounts": true}}))
}

# A role that was renamed could be the owner's.
test_leave_with_an_unknown_role if {
	_denied_by("role_known", "action_not_allowed", _oneself("membership.leave", "org:former", {"role": "org:former", "holders": 9}), _model)
	_allowed(_oneself("membership.leave", "org:legacy", {"role": "org:legacy", "holders": 9}), _model)
}

test_leave_needs_no_permission if {
	_allowed(object.union(_role("membership.leave", "org:member"), {"resource": {"role": "org:member"}}), _model)
}

# The role that is named is compared as the session's own is.
test_role_by_profile if {
	_denied_by("not_owner", "action_not_allowed", _oneself("membership.leave", "org:owner", {"role": "owner", "holders": 2}), _model)
	plain := {"session": {"profile": "plain"}}
	_allowed(object.union(_good("membership.add"), plain), _model)
	not _allowed(object.union(_resource("membership.add", {"role": "auditor"}), plain), _model)
	_allowed(_resource("membership.add", {"role": "auditor"}), _model)
}

test_enroll_denied if {
	_denied_by("email_domain", "action_not_allowed", _resource("domain.enroll", {"email": "bob@sub.acme.com"}), _model)
	manual := _modelled({"organizations": {"org_acme": {"domains": {"acme.com": "manual_invitation"}}}})
	_denied_by("enrollment_mode", "action_not_allowed", _good("domain.enroll"), manual)
	_denied_by("default_role", "role_not_in_role_set", _good("domain.enroll"), json.remove(_model, ["role_sets/starter/default_role"]))
	_denied_by("not_suspended", "organization_suspended", _good("domain.enroll"), _suspended)
	_denied_by("membership_limit", "action_not_allowed", _resource("domain.enroll", {"pending": 3}), _model)
}

test_enroll_through_no_one_domain if {
	shared := _modelled({"organizations": {"org_globex": {"domains": {"acme.com": "automatic_suggestion"}}}})
	not _allowed(_good("domain.enroll"), shared)
	not _allowed(_resource("domain.enroll", {"domain": "globex.com", "email": "bob@globex.com"}), shared)
	_allowed(_resource("domain.enroll", {"organization": "org_globex"}), shared)
	not _allowed(_resource("domain.enroll", {"organization": "org_globex"}), _model)
	not _allowed(_resource("domain.enroll", {"organization": null}), _model)
}

test_enroll_by_mode if {
	every mode, allowed in {
		"manual_invitation": false,
		"automatic_invitation": true,
		"automatic_suggestion": true,
		"enterprise_connection": true,
	} {
		model := _modelled({"organizations": {"org_acme": {"domains": {"acme.com": mode}}}})
		_decided(_good("domain.enroll"), model) == allowed
	}
}

_decided(asked, model) if _allowed(asked, model)

else := false

test_enroll_without_organization if {
	outside := object.union(_good("domain.enroll"), {"session": {"org": null}})
	_allowed(outside, _model)
	enrollment := action.enrollment with input as outside with data.model as _model
	enrollment == {"organization": "org_acme", "mode": "automatic_invitation", "role": "org:member"}
}

test_assign_denied if {
	_denied_by("role_assignable", "role_not_in_role_set", _resource("role.assign", {"role": "org:legacy"}), _model)
	_denied_by("not_suspended", "organization_suspended", _good("role.assign"), _suspended)
	_denied_by("organization_known", "organization_required", object.union(_good("role.assign"), {"session": {"org": null}}), _model)
	_denied_by("organization_known", "organization_required", _resource("role.assign", {"organization": ""}), _model)
}

test_assign_in_another_organization if {
	model := _modelled({
		"role_sets": {"legacy": {"roles": ["org:legacy"]}},
		"organizations": {"org_globex": {"role_set": "legacy"}},
	})
	_allowed(_resource("role.assign", {"organization": "org_globex", "role": "org:legacy"}), model)
	_allowed(object.union(_resource("role.assign", {"organization": "org_globex", "role": "org:legacy"}), {"session": {"org": null}}), model)
	not _allowed(_resource("role.assign", {"organization": "org_globex"}), model)
	not _allowed(_resource("role.assign", {"role": "org:legacy"}), model)
	not _allowed(_resource("role.assign", {"organization": "org_globex", "role": "org:legacy"}), object.union(model, _suspended))
}
