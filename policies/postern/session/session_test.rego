package postern.session_test

import data.postern.session

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "role": "org:admin", "permissions": ["org:reports:read", "org:invoices:read"]},
	"features": {"org": ["reports", "invoices"], "user": ["beta"]},
	"plans": {"org": ["pro"], "user": []},
}

_plans := {"pro": {"features": ["reports"]}}

test_signed_in if session.signed_in with input.session as _session

test_not_signed_in if not session.signed_in with input as {"session": null}

test_refusal if session.refusal == {"code": "token_expired"} with input.credential as {"code": "token_expired"}

test_refusal_without_credential if session.refusal == {"code": "token_missing"} with input as {}

test_effective_of_the_token_alone if {
	session.effective == {
		"role": "org:admin",
		"permissions": ["org:invoices:read", "org:reports:read"],
		"features": ["beta", "invoices", "reports"],
		"plan": "pro",
	} with input.session as _session
}

test_effective_narrowed_by_the_plan if {
	session.effective == {
		"role": "org:admin",
		"permissions": ["org:reports:read"],
		"features": ["beta", "reports"],
		"plan": "pro",
	} with input.session as _session with data.model.plans as _plans
}

test_effective_of_a_suspended_organization if {
	session.effective == {"role": null, "permissions": [], "features": ["beta"], "plan": null} with input.session as _session
		with data.model.organizations as {"org_acme": {"suspended": true}}
}

test_effective_plan_of_the_user if {
	session.effective == {"role": null, "permissions": [], "features": [], "plan": "gold"} with input.session as {
		"profile": "clerk",
		"issuer": "https://clerk.example.com",
		"org": null,
		"features": null,
		"plans": {"org": [], "user": ["gold"]},
	}
}

test_effective_plan_is_the_organizations if {
	both := object.union(_session, {"plans": {"org": ["pro"], "user": ["gold"]}})
	effective := _effective(both, {"org_acme": {"plan": "free"}})
	effective.plan == null
}

_effective(s, organizations) := effective if {
	effective := session.effective with input.session as s with data.model.organizations as organizations
}

test_effective_undefined_without_session if not session.effective with input as {"session": null}
