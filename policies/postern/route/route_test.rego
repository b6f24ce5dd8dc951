package postern.route_test

import data.postern.route

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "slug": "acme", "role": "org:member", "permissions": []},
	"features": null,
	"plans": null,
}

_allow := {"allow": true, "reasons": set()}

_route(patch) := object.union({"pattern": "/o/{org}/", "params": {}, "public": false, "signed_in": true}, patch)

_input(patch) := {"session": _session, "credential": null, "route": _route(patch)}

_decide(asked) := decision if {
	decision := route.decision with input as asked
}

_decide_with(asked, model) := decision if {
	decision := route.decision with input as asked with data.model as model
}

_denied(decision, codes) if {
	decision.allow == false
	{reason.code | some reason in decision.reasons} == codes
}

_signed_out(asked) := object.union(asked, {"session": null, "credential": {"code": "token_expired"}})

test_public if {
	asked := _input({"public": true})
	_decide(asked) == _allow
	_decide(_signed_out(asked)) == _allow
	_decide({"session": null, "route": {"public": true}}) == _allow
}

test_unlisted if {
	_denied(_decide({"session": _session, "route": null}), {"route_unlisted"})
	_denied(_decide({"session": null, "route": null}), {"route_unlisted"})
	_denied(_decide({"session": _session, "route": null, "check": {"any": [{"role": "member"}]}}), {"route_unlisted"})
}

test_without_route if {
	every asked in [{}, {"session": _session}, {"session": _session, "check": {"any": [{"role": "member"}]}}] {
		_decide(asked).allow == false
	}
}

test_public_must_be_told if {
	every public in [null, "true", 1, {}] {
		asked := {"session": _session, "route": {"public": public}}
		_decide(asked).allow == false
	}
	_decide({"session": _session, "route": {}}).allow == false
}

test_signed_in if {
	_decide(_input({})) == _allow
	_denied(_decide(_signed_out(_input({}))), {"token_expired"})
	_denied(_decide(object.union(_input({}), {"session": null})), {"token_missing"})
}

# A route that asks for nothing is none that the model has.
test_nothing_asked_of_the_session if {
	_decide(_input({"signed_in": false})).allow == false
	_decide(_requiring(_input({"signed_in": false}), "member")) == _allow
	_decide(_input({"signed_in": false, "organization": "org_acme"})) == _allow
}

_requiring(asked, role) := object.union(asked, {"check": {"any": [{"role": role}]}})

test_requirement if {
	_decide(_requiring(_input({}), "member")) == _allow
	_denied(_decide(_requiring(_input({}), "admin")), {"role_required"})
	_denied(_decide(_signed_out(_requiring(_input({}), "member"))), {"token_expired"})
}

test_requirement_of_nothing if {
	_denied(_decide(object.union(_input({}), {"check": {"any": []}})), {"nothing_asked"})
	_decide(object.union(_input({}), {"check": {"any": [{}]}})).allow == false
	_decide(object.union(_input({}), {"check": {}})).allow == false
}

test_public_has_no_requirement if {
	_decide(_requiring(_input({"public": true}), "admin")) == _allow
	_decide(_input({"public": true, "organization": "org_globex"})) == _allow
	suspended := {"organizations": {"org_acme": {"suspended": true}}}
	_decide_with(_input({"public": true, "organization": "org_acme"}), suspended) == _allow
}

test_organization_by_id if {
	_decide(_input({"organization": "org_acme"})) == _allow
	every other in ["org_globex", "acme", "ORG_ACME", ""] {
		decision := _decide(_input({"organization": other}))
		_denied(decision, {"organization_required"})
		{reason.organization | some reason in decision.reasons} == {other}
	}
}

test_organization_by_slug if {
	_decide(_input({"organization_slug": "acme"})) == _allow
	every other in ["globex", "org_acme", "Acme", ""] {
		_denied(_decide(_input({"organization_slug": other})), {"organization_required"})
	}
}

test_organization_without_slug if {
	asked := object.union(_input({"organization": "org_acme"}), {"session": {"org": {"slug": null}}})
	_decide(asked) == _allow
	_denied(_decide(object.union(_input({"organization_slug": ""}), {"session": {"org": {"slug": null}}})), {"organization_required"})
}

test_organization_without_active_one if {
	every asked in [_input({"organization": "org_acme"}), _input({"organization_slug": "acme"})] {
		_denied(_decide(object.union(asked, {"session": {"org": null}})), {"organization_required"})
		_denied(_decide(_signed_out(asked)), {"token_expired"})
	}
}

test_organization_suspended if {
	model := {"organizations": {"org_acme": {"suspended": true}}}
	_denied(_decide_with(_input({"organization": "org_acme"}), model), {"organization_suspended"})
	_denied(_decide_with(_input({"organization_slug": "acme"}), model), {"organization_suspended"})
	_denied(_decide_with(_input({"organization": "org_globex"}), model), {"organization_required"})
}

test_organization_where_the_role_counts_for_nothing if {
	model := {"role_sets": {"starter": {"roles": ["org:admin"]}}, "settings": {"default_role_set": "starter"}}
	_denied(_decide_with(_input({"organization": "org_acme"}), model), {"role_not_in_role_set"})
}

test_organization_and_requirement if {
	asked := _input({"organization": "org_acme"})
	_decide(_requiring(asked, "member")) == _allow
	_denied(_decide(_requiring(asked, "admin")), {"role_required"})
	elsewhere := _input({"organization": "org_globex"})
	_denied(_decide(_requiring(elsewhere, "member")), {"organization_required"})
	_denied(_decide(_requiring(elsewhere, "admin")), {"organization_required", "role_required"})
}

test_extension_narrows if {
	every asked in [_input({}), _input({"public": true}), _requiring(_input({}), "member")] {
		decision := route.decision with input as asked with data.postern.extend.deny as {"not on Sundays"}
		_denied(decision, {"policy_denied"})
	}
}

test_extension_without_denials if {
	decision := route.decision with input as _input({}) with data.postern.extend.deny as set()
	decision == _allow
}
