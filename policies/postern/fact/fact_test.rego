package postern.fact_test

import data.postern.fact

_stated(name, value) if fact.stated[name] with input.resource as {name: value}

_counts := {"owned", "members", "pending", "holders", "owners", "organizations"}

_names := {"role", "from", "to", "user_id"}

test_count if {
	every name in _counts {
		every value in [0, 1, 2.0, 1000000000000] { _stated(name, value) }
	}
}

test_count_of_another_form if {
	every name in _counts {
		every value in [-1, 0.5, -0.5, 1e-9, "1", "", null, true, [1], {"value": 1}] { not _stated(name, value) }
	}
}

test_name if {
	every name in _names {
		every value in ["org:member", " ", "0"] { _stated(name, value) }
	}
}

test_name_of_another_form if {
	every name in _names {
		every value in ["", 7, null, true, ["org:member"], {"key": "org:member"}] { not _stated(name, value) }
	}
}

test_domain if {
	every value in ["acme.com", "ACME.com", "xn--bcher-kva.example"] { _stated("domain", value) }
}

# Lower-casing the Kelvin sign gives a plain k, so it must not get as far.
test_domain_of_another_form if {
	every value in ["", "acme .com", "acme.com\n", "bücher.example", "\u212aelvin.com", 7, -1, 0.5, null, true, ["acme.com"], {"name": "acme.com"}] {
		not _stated("domain", value)
	}
}

test_email if {
	every value in ["ada@acme.com", "Ada+tag@ACME.com"] { _stated("email", value) }
}

test_email_of_another_form if {
	every value in [
		"", "ada", "ada@", "@acme.com", "ada@evil.com@acme.com", "\"ada@evil.com\"@acme.com", "a da@acme.com",
		"ada@acme.com\n", "ada@acme.com ", "ada@bücher.example", "ada@\u212aelvin.com", "ad\u00e4@acme.com",
		7, -1, 0.5, null, true, ["ada@acme.com"], {"address": "ada@acme.com"},
	] {
		not _stated("email", value)
	}
}

test_organization if {
	every value in ["org_acme", null] { _stated("organization", value) }
}

test_organization_of_another_form if {
	every value in ["", 7, true, false, ["org_acme"], {"id": "org_acme"}] { not _stated("organization", value) }
}

test_member if {
	every value in [true, false] { _stated("member", value) }
	every value in ["true", "", 1, 0, null, [true], {"member": true}] { not _stated("member", value) }
}

test_member_of_the_personal_account if {
	"member" in fact.stated with input.resource as {"organization": null}
	not "member" in fact.stated with input.resource as {"organization": "org_acme"}
}

test_nothing_stated if {
	every resource in [{}, null, "members", 7, ["members"]] {
		stated := fact.stated with input.resource as resource
		stated == set()
	}
	stated := fact.stated with input as {}
	stated == set()
}

test_missing if {
	missing := fact.missing({"role", "members", "pending"}) with input as {
		"action": "membership.add",
		"resource": {"members": 1, "pending": "1"},
	}
	{[reason.code, reason.action, reason.fact] | some reason in missing} == {
		["action_incomplete", "membership.add", "resource.role"],
		["action_incomplete", "membership.add", "resource.pending"],
	}
}

test_missing_says_the_form_of_every_fact if {
	all := (_counts | _names) | {"domain", "email", "organization", "member"}
	missing := fact.missing(all) with input as {"action": "membership.add"}
	count(missing) == count(all)
	every reason in missing { contains(reason.message, reason.fact) }
}

test_missing_nothing if fact.missing(set()) == set() with input as {"action": "organization.delete"}

# A fact without a form is missing like any other.
test_missing_fact_without_form if {
	missing := fact.missing({"shoe_size"}) with input.action as "membership.add" with input.resource as {"shoe_size": 43}
	{reason.fact | some reason in missing} == {"resource.shoe_size"}
}
