package postern.reason_test

import data.postern.reason

_session := {
	"profile": "clerk",
	"issuer": "https://clerk.example.com",
	"org": {"id": "org_acme", "role": "org:member", "permissions": []},
	"features": null,
	"plans": null,
}

_model := {
	"roles": {"org:admin": {"permissions": ["org:reports:export"]}, "org:member": {"permissions": []}},
	"role_sets": {"starter": {"roles": ["org:member"]}, "growth": {"roles": ["org:member", "org:admin"]}},
	"plans": {"free": {"features": []}, "pro": {"features": ["reports"]}},
	"organizations": {"org_acme": {"plan": "free", "role_set": "starter"}},
}

_pro := json.patch(_model, [{"op": "replace", "path": "/organizations/org_acme/plan", "value": "pro"}])

_why(member, asked, session, model) := why if {
	why := reason.why(member, asked) with input.session as session with data.model as model
}

_with(patch) := object.union(_session, patch)

test_name_must_be_text if {
	every member, code in {
		"role": "role_required",
		"permission": "permission_not_granted",
		"feature": "feature_required",
		"plan": "plan_required",
	} {
		_why(member, null, _session, {}) == {
			"code": code,
			"message": sprintf("a %s is asked for by its name, a string", [member]),
		}
	}
}

test_role_without_organization if {
	_why("role", "admin", _with({"org": null}), {}) == {
		"code": "organization_required",
		"role": "org:admin",
		"message": "a role is held in an organization, and the session has none active",
	}
}

test_permission_without_organization if {
	_why("permission", "reports:export", _with({"org": null}), {}).permission == "org:reports:export"
}

test_role_in_a_suspended_organization if {
	_why("role", "admin", _session, {"organizations": {"org_acme": {"suspended": true}}}) == {
		"code": "organization_suspended",
		"organization": "org_acme",
		"message": "org_acme is suspended and grants nothing",
	}
}

test_role_outside_the_set if {
	_why("role", "admin", _with({"org": {"role": "org:admin"}}), _model) == {
		"code": "role_not_in_role_set",
		"organization": "org_acme",
		"role": "org:admin",
		"role_set": "starter",
		"message": "role set starter of org_acme does not hold org:admin; role sets with it: growth",
	}
}

test_role_without_a_set if {
	_why("role", "admin", _session, {"role_sets": {}}) == {
		"code": "role_not_in_role_set",
		"organization": "org_acme",
		"message": "org_acme has no role set that holds the session's role",
	}
}

test_another_role if {
	_why("role", "admin", _session, _model) == {
		"code": "role_required",
		"role": "org:admin",
		"message": "the session's role in org_acme is org:member, not org:admin; role set starter does not hold it, role sets with it: growth",
	}
}

test_another_role_that_could_be_given if {
	grown := json.patch(_model, [{"op": "replace", "path": "/organizations/org_acme/role_set", "value": "growth"}])
	reason := _why("role", "admin", _session, grown)
	reason.message == "the session's role in org_acme is org:member, not org:admin; role set growth holds it"
}

test_another_role_without_sets if {
	reason := _why("role", "admin", _session, {})
	reason.message == "the session's role in org_acme is org:member, not org:admin"
}

test_no_role if {
	_why("role", "admin", _with({"org": {"role": null}}), {}) == {
		"code": "role_required",
		"role": "org:admin",
		"message": "the session states no role in org_acme",
	}
}

test_permission_gated if {
	_why("permission", "org:reports:export", _session, _model) == {
		"code": "permission_gated_by_feature",
		"permission": "org:reports:export",
		"feature": "reports",
		"plan": "free",
		"message": "org_acme is on plan free, which has no feature reports; plans with it: pro",
	}
}

test_permission_gated_by_the_tokens_list if {
	_why("permission", "org:reports:export", _with({"features": {"org": ["sso"], "user": []}}), _pro) == {
		"code": "permission_gated_by_feature",
		"permission": "org:reports:export",
		"feature": "reports",
		"message": "the token of org_acme does not list feature reports",
	}
}

test_permission_gated_where_no_plan_is_known if {
	_why("permission", "org:reports:export", _session, {"plans": {"pro": {"features": ["reports"]}}}) == {
		"code": "permission_gated_by_feature",
		"permission": "org:reports:export",
		"feature": "reports",
		"message": "no plan of org_acme is known; plans with feature reports: pro",
	}
}

test_permission_of_other_roles if {
	by_roles := object.union(_pro, {"settings": {"permission_source": "roles"}})
	_why("permission", "org:reports:export", _session, by_roles) == {
		"code": "permission_not_granted",
		"permission": "org:reports:export",
		"message": "org:member in org_acme does not bring org:reports:export; no role of role set starter has it, but role sets with roles that have it: growth",
	}
}

test_permission_of_other_roles_of_the_set if {
	grown := object.union(_pro, {
		"settings": {"permission_source": "roles"},
		"organizations": {"org_acme": {"role_set": "growth"}},
	})
	reason := _why("permission", "org:reports:export", _session, grown)
	reason.message == "org:member in org_acme does not bring org:reports:export; roles with it: org:admin"
}

test_permission_of_no_role if {
	reason := _why("permission", "org:a:b", _session, {"roles": {}})
	reason.message == "the session in org_acme does not list org:a:b; roles with it: none in the model"
}

test_system_permission_without_roles if {
	reason := _why("permission", "org:sys_billing:read", _session, {})
	reason.code == "permission_not_granted"
	reason.message == "org:sys_billing:read is granted by the roles of the model, which has none: tokens never carry it"
}

test_permission_without_roles if {
	reason := _why("permission", "org:a:b", _session, {})
	reason.message == "the session in org_acme does not list org:a:b"
}

test_permission_that_the_token_must_list if {
	_why("permission", "org:reports:export", _session, _pro) == {
		"code": "permission_not_granted",
		"permission": "org:reports:export",
		"message": "the session in org_acme does not list org:reports:export; no role of role set starter has it, but role sets with roles that have it: growth",
	}
}

test_system_permission_of_other_roles if {
	_why("permission", "org:sys_profile:delete", _session, _pro).message == "org:member in org_acme does not bring org:sys_profile:delete; roles with it: none in the model"
}

test_feature_listed_where_no_plan_is_known if {
	session := _with({"features": {"org": ["reports"], "user": []}})
	_why("permission", "org:reports:export", session, {"plans": {"pro": {"features": ["reports"]}}}).message == "no plan of org_acme is known; plans with feature reports: pro"
}

test_feature_without_model if {
	_why("feature", "sso", _session, {}) == {
		"code": "feature_required",
		"feature": "sso",
		"message": "the session has no feature sso",
	}
}

test_plan_that_the_model_contradicts if {
	session := _with({"plans": {"org": ["pro"], "user": []}})
	_why("plan", "org:pro", session, _model) == {
		"code": "plan_required",
		"plan": "pro",
		"message": "the token says plan pro, and the model says that org_acme is on free",
	}
}

test_plan_that_the_token_does_not_say if {
	_why("plan", "free", _session, _model) == {
		"code": "plan_required",
		"plan": "free",
		"message": "the token does not say plan free, which the model has for org_acme",
	}
}

test_permission_without_model if {
	_why("permission", "org:reports:export", _session, {}) == {
		"code": "permission_not_granted",
		"permission": "org:reports:export",
		"message": "the session in org_acme does not list org:reports:export",
	}
}

test_feature if {
	_why("feature", "sso", _session, _model) == {
		"code": "feature_required",
		"feature": "sso",
		"message": "the session has no feature sso; plans with it: none in the model",
	}
}

test_feature_gated if {
	_why("feature", "org:reports", _with({"features": {"org": ["reports"], "user": []}, "org": null}), {
		"plans": {"free": {"features": []}},
		"settings": {"default_plan": "free"},
	}) == {
		"code": "feature_required",
		"feature": "reports",
		"plan": "free",
		"message": "the organization is on plan free, which has no feature reports; plans with it: none in the model",
	}
}

test_feature_and_plan_of_a_suspended_organization if {
	model := {"organizations": {"org_acme": {"suspended": true}}}
	_why("feature", "reports", _session, model).code == "organization_suspended"
	_why("plan", "pro", _session, model).code == "organization_suspended"
}

test_plan if {
	_why("plan", "pro", _session, _model) == {
		"code": "plan_required",
		"plan": "pro",
		"message": "the session is on plan free, not pro",
	}
}

test_plan_unknown if {
	_why("plan", "pro", _session, {}) == {
		"code": "plan_required",
		"plan": "pro",
		"message": "the session states no plan; pro is asked for",
	}
}

test_reverification if {
	_why("reverification", "strict", _session, {}) == {
		"code": "reverification_required",
		"reverification": "strict",
		"message": "the session's factors must be verified again to meet strict (second_factor within 10 minutes)",
	}
	_why("reverification", "x", _session, {}).message == "the session's factors must be verified again to meet x, which is no preset"
	_why("reverification", {"level": "first_factor", "afterMinutes": 5}, _session, {}) == {
		"code": "reverification_required",
		"reverification": "first_factor",
		"message": "the session's factors must be verified again: first_factor within 5 minutes",
	}
	_why("reverification", 5, _session, {}).code == "reverification_required"
}

test_feature_of_the_user if {
	gone := {"organizations": {"org_acme": {"suspended": true}}}
	_why("feature", "user:sso", _session, gone) == {
		"code": "feature_required",
		"feature": "sso",
		"message": "the user has no feature sso",
	}
}

test_plan_of_the_user if {
	gone := {"organizations": {"org_acme": {"suspended": true}}}
	_why("plan", "u:gold", _session, gone) == {
		"code": "plan_required",
		"plan": "gold",
		"message": "the user is not on plan gold",
	}
}
