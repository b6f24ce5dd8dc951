package postern.organization_test

import data.postern.organization

_session := {"org": {"id": "org_acme"}}

test_id if organization.id == "org_acme" with input.session as _session

test_id_undefined_without_organization if not organization.id with input.session as {"org": null}

test_suspended if {
	organization.suspended with input.session as _session
		with data.model.organizations as {"org_acme": {"suspended": true}}
}

test_not_suspended if {
	not organization.suspended with input.session as _session
		with data.model.organizations as {"org_acme": {"suspended": false}}
	not organization.suspended with input.session as _session
		with data.model.organizations as {"org_other": {"suspended": true}}
}

test_is_suspended if {
	model := {"org_acme": {"suspended": false}, "org_globex": {"suspended": true}, "org_hooli": {"suspended": "true"}}
	organization.is_suspended("org_globex") with input.session as _session with data.model.organizations as model
	every other in ["org_acme", "org_hooli", "org_initech", null] {
		not organization.is_suspended(other) with input.session as _session with data.model.organizations as model
	}
}
