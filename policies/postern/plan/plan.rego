# METADATA
# title: Plans
# description: |
#   What the organization's plan lets through. The model and the token may both say
#   which plan it is and which features it has; where both do, both must allow. The
#   default plan stands in where neither says anything.
# schemas:
#   - input: schema.input
package postern.plan

import data.postern.organization

# METADATA
# description: The plan to name to a reader, the model's word before the token's.
name := plan if plan := _modelled

else := plan if plan := input.session.plans.org[0]

else := _default if organization.id

# METADATA
# description: The plan of any organization. The token speaks only for the active one.
of(id) := name if id == organization.id

else := plan if plan := data.model.organizations[id].plan

else := _default

# METADATA
# description: Whether the organization may use a feature. Without plans in the model, it may.
allows_feature(feature) if {
	not _model_refuses(feature)
	not _token_plans_refuse(feature)
	not _token_features_refuse(feature)
	not _default_refuses(feature)
}

# METADATA
# description: Whether the organization may be on a plan, as far as the model says.
allows_plan(plan) if _modelled == plan

allows_plan(_) if not _modelled

# METADATA
# description: The names of the plans that have a feature, sorted.
with_feature(feature) := sort([plan |
	some plan, _ in data.model.plans
	_has(plan, feature)
])

# METADATA
# description: The stated plan that lacks a feature, the model's word before the token's.
without(feature) := plan if {
	_model_refuses(feature)
	plan := _modelled
}

else := plan if {
	_token_plans_refuse(feature)
	plan := input.session.plans.org[0]
}

else := plan if {
	_default_refuses(feature)
	plan := _default
}

# These are rules of their own because "not f(x)" and "not data.y[x]" are undefined, and
# not true, where the rule x is undefined.
_modelled := data.model.organizations[organization.id].plan

_default := data.model.settings.default_plan

_model_refuses(feature) if {
	data.model.plans
	_modelled
	not _has(_modelled, feature)
}

_token_plans_refuse(feature) if {
	data.model.plans
	count(input.session.plans.org) > 0
	every plan in input.session.plans.org { not _has(plan, feature) }
}

_token_features_refuse(feature) if {
	data.model.plans
	is_array(input.session.features.org)
	not feature in input.session.features.org
}

_default_refuses(feature) if {
	data.model.plans
	not _modelled
	not input.session.plans.org[0]
	not _default_has(feature)
}

_default_has(feature) if feature in data.model.plans[_default].features

_has(plan, feature) if feature in data.model.plans[plan].features
