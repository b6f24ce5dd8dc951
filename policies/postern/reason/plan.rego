package postern.reason

import data.postern.organization
import data.postern.permission
import data.postern.plan

# What the user alone is asked for has nothing to do with an organization.
_feature(scoped) := {
	"code": "feature_required",
	"feature": scoped.id,
	"message": sprintf("the user has no feature %s", [scoped.id]),
} if {
	scoped.scopes == {"user"}
}

else := suspended(organization.id) if organization.suspended

else := _organization_feature(scoped.id)

_organization_feature(asked) := _feature_gated(asked) if {
	asked in input.session.features.org
	not plan.allows_feature(asked)
}

else := {
	"code": "feature_required",
	"feature": asked,
	"message": sprintf("the token of %s does not list feature %s, which plan %s has", [_name, asked, plan.name]),
} if {
	plan.name in plan.with_feature(asked)
}

else := {
	"code": "feature_required",
	"feature": asked,
	"message": sprintf("the session has no feature %s; %s", [asked, _listed("plans with it", plan.with_feature(asked))]),
} if {
	data.model.plans
}

else := {
	"code": "feature_required",
	"feature": asked,
	"message": sprintf("the session has no feature %s", [asked]),
}

_plan(scoped) := {
	"code": "plan_required",
	"plan": scoped.id,
	"message": sprintf("the user is not on plan %s", [scoped.id]),
} if {
	scoped.scopes == {"user"}
}

else := suspended(organization.id) if organization.suspended

else := _other_plan(scoped.id)

_gated(asked) := object.union(_missing_feature(permission.feature(asked)), {
	"code": "permission_gated_by_feature",
	"permission": asked,
})

_feature_gated(asked) := object.union(_missing_feature(asked), {"code": "feature_required"})

_other_plan(asked) := {
	"code": "plan_required",
	"plan": asked,
	"message": sprintf("the token says plan %s, and the model says that %s is on %s", [asked, _name, plan.name]),
} if {
	asked in input.session.plans.org
	not plan.allows_plan(asked)
}

else := {
	"code": "plan_required",
	"plan": asked,
	"message": sprintf("the token does not say plan %s, which the model has for %s", [asked, _name]),
} if {
	plan.name == asked
}

else := {
	"code": "plan_required",
	"plan": asked,
	"message": sprintf("the session is on plan %s, not %s", [plan.name, asked]),
} if {
	plan.name
}

else := {
	"code": "plan_required",
	"plan": asked,
	"message": sprintf("the user is on %s, not %s", [concat(", ", input.session.plans.user), asked]),
} if {
	count(input.session.plans.user) > 0
	not asked in input.session.plans.user
}

else := {
	"code": "plan_required",
	"plan": asked,
	"message": sprintf("the session states no plan; %s is asked for", [asked]),
}

# Which plan it is that lacks a feature, or that the token's own list does.
_missing_feature(feature) := {
	"feature": feature,
	"plan": lacking,
	"message": sprintf("the token says plan %s, which has no feature %s, and the model says that %s is on %s: a new token may say so too", [
		lacking,
		feature,
		_name,
		plan.name,
	]),
} if {
	lacking := plan.without(feature)
	lacking != plan.name
}

else := {
	"feature": feature,
	"plan": lacking,
	"message": sprintf("%s is on plan %s, which has no feature %s; %s", [
		_name,
		lacking,
		feature,
		_listed("plans with it", plan.with_feature(feature)),
	]),
} if {
	lacking := plan.without(feature)
}

else := {
	"feature": feature,
	"message": sprintf("the token of %s does not list feature %s", [_name, feature]),
} if {
	is_array(input.session.features.org)
	not feature in input.session.features.org
}

else := {
	"feature": feature,
	"message": sprintf("no plan of %s is known; %s", [
		_name,
		_listed(sprintf("plans with feature %s", [feature]), plan.with_feature(feature)),
	]),
}
