package postern.condition_test

import data.postern.condition

_domains := {
	"org_acme": {"domains": {"acme.com": "automatic_invitation", "acme.org": "manual_invitation"}},
	"org_globex": {"role_set": "growth", "domains": {
		"globex.com": "automatic_suggestion",
		"globex.org": "enterprise_connection",
		"shared.com": "automatic_invitation",
	}},
	"org_initech": {"domains": {"shared.com": "automatic_suggestion"}},
}

_verified := _modelled({"organizations": _domains})

_enrolling(email, domain) := {
	"session": object.union(_ada.session, {"org": null}),
	"user_id": "user_ada",
	"action": "domain.enroll",
	"resource": {"email": email, "domain": domain, "members": 1, "pending": 0},
}

_naming(organization) := {"resource": {"organization": organization}}

_enrollment(asked, model) := enrollment if {
	enrollment := condition.enrollment with input as asked with data.model as model
}

test_enrollment if {
	_enrollment(_enrolling("ada@acme.com", "acme.com"), _verified) == {
		"organization": "org_acme",
		"mode": "automatic_invitation",
		"role": "org:member",
	}
	_enrollment(_enrolling("ada@globex.org", "globex.org"), _verified) == {
		"organization": "org_globex",
		"mode": "enterprise_connection",
		"role": "org:auditor",
	}
}

test_domain_verified if _met("domain_verified", _enrolling("ada@acme.com", "acme.com"), _verified)

test_domain_verified_in_any_case if {
	asked := _enrolling("ada@acme.com", "ACME.com")
	_met("domain_verified", asked, _verified)
	_met("email_domain", asked, _verified)
	_met("email_domain", _enrolling("Ada@Acme.COM", "acme.com"), _verified)
}

test_domain_verified_by_nobody if {
	every domain in ["hooli.com", "sub.acme.com", "com", "acme.com.", ".acme.com", "acme.co"] {
		asked := _enrolling("ada@hooli.com", domain)
		not _met("domain_verified", asked, _verified)
		_why("domain_verified", asked, _verified).code == "action_not_allowed"
		not _enrollment(asked, _verified)
	}
}

test_domain_verified_without_organizations if {
	every model in [{}, {"organizations": {}}, {"organizations": {"org_acme": {}}}, {"organizations": {"org_acme": {"domains": {}}}}] {
		asked := _enrolling("ada@acme.com", "acme.com")
		not _met("domain_verified", asked, model)
		_why("domain_verified", asked, model).code == "action_not_allowed"
	}
}

test_domain_verified_by_several if {
	asked := _enrolling("ada@shared.com", "shared.com")
	not _met("domain_verified", asked, _verified)
	why := _why("domain_verified", asked, _verified)
	why.code == "action_incomplete"
	why.fact == "resource.organization"
	not _enrollment(asked, _verified)
}

# The organization of the session has no say in which of several is joined.
test_domain_verified_by_several_and_by_the_active if {
	every active in ["org_globex", "org_initech", "org_acme"] {
		asked := object.union(_enrolling("ada@shared.com", "shared.com"), {"session": {"org": {"id": active, "role": null}}})
		not _met("domain_verified", asked, _verified)
		_why("domain_verified", asked, _verified).code == "action_incomplete"
		not _enrollment(asked, _verified)
	}
}

test_domain_verified_by_the_one_that_is_named if {
	asked := object.union(_enrolling("ada@shared.com", "shared.com"), _naming("org_initech"))
	_met("domain_verified", asked, _verified)
	_enrollment(asked, _verified).organization == "org_initech"
	_enrollment(asked, _verified).mode == "automatic_suggestion"
}

test_domain_not_verified_by_the_one_that_is_named if {
	every organization in ["org_globex", "org_hooli"] {
		asked := object.union(_enrolling("ada@acme.com", "acme.com"), _naming(organization))
		not _met("domain_verified", asked, _verified)
		why := _why("domain_verified", asked, _verified)
		why.code == "action_not_allowed"
		why.organization == organization
	}
}

test_domain_verified_not_by_what_is_no_id if {
	every odd in [null, "", 7, false, ["org_acme"], {"id": "org_acme"}] {
		every domain in ["acme.com", "shared.com", "hooli.com"] {
			asked := object.union(_enrolling("ada@acme.com", domain), _naming(odd))
			not _met("domain_verified", asked, _verified)
			why := _why("domain_verified", asked, _verified)
			why.code == "action_incomplete"
			why.fact == "resource.organization"
		}
	}
}

test_email_domain if {
	_met("email_domain", _enrolling("ada@acme.com", "acme.com"), _verified)
	every email in ["ada@hooli.com", "ada@sub.acme.com", "ada@notacme.com", "ada@acme.com.", "ada@acme.co", "acme.com@hooli.com"] {
		not _met("email_domain", _enrolling(email, "acme.com"), _verified)
	}
	_why("email_domain", _enrolling("ada@hooli.com", "acme.com"), _verified).code == "action_not_allowed"
}

test_enrollment_mode if {
	every domain in ["acme.com", "globex.com", "globex.org"] {
		_met("enrollment_mode", _enrolling("ada@acme.com", domain), _verified)
	}
	asked := _enrolling("ada@acme.org", "acme.org")
	_met("domain_verified", asked, _verified)
	not _met("enrollment_mode", asked, _verified)
	why := _why("enrollment_mode", asked, _verified)
	why.code == "action_not_allowed"
	why.organization == "org_acme"
	elsewhere := object.union(_enrolling("ada@acme.com", "acme.com"), _naming("org_globex"))
	not _met("enrollment_mode", elsewhere, _verified)
	not _why("enrollment_mode", elsewhere, _verified)
}

test_enrollment_mode_unheard_of if {
	model := {"organizations": {"org_acme": {"domains": {"acme.com": "everybody"}}}}
	not _met("enrollment_mode", _enrolling("ada@acme.com", "acme.com"), model)
}

test_default_role if _met("default_role", _enrolling("ada@acme.com", "acme.com"), _verified)

test_default_role_unless_the_set_names_one if {
	asked := _enrolling("ada@acme.com", "acme.com")
	every model in [
		json.remove(_verified, ["role_sets/starter/default_role"]),
		json.remove(_verified, ["role_sets"]),
		json.remove(_verified, ["settings/default_role_set"]),
		object.union(_verified, {"role_sets": {"starter": {"roles": ["org:admin"]}}}),
	] {
		not _met("default_role", asked, model)
		why := _why("default_role", asked, model)
		why.code == "role_not_in_role_set"
		why.organization == "org_acme"
	}
}

test_enrolling_organization_may_be_suspended if {
	asked := _enrolling("ada@acme.com", "acme.com")
	_met("not_suspended", asked, _verified)
	model := object.union(_verified, {"organizations": {"org_acme": {"suspended": true}}})
	not _met("not_suspended", asked, model)
	_why("not_suspended", asked, model).organization == "org_acme"
}

test_enrolling_organization_has_the_limit if {
	asked := _enrolling("ada@acme.com", "acme.com")
	model := object.union(_verified, {"organizations": {"org_acme": {"membership_limit": 2}, "org_globex": {"membership_limit": 1}}})
	_met("membership_limit", asked, model)
	full := object.union(asked, {"resource": {"pending": 1}})
	not _met("membership_limit", full, model)
	_why("membership_limit", full, model).organization == "org_acme"
}
