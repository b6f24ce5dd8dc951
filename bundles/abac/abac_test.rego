package abac_test

import data.acme.invoices
import data.postern.check
import data.postern.extension
import data.postern.route
import data.postern.session

# A session as the server makes it from a token that states the role and no permission.
_session(user, role, org) := {
	"issuer": "https://clerk.abac.test",
	"profile": "clerk",
	"user_id": user,
	"org": {"id": org, "slug": null, "role": role, "permissions": []},
	"features": null,
	"plans": null,
	"actor": null,
}

_owner := _session("user_olive", "org:owner", "org_orchard")

_accountant := _session("user_anton", "org:accountant", "org_orchard")

_member := _session("user_mia", "org:member", "org_orchard")

_acting(session) := object.union(session, {"actor": {"sub": "user_support"}})

# An invoice of mia's.
_invoice(amount) := {
	"type": "invoice",
	"organization": "org_orchard",
	"owner": "user_mia",
	"amount": amount,
}

_approve := {"permission": "org:invoices:approve"}

_verified := {"permission": "org:invoices:approve", "reverification": "strict"}

_read := {"permission": "org:invoices:read"}

_input(session, terms, resource) := {
	"session": session,
	"check": {"any": terms},
	"resource": resource,
	"factor_age": [3, 3],
}

# What the server answers: the entrypoint's word, less what the bundle's denials take away.
_ask(session, terms, resource) := _narrowed(decision, denials) if {
	asked := _input(session, terms, resource)
	decision := invoices.decision with input as asked
	denials := extension.denials with input as asked
}

_narrowed(decision, denials) := {"allow": decision.allow, "reasons": {}} if {
	count(denials) == 0
	decision.allow
}

else := {"allow": false, "reasons": ({reason | some reason in decision.reasons} | denials)}

_codes(decision) := {reason.code | some reason in decision.reasons}

_facts(decision) := {reason.fact | some reason in decision.reasons}

# The library's own entrypoint, which the bundle's denials narrow without the bundle's.
_library(session, terms, resource) := decision if {
	decision := check.decision with input as _input(session, terms, resource)
}

test_accountants_approve_up_to_the_limit if {
	_ask(_accountant, [_approve], _invoice(10000)).allow
	_library(_accountant, [_approve], _invoice(10000)).allow
}

test_members_approve_nothing if {
	_codes(_ask(_member, [_approve], object.union(_invoice(1), {"owner": "user_x"}))) == {"permission_not_granted"}
}

test_above_the_limit_it_takes_the_owner if {
	_ask(_owner, [_verified], _invoice(10001)).allow
	_codes(_ask(_accountant, [_verified], _invoice(10001))) == {"role_required"}
	_codes(_library(_accountant, [_verified], _invoice(10001))) == {"role_required"}
}

test_above_the_limit_the_question_asks_for_reverification if {
	_codes(_ask(_owner, [_approve], _invoice(10001))) == {"reverification_required"}
	_codes(_library(_owner, [_approve], _invoice(10001))) == {"reverification_required"}
}

test_stricter_is_strict_enough if {
	_ask(_owner, [object.union(_approve, {"reverification": "strict_mfa"})], _invoice(10001)).allow
}

test_laxer_is_not if {
	every asked in ["lax", "moderate", {"level": "second_factor", "afterMinutes": 10}] {
		term := object.union(_approve, {"reverification": asked})
		_codes(_ask(_owner, [term], _invoice(10001))) == {"reverification_required"}
	}
}

# A term that does not ask would be enough to allow.
test_every_term_asks_for_reverification if {
	_codes(_ask(_owner, [_verified, _approve], _invoice(10001))) == {"reverification_required"}
	_codes(_ask(_owner, [_verified, {"role": "org:owner"}], _invoice(10001))) == {"reverification_required"}
	_ask(_owner, [_verified, object.union(_verified, {"role": "org:owner"})], _invoice(10001)).allow
}

test_a_term_of_several_parts_asks_in_one if {
	_ask(_owner, [{"all": [_approve, {"permission": "org:invoices:read", "reverification": "strict"}]}], _invoice(10001)).allow
	_codes(_ask(_owner, [{"all": [_approve, _read]}], _invoice(10001))) == {"reverification_required"}
}

# The library says whether the factors are young enough.
test_stale_factors_do_not_do if {
	asked := object.union(_input(_owner, [_verified], _invoice(10001)), {"factor_age": [30, 30]})
	decision := invoices.decision with input as asked
	_codes(decision) == {"reverification_required"}
}

test_factors_that_the_token_does_not_say_do_not_do if {
	asked := object.remove(_input(_owner, [_verified], _invoice(10001)), ["factor_age"])
	decision := invoices.decision with input as asked
	_codes(decision) == {"reverification_required"}
}

test_nobody_approves_ones_own if {
	own := object.union(_invoice(1), {"owner": "user_anton"})
	_codes(_ask(_accountant, [_approve], own)) == {"policy_denied"}
	_codes(_library(_accountant, [_approve], own)) == {"policy_denied"}
	owners := object.union(_invoice(10001), {"owner": "user_olive"})
	_codes(_ask(_owner, [_verified], owners)) == {"policy_denied"}
}

test_invoices_are_of_the_active_organization if {
	elsewhere := object.union(_invoice(1), {"organization": "org_meadow"})
	_codes(_ask(_owner, [_approve], elsewhere)) == {"organization_required"}
}

test_every_fact_is_told if {
	every fact in ["type", "organization", "owner"] {
		decision := _ask(_accountant, [_approve], object.remove(_invoice(1), [fact]))
		_codes(decision) == {"action_incomplete"}
		_facts(decision) == {concat(".", ["resource", fact])}
	}
}

# Nor is an amount that is none a small one.
test_an_amount_is_a_number if {
	without := _ask(_accountant, [_verified], object.remove(_invoice(1), ["amount"]))
	_facts(without) == {"resource.amount"}
	_codes(without) == {"action_incomplete", "role_required"}
	every amount in [null, true, "12", -1, [1]] {
		decision := _ask(_owner, [_verified], _invoice(amount))
		_codes(decision) == {"action_incomplete"}
		_facts(decision) == {"resource.amount"}
	}
}

test_facts_have_their_form if {
	every value in [null, "", 7, ["user_mia"]] {
		_facts(_ask(_accountant, [_approve], object.union(_invoice(1), {"owner": value}))) == {"resource.owner"}
	}
	_facts(_ask(_accountant, [_approve], object.union(_invoice(1), {"type": "order"}))) == {"resource.type"}
}

test_a_question_without_an_invoice_approves_none if {
	decision := _ask(_owner, [_verified], {})
	_codes(decision) == {"action_incomplete"}
	_facts(decision) == {"resource.type", "resource.organization", "resource.owner", "resource.amount"}
	asked := object.remove(_input(_owner, [_verified], {}), ["resource"])
	count(extension.denials) == 4 with input as asked
}

# has() takes "invoices:approve" for the same permission, and so do the denials.
test_other_spellings_are_the_same_question if {
	every spelled in ["invoices:approve", "org:org:invoices:approve"] {
		_codes(_ask(_accountant, [{"permission": spelled}], {})) == {"action_incomplete", "role_required", "reverification_required"}
	}
}

# Tokens of the first version may hold a bare role.
test_other_spellings_are_the_same_role if {
	bare := _session("user_olive", "owner", "org_orchard")
	_ask(bare, [_verified], _invoice(10001)).allow
}

test_without_a_limit_everything_is_large if {
	_codes(_ask(_accountant, [_verified], _invoice(1))) == {"role_required"} with data.acme.limits as {}
}

test_the_limit_is_data if {
	decision := _ask(_accountant, [_approve], _invoice(10001)) with data.acme.limits as {"approval": 20000}
	decision.allow
}

test_accountants_read_all if {
	_ask(_accountant, [_read], {}).allow
	_ask(_accountant, [_read], _invoice(99999)).allow
}

# The own grant, and what it does not reach.
test_everybody_reads_ones_own if {
	_ask(_member, [_read], _invoice(99999)).allow
	_ask(_member, [{"permission": "invoices:read"}], _invoice(1)).allow
}

test_the_library_alone_does_not_say_so if {
	_codes(_library(_member, [_read], _invoice(1))) == {"permission_not_granted"}
}

test_nobody_reads_what_is_somebody_elses if {
	other := object.union(_invoice(1), {"owner": "user_x"})
	_codes(_ask(_member, [_read], other)) == {"permission_not_granted"}
}

test_what_is_not_told_is_nobodys_own if {
	every fact in ["type", "organization", "owner"] {
		_codes(_ask(_member, [_read], object.remove(_invoice(1), [fact]))) == {"permission_not_granted"}
	}
	_codes(_ask(_member, [_read], {})) == {"permission_not_granted"}
}

test_ones_own_of_another_organization_is_not_ones_own if {
	elsewhere := object.union(_invoice(1), {"organization": "org_meadow"})
	_codes(_ask(_member, [_read], elsewhere)) == {"permission_not_granted"}
}

test_ones_own_is_read_and_no_more if {
	_codes(_ask(_member, [{"permission": "org:sys_memberships:manage"}], _invoice(1))) == {"permission_not_granted"}
	"permission_not_granted" in _codes(_ask(_member, [_approve], _invoice(1)))
}

test_what_else_a_term_asks_must_hold if {
	_ask(_member, [object.union(_read, {"reverification": "strict"})], _invoice(1)).allow
	_ask(_member, [object.union(_read, {"role": "org:member"})], _invoice(1)).allow
	_codes(_ask(_member, [object.union(_read, {"role": "org:owner"})], _invoice(1))) == {"permission_not_granted", "role_required"}
}

test_one_term_is_enough_to_read if {
	_ask(_member, [{"role": "org:owner"}, _read], _invoice(1)).allow
	_codes(_ask(_member, [{"all": [_read, {"permission": "org:invoices:create"}]}], _invoice(1))) == {"permission_not_granted"}
}

# A grant of one's own passes by the library's conditions where it does not ask for them.
test_ones_own_in_an_organization_that_grants_nothing if {
	frozen := _session("user_mia", "org:member", "org_frozen")
	_codes(_ask(frozen, [_read], object.union(_invoice(1), {"organization": "org_frozen"}))) == {"organization_suspended"}
	fallow := _session("user_mia", "org:member", "org_fallow")
	_codes(_ask(fallow, [_read], object.union(_invoice(1), {"organization": "org_fallow"}))) == {"permission_gated_by_feature"}
	stray := _session("user_mia", "org:auditor", "org_orchard")
	_codes(_ask(stray, [_read], _invoice(1))) == {"role_not_in_role_set"}
}

test_nobody_signed_in_reads_nothing if {
	decision := invoices.decision with input as {
		"session": null,
		"credential": {"code": "token_expired"},
		"check": {"any": [_read]},
		"resource": _invoice(1),
	}
	_codes(decision) == {"token_expired"}
}

test_what_is_not_about_invoices_is_the_librarys if {
	_ask(_owner, [{"permission": "org:sys_memberships:manage"}], {}).allow
	_codes(_ask(_member, [{"role": "org:owner"}], {})) == {"role_required"}
}

# Denials take away from the own grant as well.
test_support_looks if {
	_ask(_acting(_accountant), [_read], {}).allow
	_ask(_acting(_member), [_read], _invoice(1)).allow
	_ask(_acting(_member), [object.union(_read, {"reverification": "strict"})], _invoice(1)).allow
}

test_support_changes_nothing if {
	_codes(_ask(_acting(_accountant), [_approve], _invoice(1))) == {"policy_denied"}
	_codes(_ask(_acting(_member), [{"permission": "org:invoices:create"}], {})) == {"policy_denied"}
	_codes(_ask(_acting(_member), [_read, {"permission": "org:invoices:create"}], _invoice(1))) == {"policy_denied"}
	_codes(_ask(_acting(_member), [object.union(_read, {"role": "org:member"})], _invoice(1))) == {"policy_denied"}
}

test_support_takes_no_action if {
	decision := check.decision with input as {
		"session": _acting(_owner),
		"user_id": "user_olive",
		"action": "membership.add",
		"resource": {"role": "org:member", "members": 1, "pending": 0},
	}
	_codes(decision) == {"policy_denied"}
}

_request(session, method, requirement) := decision if {
	decision := route.decision with input as {
		"session": session,
		"check": {"any": [requirement]},
		"request": {"method": method},
		"route": {"pattern": "/invoices/", "params": {}, "public": false},
	}
}

test_support_looks_through_a_proxy if {
	_request(_acting(_accountant), "GET", _read).allow
	_request(_acting(_accountant), "HEAD", _read).allow
	_codes(_request(_acting(_accountant), "POST", _read)) == {"policy_denied"}
	_request(_accountant, "POST", _read).allow
}

# Nobody can tell a proxy's question the amount, so it lets through who approves at all.
test_a_proxy_does_not_know_the_invoice if {
	_request(_accountant, "POST", _approve).allow
	_codes(_request(_member, "POST", _approve)) == {"permission_not_granted"}
}

test_permissions_are_the_roles if {
	effective := session.effective with input as {"session": _accountant}
	effective.permissions == ["org:invoices:approve", "org:invoices:create", "org:invoices:read", "org:sys_memberships:read"]
}
