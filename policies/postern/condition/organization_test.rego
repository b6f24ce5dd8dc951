package postern.condition_test

_owning(owned) := object.union(_about({"owned": owned}), {"action": "organization.create"})

_creation(settings) := {"settings": settings}

test_creation_allowed_unless_closed if {
	_met("creation_allowed", _owning(0), {})
	_met("creation_allowed", _owning(0), _creation({"organization_creation": {}}))
	_met("creation_allowed", _owning(0), _creation({"organization_creation": {"allowed": true}}))
}

test_creation_closed if {
	model := _creation({"organization_creation": {"allowed": false}})
	not _met("creation_allowed", _owning(0), model)
	_why("creation_allowed", _owning(0), model).code == "action_not_allowed"
}

test_creation_opened_for_one_user if {
	model := _creation({"organization_creation": {"allowed": false}, "users": {"user_ada": {"organization_creation": true}}})
	_met("creation_allowed", _owning(0), model)
	not _met("creation_allowed", object.union(_owning(0), {"user_id": "user_bob"}), model)
}

test_creation_closed_for_one_user if {
	model := _creation({"organization_creation": {"allowed": true}, "users": {"user_ada": {"organization_creation": false}}})
	not _met("creation_allowed", _owning(0), model)
	_met("creation_allowed", object.union(_owning(0), {"user_id": "user_bob"}), model)
}

test_creation_of_a_user_with_other_settings if {
	model := _creation({"organization_creation": {"allowed": false}, "users": {"user_ada": {"organization_limit": 3}}})
	not _met("creation_allowed", _owning(0), model)
}

test_creation_limit if {
	model := _creation({"organization_creation": {"limit": 3}})
	_met("creation_limit", _owning(2), model)
	not _met("creation_limit", _owning(3), model)
	not _met("creation_limit", _owning(4), model)
	_why("creation_limit", _owning(3), model) == {
		"code": "action_not_allowed",
		"message": "the user has 3 organizations of the 3 that settings allow, in organization_creation.limit or users",
	}
}

test_creation_limit_of_none if {
	_met("creation_limit", _owning(1000), {})
	_met("creation_limit", _owning(1000), _creation({"organization_creation": {"limit": 0}}))
}

test_creation_limit_of_one_user if {
	lower_one := _creation({"organization_creation": {"limit": 3}, "users": {"user_ada": {"organization_limit": 1}}})
	_met("creation_limit", _owning(0), lower_one)
	not _met("creation_limit", _owning(1), lower_one)
	_met("creation_limit", object.union(_owning(2), {"user_id": "user_bob"}), lower_one)
	higher := _creation({"organization_creation": {"limit": 3}, "users": {"user_ada": {"organization_limit": 5}}})
	_met("creation_limit", _owning(4), higher)
	not _met("creation_limit", _owning(5), higher)
	none := _creation({"organization_creation": {"limit": 3}, "users": {"user_ada": {"organization_limit": 0}}})
	_met("creation_limit", _owning(1000), none)
}

test_profile_delete if {
	_met("profile_delete", _asking(_as("org:owner")), _model)
	not _met("profile_delete", _ada, _model)
	why := _why("profile_delete", _ada, _model)
	why.code == "permission_not_granted"
	why.permission == "org:sys_profile:delete"
}

test_deletion_enabled_by_its_own_switch if {
	model := {"organizations": {"org_acme": {"deletion": true}}, "settings": {"organization_deletion": false}}
	_met("deletion_enabled", _ada, model)
}

test_deletion_disabled_by_its_own_switch if {
	model := {"organizations": {"org_acme": {"deletion": false}}, "settings": {"organization_deletion": true}}
	not _met("deletion_enabled", _ada, model)
	why := _why("deletion_enabled", _ada, model)
	why.code == "action_not_allowed"
	why.organization == "org_acme"
}

test_deletion_by_the_general_switch if {
	every organizations in [{}, {"org_acme": {}}, {"org_globex": {"deletion": false}}] {
		_met("deletion_enabled", _ada, {"organizations": organizations, "settings": {"organization_deletion": true}})
	}
	not _met("deletion_enabled", _ada, {"settings": {"organization_deletion": false}})
}

test_deletion_unless_switched_on if {
	not _met("deletion_enabled", _ada, {})
	not _met("deletion_enabled", _ada, {"organizations": {"org_acme": {}}, "settings": {}})
}

_switching(resource) := object.union(_about(resource), {"action": "organization.switch"})

test_personal_accounts_unless_off if {
	_met("personal_accounts", _switching({"organization": null}), {})
	_met("personal_accounts", _switching({"organization": null}), {"settings": {"personal_accounts": true}})
	_met("personal_accounts", _switching({"organization": "org_acme"}), {"settings": {"personal_accounts": false}})
}

test_personal_accounts_off if {
	model := {"settings": {"personal_accounts": false}}
	not _met("personal_accounts", _switching({"organization": null}), model)
	_why("personal_accounts", _switching({"organization": null}), model).code == "organization_required"
}

test_member if {
	_met("member", _switching({"organization": "org_globex", "member": true}), {})
	_met("member", _switching({"organization": null}), {})
	not _met("member", _switching({"organization": "org_globex"}), {})
	asked := _switching({"organization": "org_globex", "member": false})
	not _met("member", asked, {})
	why := _why("member", asked, {})
	why.code == "action_not_allowed"
	why.organization == "org_globex"
}

_globex_suspended := {"organizations": {"org_globex": {"suspended": true}, "org_acme": {"suspended": false}}}

test_not_suspended_is_about_the_target if {
	_met("not_suspended", _switching({"organization": "org_acme"}), _globex_suspended)
	asked := _switching({"organization": "org_globex"})
	not _met("not_suspended", asked, _globex_suspended)
	why := _why("not_suspended", asked, _globex_suspended)
	why == {
		"code": "organization_suspended",
		"organization": "org_globex",
		"message": "org_globex is suspended and grants nothing",
	}
}

_globex_revoked(entry) := {"revoked": {"organizations": {"org_globex": entry}}}

test_not_suspended_but_revoked if {
	every entry in [{}, {"until": 1767225600}, {"until": 0}] {
		every asked in [_switching({"organization": "org_globex"}), _assigning({"organization": "org_globex"})] {
			not _met("not_suspended", asked, _globex_revoked(entry))
			_why("not_suspended", asked, _globex_revoked(entry)) == {
				"code": "organization_suspended",
				"organization": "org_globex",
				"message": "org_globex is revoked: nobody stays signed in there",
			}
		}
		_met("not_suspended", _switching({"organization": "org_acme"}), _globex_revoked(entry))
		_met("not_suspended", _switching({"organization": null}), _globex_revoked(entry))
	}
}

test_not_suspended_for_what_is_issued_later if {
	every entry in [{"issued_before": 1767225600}, {"issued_before": 0}, {"issued_before": 1767225600, "until": 1767229200}] {
		_met("not_suspended", _switching({"organization": "org_globex"}), _globex_revoked(entry))
	}
}

test_not_suspended_for_other_revocations if {
	model := {"revoked": {"users": {"org_globex": {}}, "sessions": {"org_globex": {}}}}
	_met("not_suspended", _switching({"organization": "org_globex"}), model)
}

# One reason is enough, and a suspension is the one that lasts.
test_suspended_and_revoked if {
	model := object.union(_globex_suspended, _globex_revoked({}))
	contains(_why("not_suspended", _switching({"organization": "org_globex"}), model).message, "suspended")
}

test_not_suspended_without_model if _met("not_suspended", _switching({"organization": "org_globex"}), {})

test_not_suspended_for_the_personal_account if {
	model := {"organizations": {"org_acme": {"suspended": true}}}
	_met("not_suspended", _switching({"organization": null}), model)
	not _met("not_suspended", object.union(_about({"organization": null}), {"action": "role.assign"}), model)
}

_assigning(resource) := object.union(_about(resource), {"action": "role.assign"})

test_organization_known if {
	_met("organization_known", _assigning({}), {})
	_met("organization_known", _assigning({"organization": "org_globex"}), {})
	outside := {"session": {"org": null}}
	_met("organization_known", object.union(_assigning({"organization": "org_globex"}), outside), {})
	not _met("organization_known", object.union(_assigning({}), outside), {})
	_why("organization_known", _assigning({}), {}).code == "organization_required"
}

test_organization_known_by_an_id_alone if {
	every odd in [null, "", 7, ["org_globex"], {"id": "org_globex"}, true, false] {
		not _met("organization_known", _assigning({"organization": odd}), {})
	}
}

# What a domain says of the organization is for enrollments.
test_organization_known_not_by_a_domain if {
	asked := object.union(_assigning({"domain": "acme.com"}), {"session": {"org": null}})
	not _met("organization_known", asked, {"organizations": {"org_acme": {"domains": {"acme.com": "automatic_invitation"}}}})
}
