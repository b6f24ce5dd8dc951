package postern.reason_test

test_feature_of_the_plan_that_the_token_does_not_list if {
	every features in [null, {"org": [], "user": []}, {"org": ["sso"], "user": []}] {
		_why("feature", "reports", _with({"features": features}), _pro) == {
			"code": "feature_required",
			"feature": "reports",
			"message": "the token of org_acme does not list feature reports, which plan pro has",
		}
	}
	defaulted := object.union(json.remove(_pro, ["organizations/org_acme/plan"]), {"settings": {"default_plan": "pro"}})
	_why("feature", "reports", _session, defaulted).message == "the token of org_acme does not list feature reports, which plan pro has"
}

test_feature_that_the_plan_does_not_have if {
	_why("feature", "reports", _session, _model).message == "the session has no feature reports; plans with it: pro"
	_why("feature", "reports", _session, {}).message == "the session has no feature reports"
}

# The default plan is an organization's, and none is active here.
test_feature_without_organization if {
	model := object.union(_model, {"settings": {"default_plan": "pro"}})
	_why("feature", "reports", _with({"org": null}), model).message == "the session has no feature reports; plans with it: pro"
}

_on_free := _with({"plans": {"org": ["free"], "user": []}})

test_permission_gated_by_the_tokens_plan if {
	_why("permission", "org:reports:export", _on_free, _pro) == {
		"code": "permission_gated_by_feature",
		"permission": "org:reports:export",
		"feature": "reports",
		"plan": "free",
		"message": "the token says plan free, which has no feature reports, and the model says that org_acme is on pro: a new token may say so too",
	}
}

test_feature_gated_by_the_tokens_plan if {
	reason := _why("feature", "reports", object.union(_on_free, {"features": {"org": ["reports"], "user": []}}), _pro)
	[reason.code, reason.plan] == ["feature_required", "free"]
	reason.message == "the token says plan free, which has no feature reports, and the model says that org_acme is on pro: a new token may say so too"
}

# Where the model has no word of its own, the token's plan is the one.
test_permission_gated_by_the_tokens_plan_alone if {
	reason := _why("permission", "org:reports:export", _on_free, json.remove(_pro, ["organizations/org_acme/plan"]))
	reason.message == "org_acme is on plan free, which has no feature reports; plans with it: pro"
}

_users(plans) := _with({"org": null, "plans": {"org": [], "user": plans}})

test_plan_of_a_user_on_others if {
	_why("plan", "pro", _users(["gold", "silver"]), _model) == {
		"code": "plan_required",
		"plan": "pro",
		"message": "the user is on gold, silver, not pro",
	}
	_why("plan", "pro", _users([]), _model).message == "the session states no plan; pro is asked for"
	defaulted := object.union(_model, {"settings": {"default_plan": "free"}})
	_why("plan", "pro", _users(["gold"]), defaulted).message == "the user is on gold, not pro"
	_why("plan", "pro", object.union(_users(["gold"]), {"org": {"id": "org_acme"}}), _model).message == "the session is on plan free, not pro"
}

# The user's own plan is not the one that is asked for.
test_plan_of_an_organization_that_the_user_has_himself if {
	not contains(_why("plan", "org:pro", _users(["pro"]), _model).message, "not pro")
}
