# METADATA
# title: has()
# description: |
#   Whether the session holds one member of a requirement. With no model this equals
#   Clerk's has(); the model then narrows it. Everything not held here is denied.
# schemas:
#   - input: schema.input
package postern.has

import data.postern.membership
import data.postern.name
import data.postern.organization
import data.postern.permission
import data.postern.plan
import data.postern.reverification

# METADATA
# description: Whether the session has the role that is asked for.
holds("role", asked) if {
	is_string(asked)
	membership.stands
	membership.role == name.role(asked)
}

# METADATA
# description: Whether the session has the permission that is asked for.
holds("permission", asked) if {
	is_string(asked)
	membership.stands
	wanted := name.permission(asked)
	permission.brought(wanted)
	not permission.gated(wanted)
}

# METADATA
# description: Whether the session's user, or the plan of its organization, has the feature.
holds("feature", asked) if {
	is_string(asked)
	wanted := name.scoped(asked)
	"user" in wanted.scopes
	wanted.id in input.session.features.user
}

holds("feature", asked) if {
	is_string(asked)
	wanted := name.scoped(asked)
	"org" in wanted.scopes
	wanted.id in input.session.features.org
	not organization.suspended
	plan.allows_feature(wanted.id)
}

# METADATA
# description: Whether the session's user, or its organization, is on the plan.
holds("plan", asked) if {
	is_string(asked)
	wanted := name.scoped(asked)
	"user" in wanted.scopes
	wanted.id in input.session.plans.user
}

holds("plan", asked) if {
	is_string(asked)
	wanted := name.scoped(asked)
	"org" in wanted.scopes
	wanted.id in input.session.plans.org
	not organization.suspended
	plan.allows_plan(wanted.id)
}

# METADATA
# description: Whether the session's factors are fresh enough.
holds("reverification", asked) if reverification.met(asked)
