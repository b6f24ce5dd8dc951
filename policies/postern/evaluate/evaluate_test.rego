package postern.evaluate_test

import data.postern.check
import data.postern.evaluate

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "role": "org:admin", "permissions": ["org:reports:read"]},
	"features": null,
	"plans": null,
}

_document := {
	"subject": {"type": "session"},
	"session": _session,
	"credential": null,
	"resource": {"type": "report", "id": "1"},
	"user_id": "user_1",
}

_decide(name) := decision if {
	decision := evaluate.decision with input as object.union(_document, {"action": {"name": name}})
}

_codes(decision) := {reason.code | some reason in decision.reasons}

test_allow_permission if _decide("org:reports:read") == {"allow": true, "reasons": set()}

test_allow_permission_by_short_name if _decide("reports:read").allow

test_deny_permission if {
	decision := _decide("org:reports:export")
	not decision.allow
	decision == check.decision with input as {
		"session": _session,
		"credential": null,
		"check": {"any": [{"permission": "org:reports:export"}]},
	}
}

test_deny_unknown_action_as_permission if _codes(_decide("organization.fly")) == {"permission_not_granted"}

test_deny_empty_name if not _decide("").allow

test_allow_action if {
	document := object.union(_document, {"action": {"name": "organization.create"}, "resource": {"owned": 0}})
	decision := evaluate.decision with input as document
	decision.allow
}

test_deny_action_without_facts if _codes(_decide("organization.create")) == {"action_incomplete"}

# Roles are no permissions, and an action is no permission of the same name.
test_deny_action_in_spite_of_permission if {
	session := object.union(_session, {
		"profile": "plain",
		"org": {"id": "org_acme", "role": "admin", "permissions": ["membership.add"]},
	})
	document := object.union(_document, {"session": session, "action": {"name": "membership.add"}})
	decision := evaluate.decision with input as document
	not decision.allow
	"action_incomplete" in _codes(decision)
}

test_enrollment_is_told if {
	decision := evaluate.decision with input as object.union(_document, {"action": {"name": "domain.enroll"}, "resource": {
		"email": "b@acme.com",
		"domain": "acme.com",
		"members": 1,
		"pending": 0,
	}})
		with data.model.organizations as {"org_acme": {"domains": {"acme.com": "automatic_invitation"}, "role_set": "starter"}}
		with data.model.role_sets as {"starter": {"roles": ["org:member"], "default_role": "org:member"}}
	decision.allow
	decision.enrollment.role == "org:member"
}

test_deny_without_session if {
	decision := evaluate.decision with input as object.union(_document, {
		"action": {"name": "org:reports:read"},
		"session": null,
		"credential": {"code": "token_expired"},
	})
	not decision.allow
	_codes(decision) == {"token_expired"}
}

test_deny_other_subjects if {
	every name in ["org:reports:read", "organization.create"] {
		decision := evaluate.decision with input as {
			"subject": {"type": "user", "id": "alice"},
			"session": null,
			"credential": null,
			"action": {"name": name},
			"resource": {"type": "report", "id": "1", "properties": {"owned": 0}, "owned": 0},
		}
		not decision.allow
		_codes(decision) == {"policy_denied"}
	}
}

test_deny_what_the_bundle_denies if {
	decision := _decide("org:reports:read") with data.postern.extend.deny as {"not on Sundays"}
	_codes(decision) == {"policy_denied"}
}
