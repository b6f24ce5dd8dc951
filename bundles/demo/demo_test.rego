package demo_test

import data.postern.check

# A session as the server makes it from a token; the organization's name chooses its plan.
_session(role, org, permissions) := {
	"issuer": "https://demo.postern.test",
	"profile": "clerk",
	"org": {"id": org, "role": role, "permissions": permissions},
	"features": null,
	"plans": null,
}

_ask(session, requirement) := decision if {
	decision := check.decision with input as {"session": session, "check": {"any": [requirement]}}
}

_codes(decision) := {reason.code | some reason in decision.reasons}

test_admin_creates_invoices_on_free if {
	_ask(_session("org:admin", "org_acme", ["org:invoices:create"]), {"permission": "org:invoices:create"}).allow
}

test_reports_need_a_plan_that_has_them if {
	decision := _ask(_session("org:admin", "org_acme", ["org:reports:export"]), {"permission": "org:reports:export"})
	not decision.allow
	decision.reasons == {{
		"code": "permission_gated_by_feature",
		"permission": "org:reports:export",
		"feature": "reports",
		"plan": "free",
		"message": "org_acme is on plan free, which has no feature reports; plans with it: enterprise, pro",
	}}
}

test_viewers_are_not_in_the_starter_set if {
	_codes(_ask(_session("org:viewer", "org_acme", ["org:invoices:read"]), {"permission": "org:invoices:read"})) == {"role_not_in_role_set"}
}

test_viewers_read_on_pro if {
	_ask(_session("org:viewer", "org_globex", ["org:invoices:read"]), {"permission": "org:invoices:read"}).allow
}

test_system_permissions_come_from_the_role if {
	_ask(_session("org:admin", "org_globex", []), {"permission": "org:sys_memberships:manage"}).allow
	not _ask(_session("org:member", "org_globex", []), {"permission": "org:sys_memberships:manage"}).allow
}

test_a_suspended_organization_grants_nothing if {
	_codes(_ask(_session("org:admin", "org_umbrella", []), {"role": "org:admin"})) == {"organization_suspended"}
}

test_an_invoice_says_its_amount if {
	every amount in [null, true, "12000"] {
		_codes(_invoice("org:member", amount)) == {"action_incomplete"}
	}
	decision := check.decision with input as {
		"session": _session("org:member", "org_globex", ["org:invoices:create"]),
		"check": {"any": [{"permission": "org:invoices:create"}]},
		"resource": {"type": "invoice"},
	}
	_codes(decision) == {"action_incomplete"}
}

_invoice(role, amount) := decision if {
	decision := check.decision with input as {
		"session": _session(role, "org_globex", ["org:invoices:create"]),
		"check": {"any": [{"permission": "org:invoices:create"}]},
		"resource": {"type": "invoice", "amount": amount},
	}
}

test_large_invoices_are_for_admins if {
	_invoice("org:admin", 10001).allow
	_invoice("org:member", 10000).allow
	_codes(_invoice("org:member", 10001)) == {"role_required"}
}
