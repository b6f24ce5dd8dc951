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
name := of(organization.id)

# METADATA
# description: The name of any organization's role set, as far as the model says.
of(id) := set if set := data.model.organizations[id].role_set

else := set if set := data.model.plans[plan.of(id)].role_set

else := data.model.settings.default_role_set

# METADATA
# description: Whether the organization's role set holds a role.
holds(role) if role in data.model.role_sets[name].roles

# METADATA
# description: |
#   Whether an organization may give a role to a member: it is in its role set or, where
#   the model has no role sets, one of the model's roles.
assignable(id, role) if role in data.model.role_sets[of(id)].roles

assignable(_, role) if {
	not data.model.role_sets
	data.model.roles[role]
}

# METADATA
# description: Whether the model has a role at all, in its roles or else in a role set.
known(role) if data.model.roles[role]

known(role) if {
	not data.model.roles
	some set in data.model.role_sets
	role in set.roles
}

known(_) if {
	not data.model.roles
	not data.model.role_sets
	not data.model.settings.owner_role
}

# METADATA
# description: Why an organization cannot give a role, and what would have to change.
unassignable(id, role) := "the organization has no role set" if {
	is_string(role)
	data.model.role_sets
	not of(id)
}

else := sprintf("role set %s does not hold it; role sets with it: %s", [of(id), concat(", ", with_role(role))]) if {
	count(with_role(role)) > 0
}

else := "the model has neither role sets nor this role" if not data.model.role_sets

else := "no role set of the model holds it"

# METADATA
# description: The role that new members of an organization get.
default_role(id) := data.model.role_sets[of(id)].default_role

# METADATA
# description: The names of the role sets that hold a role, sorted.
with_role(role) := sort([set |
	some set, definition in data.model.role_sets
	role in definition.roles
])
