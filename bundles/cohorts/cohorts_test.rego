package cohorts_test

import data.postern.check
import data.postern.session

# A session as the server makes it from a token that states the role and no permission.
_session(role, org) := {
	"issuer": "https://clerk.cohorts.test",
	"profile": "clerk",
	"org": {"id": org, "role": role, "permissions": []},
	"features": null,
	"plans": null,
}

_ask(session, requirement) := decision if {
	decision := check.decision with input as {"session": session, "check": {"any": [requirement]}}
}

_may(role, org, permission) := _ask(_session(role, org), {"permission": permission})

_codes(decision) := {reason.code | some reason in decision.reasons}

_practice := "org_elm_street"

_hospital := "org_st_brendan"

test_owners_are_in_practices if {
	_ask(_session("org:owner", _practice), {"role": "org:owner"}).allow
	_codes(_ask(_session("org:owner", _hospital), {"role": "org:owner"})) == {"role_not_in_role_set"}
}

test_front_desks_are_in_practices if {
	_may("org:front_desk", _practice, "org:patients:register").allow
	_codes(_may("org:front_desk", _hospital, "org:patients:register")) == {"role_not_in_role_set"}
}

test_the_hospitals_roles_are_not_in_practices if {
	every role in ["org:admin", "org:department_head", "org:nurse", "org:billing", "org:compliance", "org:staff"] {
		_ask(_session(role, _hospital), {"role": role}).allow
		_codes(_ask(_session(role, _practice), {"role": role})) == {"role_not_in_role_set"}
	}
}

# The roles are the same for all organizations; what differs is which of them one may use.
test_physicians_are_the_same_everywhere if {
	every org in [_practice, _hospital] {
		_may("org:physician", org, "org:prescriptions:create").allow
		_codes(_may("org:physician", org, "org:invoices:create")) == {"permission_not_granted"}
	}
}

test_what_each_role_brings_in_all if {
	_brought("org:staff", _hospital) == {"org:appointments:read"}
	_brought("org:nurse", _hospital) == _clinician | {"org:medications:administer", "org:patients:register"}
	_brought("org:physician", _hospital) == _clinician | {"org:prescriptions:create"}
	_brought("org:physician", _practice) == _clinician | {"org:prescriptions:create"}
	_brought("org:department_head", _hospital) == _clinician | {
		"org:prescriptions:create", "org:rosters:manage",
		"org:sys_memberships:read",
	}
	_brought("org:billing", _hospital) == {
		"org:appointments:read",
		"org:invoices:read", "org:invoices:create",
		"org:sys_billing:read",
	}
	_brought("org:compliance", _hospital) == {"org:appointments:read", "org:access_log:read", "org:sys_memberships:read"}
	_brought("org:admin", _hospital) == _manager | {"org:appointments:read", "org:sys_entconns:manage"}
	_brought("org:front_desk", _practice) == _front_desk
	_brought("org:owner", _practice) == ((_manager | _clinician) | _front_desk) | {"org:prescriptions:create", "org:access_log:read"}
}

_clinician := {"org:appointments:read", "org:records:read", "org:records:write"}

_front_desk := {
	"org:appointments:read", "org:appointments:schedule",
	"org:patients:register",
	"org:invoices:read", "org:invoices:create",
}

_manager := {
	"org:sys_profile:manage", "org:sys_profile:delete",
	"org:sys_memberships:read", "org:sys_memberships:manage",
	"org:sys_billing:read", "org:sys_billing:manage",
}

_brought(role, org) := {permission | some permission in effective.permissions} if {
	effective := session.effective with input.session as _session(role, org)
}

test_nurses_administer_and_do_not_prescribe if {
	_may("org:nurse", _hospital, "org:medications:administer").allow
	_codes(_may("org:nurse", _hospital, "org:prescriptions:create")) == {"permission_not_granted"}
	_codes(_may("org:physician", _hospital, "org:medications:administer")) == {"permission_not_granted"}
}

test_front_desks_see_no_records if {
	_may("org:front_desk", _practice, "org:appointments:schedule").allow
	_codes(_may("org:front_desk", _practice, "org:records:read")) == {"permission_not_granted"}
}

test_front_desks_write_the_invoices_of_practices if {
	_may("org:front_desk", _practice, "org:invoices:create").allow
	_may("org:billing", _hospital, "org:invoices:create").allow
	_codes(_may("org:staff", _hospital, "org:invoices:create")) == {"permission_not_granted"}
}

test_owners_do_everything_but_nursing if {
	every permission in ["org:prescriptions:create", "org:invoices:create", "org:access_log:read", "org:sys_billing:manage"] {
		_may("org:owner", _practice, permission).allow
	}
	_codes(_may("org:owner", _practice, "org:medications:administer")) == {"permission_not_granted"}
}

test_admins_run_the_hospital_and_read_no_records if {
	_may("org:admin", _hospital, "org:sys_memberships:manage").allow
	_codes(_may("org:admin", _hospital, "org:records:read")) == {"permission_not_granted"}
}

test_compliance_alone_sees_the_hospitals_access_log if {
	_may("org:compliance", _hospital, "org:access_log:read").allow
	_codes(_may("org:compliance", _hospital, "org:records:read")) == {"permission_not_granted"}
	every role in ["org:admin", "org:department_head", "org:physician", "org:nurse", "org:billing", "org:staff"] {
		_codes(_may(role, _hospital, "org:access_log:read")) == {"permission_not_granted"}
	}
}

test_department_heads_hold_what_physicians_do if {
	_may("org:department_head", _hospital, "org:rosters:manage").allow
	_may("org:department_head", _hospital, "org:prescriptions:create").allow
	_codes(_may("org:physician", _hospital, "org:rosters:manage")) == {"permission_not_granted"}
}

test_billing_reads_the_bills_of_the_organization if {
	_may("org:billing", _hospital, "org:sys_billing:read").allow
	_codes(_may("org:billing", _hospital, "org:sys_billing:manage")) == {"permission_not_granted"}
}

# A role that others are made of brings what it has through them, and cannot be held.
test_clinician_and_manager_are_in_no_set if {
	_may("org:nurse", _hospital, "org:records:write").allow
	every role in ["org:clinician", "org:manager"] {
		every org in [_practice, _hospital] {
			_codes(_ask(_session(role, org), {"role": role})) == {"role_not_in_role_set"}
		}
	}
}

test_the_cohorts_begin_differently if {
	practice := data.model.role_sets.small_practice
	hospital := data.model.role_sets.large_hospital
	practice.default_role != hospital.default_role
	practice.creator_role != hospital.creator_role
}

test_every_creator_can_run_the_organization if {
	every set, definition in data.model.role_sets {
		every permission in ["org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete"] {
			_in_set(set, definition.creator_role, permission).allow
			_codes(_in_set(set, definition.default_role, permission)) == {"permission_not_granted"}
		}
	}
}

_in_set(set, role, permission) := decision if {
	decision := _may(role, _practice, permission) with data.model.organizations as {_practice: {"role_set": set}}
}

# Whoever joins as the default role sees no patient's record before somebody decides so.
test_newcomers_see_no_records if {
	every set, definition in data.model.role_sets {
		_in_set(set, definition.default_role, "org:appointments:read").allow
		_codes(_in_set(set, definition.default_role, "org:records:read")) == {"permission_not_granted"}
	}
}

test_the_organizations_have_their_sets if {
	sets := {org: set | set := data.model.organizations[org].role_set}
	sets == {
		"org_elm_street": "small_practice",
		"org_harbor": "small_practice",
		"org_st_brendan": "large_hospital",
		"org_northside": "large_hospital",
	}
}

test_an_unlisted_organization_is_a_practice if {
	_ask(_session("org:owner", "org_new"), {"role": "org:owner"}).allow
	_codes(_ask(_session("org:admin", "org_new"), {"role": "org:admin"})) == {"role_not_in_role_set"}
}

test_the_tokens_own_list_grants_nothing if {
	session := object.union(_session("org:front_desk", _practice), {"org": {"permissions": ["org:records:read", "org:patients:register"]}})
	_ask(session, {"permission": "org:patients:register"}).allow
	_codes(_ask(session, {"permission": "org:records:read"})) == {"permission_not_granted"}
}

test_a_change_of_a_set_is_one_for_all_with_it if {
	sets := object.union(data.model.role_sets, {"small_practice": {"roles": ["org:owner", "org:physician", "org:front_desk", "org:nurse"]}})
	every org in ["org_elm_street", "org_harbor", "org_new"] {
		_codes(_may("org:nurse", org, "org:medications:administer")) == {"role_not_in_role_set"}
		decision := _may("org:nurse", org, "org:medications:administer") with data.model.role_sets as sets
		decision.allow
	}
}

test_a_practice_that_becomes_a_hospital_changes_its_roles if {
	grown := {_practice: {"role_set": "large_hospital"}}
	nurse := _may("org:nurse", _practice, "org:medications:administer") with data.model.organizations as grown
	nurse.allow
	physician := _may("org:physician", _practice, "org:records:read") with data.model.organizations as grown
	physician.allow
	owner := _may("org:owner", _practice, "org:records:read") with data.model.organizations as grown
	_codes(owner) == {"role_not_in_role_set"}
}
