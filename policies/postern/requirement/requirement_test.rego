package postern.requirement_test

import data.postern.requirement

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "role": "org:admin", "permissions": ["org:reports:read"]},
	"features": null,
	"plans": null,
}

_met(terms) if requirement.met with input.session as _session with input.check.any as terms

_unmet(terms) := {reason.code | some reason in unmet} if {
	unmet := requirement.unmet with input.session as _session with input.check.any as terms
}

test_met_by_one_term if {
	_met([{"role": "admin"}])
	_met([{"role": "member"}, {"role": "admin"}])
	_unmet([{"role": "member"}, {"role": "admin"}]) == set()
}

test_met_by_all_members_of_a_term if {
	_met([{"role": "admin", "permission": "org:reports:read"}])
	not _met([{"role": "admin", "feature": "sso"}])
	_unmet([{"role": "admin", "feature": "sso"}]) == {"feature_required"}
}

test_met_by_all_parts_of_a_term if {
	_met([{"all": [{"role": "admin"}, {"permission": "org:reports:read"}]}])
	not _met([{"all": [{"role": "admin"}, {"role": "member"}]}])
	_unmet([{"all": [{"role": "admin"}, {"role": "member"}]}]) == {"role_required"}
}

test_unmet_by_a_term_of_nothing if {
	every terms in [[], [{}], [{"all": []}], [{"all": [{}]}], [{"all": [{"role": "admin"}, {}]}]] {
		not _met(terms)
	}
}

test_unmet_by_all_beside_members if not _met([{"all": [{"role": "admin"}], "role": "admin"}])

test_unmet_by_unknown_members if {
	not _met([{"roles": "admin"}])
	not _met([{"role": "admin", "roles": "admin"}])
}

test_unmet_without_session if {
	every session in [null, {}] {
		not requirement.met with input.session as session with input.check.any as [{"role": "admin"}]
		unmet := requirement.unmet with input.session as session with input.check.any as [{"role": "admin"}]
		unmet == set()
	}
}

test_unmet_by_half_a_session if {
	terms := [{"role": "admin"}]
	not requirement.met with input.session as object.remove(_session, {"issuer"}) with input.check.any as terms
	not requirement.met with input as {"session": null, "factor_age": [0, 0], "check": {"any": [{"reverification": "strict"}]}}
}

test_unmet_says_that_nothing_is_asked if {
	_unmet([]) == {"nothing_asked"}
	unmet := requirement.unmet with input as {"session": null, "check": {"any": []}}
	unmet == {{"code": "nothing_asked"}}
}

test_nothing_without_a_requirement if {
	not requirement.met with input as {"session": _session}
	unmet := requirement.unmet with input as {"session": _session}
	unmet == set()
}
