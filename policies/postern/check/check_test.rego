package postern.check_test

import data.postern.check

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "role": "org:admin", "permissions": ["org:reports:read", "org:reports:export"]},
	"features": null,
	"plans": null,
}

_allow := {"allow": true, "reasons": set()}

_decide(terms) := decision if {
	decision := check.decision with input.session as _session with input.check.any as terms
}

_codes(decision) := {reason.code | some reason in decision.reasons}

test_allow if _decide([{"role": "admin"}]) == _allow

test_allow_any_term if _decide([{"role": "member"}, {"role": "admin"}]) == _allow

test_allow_all_members if _decide([{"role": "admin", "permission": "org:reports:read"}]) == _allow

test_deny_one_member if {
	decision := _decide([{"role": "admin", "permission": "org:invoices:read"}])
	not decision.allow
	_codes(decision) == {"permission_not_granted"}
}

test_allow_all_parts if {
	_decide([{"all": [{"permission": "org:reports:read"}, {"permission": "org:reports:export"}]}]) == _allow
}

test_deny_one_part if {
	decision := _decide([{"all": [{"permission": "org:reports:read"}, {"permission": "org:invoices:read"}]}])
	not decision.allow
	decision.reasons == {{
		"code": "permission_not_granted",
		"permission": "org:invoices:read",
		"message": "the session in org_acme does not list org:invoices:read",
	}}
}

test_deny_no_parts if not _decide([{"all": []}]).allow

test_deny_parts_beside_members if not _decide([{"all": [{"role": "admin"}], "role": "admin"}]).allow

test_deny_empty_term if not _decide([{}]).allow

test_deny_unknown_member if not _decide([{"roles": "admin"}]).allow

test_deny_nothing_asked if {
	decision := _decide([])
	not decision.allow
	_codes(decision) == {"nothing_asked"}
}

test_deny_every_reason if {
	decision := _decide([{"role": "member", "feature": "sso"}, {"plan": "max"}])
	_codes(decision) == {"role_required", "feature_required", "plan_required"}
}

test_deny_without_session if {
	decision := check.decision with input as {
		"session": null,
		"credential": {"code": "token_expired"},
		"check": {"any": [{"role": "admin"}]},
	}
	decision == {"allow": false, "reasons": {{"code": "token_expired"}}}
}

test_deny_without_input if {
	decision := check.decision with input as {}
	decision == {"allow": false, "reasons": {{"code": "token_missing"}}}
}

test_deny_action_without_rule if {
	decision := check.decision with input as {"session": _session, "action": "report.publish"}
	not decision.allow
	{[reason.code, reason.action] | some reason in decision.reasons} == {["action_not_allowed", "report.publish"]}
}

test_deny_action_whatever_is_required if {
	decision := check.decision with input as {
		"session": _session,
		"action": "report.publish",
		"check": {"any": [{"role": "admin"}]},
	}
	not decision.allow
	_codes(decision) == {"action_not_allowed"}
}

_model := {
	"roles": {"org:member": {"permissions": []}},
	"role_sets": {"starter": {"roles": ["org:member", "org:admin"], "default_role": "org:member"}},
	"organizations": {"org_globex": {"domains": {"globex.com": "automatic_suggestion"}}},
	"settings": {"default_role_set": "starter"},
}

_act(session, action, resource) := decision if {
	decision := check.decision with input as {"session": session, "user_id": "user_ada", "action": action, "resource": resource}
		with data.model as _model
}

_enrolling := {"email": "ada@globex.com", "domain": "globex.com", "members": 1, "pending": 0}

test_allow_action if _act(_session, "role.assign", {"role": "org:member"}) == _allow

test_deny_action_of_a_condition if {
	decision := _act(_session, "role.assign", {"role": "org:boss"})
	not decision.allow
	{[reason.code, reason.action, reason.rule] | some reason in decision.reasons} == {["role_not_in_role_set", "role.assign", "role_assignable"]}
	not "enrollment" in object.keys(decision)
}

test_deny_action_without_facts if {
	decision := _act(_session, "role.assign", {})
	not decision.allow
	{[reason.code, reason.fact] | some reason in decision.reasons} == {["action_incomplete", "resource.role"]}
}

test_deny_action_without_session if {
	decision := _act(null, "role.assign", {"role": "org:member"})
	decision == {"allow": false, "reasons": {{"code": "token_missing"}}}
	_codes(_act(null, "role.assign", {})) == {"token_missing", "action_incomplete"}
	_codes(_act(null, "report.publish", {})) == {"token_missing", "action_not_allowed"}
}

test_enrollment_tells_how if {
	decision := _act(_session, "domain.enroll", _enrolling)
	decision == {
		"allow": true,
		"reasons": set(),
		"enrollment": {"organization": "org_globex", "mode": "automatic_suggestion", "role": "org:member"},
	}
}

test_enrollment_is_not_told_of_a_denial if {
	decision := _act(_session, "domain.enroll", object.union(_enrolling, {"email": "ada@acme.com"}))
	not decision.allow
	object.keys(decision) == {"allow", "reasons"}
}

test_enrollment_is_not_told_of_another_action if {
	decision := _act(_session, "role.assign", object.union(_enrolling, {"role": "org:member", "organization": "org_globex"}))
	decision == _allow
}

test_extension_narrows_enrollment if {
	decision := check.decision with input as {"session": _session, "action": "domain.enroll", "resource": _enrolling}
		with data.model as _model
		with data.postern.extend.deny as {"not on Sundays"}
	decision == {"allow": false, "reasons": {{"code": "policy_denied", "message": "not on Sundays"}}}
}

test_extension_narrows if {
	decision := check.decision with input as {"session": _session, "check": {"any": [{"role": "admin"}]}}
		with data.postern.extend.deny as {"not on Sundays"}
	decision == {"allow": false, "reasons": {{"code": "policy_denied", "message": "not on Sundays"}}}
}

test_extension_gives_a_code if {
	decision := check.decision with input as {"session": _session, "check": {"any": [{"role": "admin"}]}}
		with data.postern.extend.deny as {{"code": "reverification_required"}, {"message": "no"}, 7}
	not decision.allow
	decision.reasons == {{"code": "reverification_required"}, {"code": "policy_denied", "message": "no"}, {"code": "policy_denied"}}
}

test_extension_without_denials if {
	decision := check.decision with input as {"session": _session, "check": {"any": [{"role": "admin"}]}}
		with data.postern.extend.deny as set()
	decision == _allow
}
