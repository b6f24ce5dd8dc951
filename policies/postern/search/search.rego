# METADATA
# title: Search
# description: |
#   What AuthZEN searches list. The library knows the actions of sessions. Subjects and
#   resources are with the application: only a bundle that has them as data can list them.
# schemas:
#   - input: schema.input
package postern.search

import data.postern.action as organization
import data.postern.check
import data.postern.name
import data.postern.permission

# METADATA
# description: |
#   Every action that an evaluation of this session allows for the resource: organization
#   actions, and permissions by the names that has() compares. A permission that neither
#   the token nor a role brings is not asked for. Each is asked as postern.evaluate asks.
# entrypoint: true
action contains {"name": candidate} if {
	some candidate in organization.names
	check.allowed with input.action as candidate
}

# An evaluation does not say whose action it is where the name has a colon. Nothing can take
# that away here; false stands for it.
action contains {"name": candidate} if {
	some candidate in _permissions
	contains(candidate, ":")
	check.allowed with input.action as false
		with input.check as {"any": [{"permission": candidate}]}
		with input.user_id as false
}

action contains {"name": candidate} if {
	some candidate in _permissions
	not contains(candidate, ":")
	check.allowed with input.action as false
		with input.check as {"any": [{"permission": candidate}]}
}

# METADATA
# description: |
#   What a search for actions may find where a rule of the bundle decides, which then is asked
#   about each: organization actions, permissions that the token or a role brings, and those
#   of the model's catalogue.
# entrypoint: true
candidates contains {"name": candidate} if some candidate in organization.names

candidates contains {"name": candidate} if some candidate in _permissions

candidates contains {"name": candidate} if some candidate, _ in data.model.permissions

_permissions contains candidate if {
	some candidate in permission.candidates
	not candidate in organization.names
	name.permission(candidate) == candidate
}
