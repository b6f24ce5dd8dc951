package postern.condition_test

import data.postern.condition

_ada := {
	"session": {
		"profile": "clerk",
		"issuer": "https://clerk.example.com",
		"org": {"id": "org_acme", "slug": "acme", "role": "org:admin", "permissions": []},
		"features": null,
		"plans": null,
	},
	"user_id": "user_ada",
	"action": "membership.add",
}

_roles := {
	"org:owner": {"includes": ["org:admin"], "permissions": ["org:sys_profile:delete"]},
	"org:admin": {"includes": ["org:member"], "permissions": ["org:sys_memberships:manage"]},
	"org:member": {"permissions": ["org:sys_memberships:read"]},
	"org:auditor": {"permissions": [], "managed_by": ["org:owner", "org:auditor"]},
	"org:sealed": {"permissions": [], "managed_by": []},
}

_model := {
	"roles": _roles,
	"role_sets": {
		"starter": {"roles": ["org:owner", "org:admin", "org:member"], "default_role": "org:member"},
		"growth": {"roles": ["org:owner", "org:admin", "org:member", "org:auditor"], "default_role": "org:auditor"},
	},
	"settings": {"default_role_set": "starter", "owner_role": "org:owner"},
}

_asking(patch) := object.union(_ada, patch)

_about(resource) := object.union(_ada, {"resource": resource})

_as(role) := {"session": {"org": {"role": role}}}

_modelled(patch) := object.union(_model, patch)

_met(name, asked, model) if condition.met[name] with input as asked with data.model as model

_why(name, asked, model) := why if {
	why := condition.why[name] with input as asked with data.model as model
}

test_in_organization if {
	_met("in_organization", _ada, {})
	_met("in_organization", _about({"organization": "org_acme"}), {})
}

test_in_organization_without_one if {
	asked := _asking({"session": {"org": null}})
	not _met("in_organization", asked, {})
	why := _why("in_organization", asked, {})
	why.code == "organization_required"
	not why.organization
}

test_in_organization_suspended if {
	model := {"organizations": {"org_acme": {"suspended": true}}}
	not _met("in_organization", _ada, model)
	why := _why("in_organization", _ada, model)
	why.code == "organization_suspended"
	why.organization == "org_acme"
}

test_in_organization_is_about_another if {
	every other in ["org_globex", "ORG_ACME", "acme", "", null, 7, ["org_acme"], {"id": "org_acme"}, false] {
		asked := _about({"organization": other})
		not _met("in_organization", asked, {})
		why := _why("in_organization", asked, {})
		why.code == "organization_required"
		why.organization == "org_acme"
	}
}

test_nothing_else_is_met if {
	not _met("anything", _ada, _model)
	not _why("anything", _ada, _model)
}
