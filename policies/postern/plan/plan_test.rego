package postern.plan_test

import data.postern.plan

_session := {"org": {"id": "org_acme"}, "features": null, "plans": null}

_on(plans) := object.union(_session, {"plans": {"org": plans, "user": []}})

_listing(features) := object.union(_session, {"features": {"org": features, "user": []}})

_plans := {"free": {"features": []}, "pro": {"features": ["reports"]}, "max": {"features": ["reports", "sso"]}}

_acme(plan) := {"org_acme": {"plan": plan}}

test_name_is_the_models if {
	plan.name == "pro" with input.session as _on(["free"]) with data.model.organizations as _acme("pro")
}

test_name_is_the_tokens if plan.name == "free" with input.session as _on(["free"])

test_name_is_the_default if {
	plan.name == "pro" with input.session as _session with data.model.settings as {"default_plan": "pro"}
}

# A personal session is on no organization's plan.
test_name_without_organization if {
	session := object.union(_session, {"org": null})
	not plan.name with input.session as session with data.model.settings as {"default_plan": "pro"}
	plan.name == "pro" with input.session as object.union(_on(["pro"]), {"org": null})
}

test_allows_feature_without_plans if plan.allows_feature("anything") with input.session as _session

test_allows_feature_of_the_models_plan if {
	plan.allows_feature("reports") with input.session as _session
		with data.model.plans as _plans
		with data.model.organizations as _acme("pro")
}

test_refuses_feature_the_models_plan_lacks if {
	not plan.allows_feature("reports") with input.session as _on(["pro"])
		with data.model.plans as _plans
		with data.model.organizations as _acme("free")
}

test_refuses_feature_the_tokens_plan_lacks if {
	not plan.allows_feature("reports") with input.session as _on(["free"])
		with data.model.plans as _plans
		with data.model.organizations as _acme("pro")
}

test_allows_feature_that_one_of_the_tokens_plans_has if {
	plan.allows_feature("reports") with input.session as _on(["free", "pro"]) with data.model.plans as _plans
}

test_refuses_feature_of_a_plan_the_model_does_not_know if {
	not plan.allows_feature("reports") with input.session as _on(["legacy"]) with data.model.plans as _plans
}

test_refuses_feature_the_token_does_not_list if {
	not plan.allows_feature("reports") with input.session as _listing(["sso"])
		with data.model.plans as _plans
		with data.model.organizations as _acme("pro")
}

test_refuses_feature_the_default_plan_lacks if {
	not plan.allows_feature("reports") with input.session as _session
		with data.model.plans as _plans
		with data.model.settings as {"default_plan": "free"}
}

test_refuses_feature_where_no_plan_is_known if {
	not plan.allows_feature("reports") with input.session as _session with data.model.plans as _plans
}

test_allows_feature_of_the_default_plan if {
	plan.allows_feature("reports") with input.session as _session
		with data.model.plans as _plans
		with data.model.settings as {"default_plan": "pro"}
}

test_without_names_the_models_plan if {
	plan.without("reports") == "free" with input.session as _on(["pro"])
		with data.model.plans as _plans
		with data.model.organizations as _acme("free")
}

test_without_names_the_tokens_plan if {
	plan.without("reports") == "free" with input.session as _on(["free"])
		with data.model.plans as _plans
		with data.model.organizations as _acme("pro")
}

test_without_names_the_default_plan if {
	plan.without("reports") == "free" with input.session as _session
		with data.model.plans as _plans
		with data.model.settings as {"default_plan": "free"}
}

test_allows_plan_the_model_does_not_speak_of if plan.allows_plan("pro") with input.session as _session

test_allows_plan_of_the_model if {
	plan.allows_plan("pro") with input.session as _session with data.model.organizations as _acme("pro")
	not plan.allows_plan("free") with input.session as _session with data.model.organizations as _acme("pro")
}

test_with_feature_is_sorted if plan.with_feature("reports") == ["max", "pro"] with data.model.plans as _plans

test_without_organization_the_default_plan_counts if {
	session := object.union(_session, {"org": null})
	plan.allows_plan("pro") with input.session as session with data.model.plans as _plans
	plan.allows_feature("reports") with input.session as session
		with data.model.plans as _plans
		with data.model.settings as {"default_plan": "pro"}
	not plan.allows_feature("reports") with input.session as session with data.model.plans as _plans
}

_of(id, session, model) := name if {
	name := plan.of(id) with input.session as session with data.model as model
}

# What the token says of plans is said of the active organization.
test_of_any_organization if {
	model := {"organizations": {"org_globex": {"plan": "max"}}, "settings": {"default_plan": "free"}}
	_of("org_acme", _on(["pro"]), model) == "pro"
	_of("org_globex", _on(["pro"]), model) == "max"
	_of("org_hooli", _on(["pro"]), model) == "free"
	_of("org_globex", object.union(_on(["pro"]), {"org": null}), model) == "max"
	not _of("org_hooli", _on(["pro"]), {})
}

test_of_the_active_organization if {
	model := {"organizations": _acme("max"), "settings": {"default_plan": "free"}}
	_of("org_acme", _on(["pro"]), model) == "max"
	_of("org_acme", _session, {"settings": {"default_plan": "free"}}) == "free"
	not _of("org_acme", _session, {})
}
