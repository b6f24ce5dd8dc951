# METADATA
# title: Role sets
# description: |
#   Every organization has one role set: its own, its plan's, or the default. A role
#   outside the set grants nothing.
package postern.roleset

import data.postern.organization
import data.postern.plan

# METADATA
# description: The name of the organization's role set.
name := set if set := data.model.organizations[organization.id].role_set

else := set if set := data.model.plans[plan.name].role_set

else := data.model.settings.default_role_set

# METADATA
# description: Whether the organization's role set holds a role.
holds(role) if role in data.model.role_sets[name].roles

# METADATA
# description: The names of the role sets that hold a role, sorted.
with_role(role) := sort([set |
	some set, definition in data.model.role_sets
	role in definition.roles
])
