# METADATA
# title: Permissions
# description: |
#   Where a permission comes from, and what stands in its way. The token grants what it
#   lists. The model's roles add system permissions (org:sys_*), which tokens never
#   carry, and the others only where settings.permission_source says roles or both.
# schemas:
#   - input: schema.input
package postern.permission

import data.postern.membership
import data.postern.plan

# METADATA
# description: Whether the token or the member's role brings the permission.
brought(permission) if {
	_source in {"token", "both"}
	permission in input.session.org.permissions
}

brought(permission) if {
	_source in {"roles", "both"}
	permission in _of_role
}

brought(permission) if {
	system(permission)
	permission in _of_role
}

# METADATA
# description: Whether the member's role has a say in whether the permission is brought.
by_role(_) if _source in {"roles", "both"}

by_role(permission) if {
	system(permission)
	data.model.roles
}

# METADATA
# description: Whether a permission is one of those that rule the organization itself.
system(permission) if permission in _system

_system := {
	"org:sys_profile:manage",
	"org:sys_profile:delete",
	"org:sys_memberships:read",
	"org:sys_memberships:manage",
	"org:sys_domains:read",
	"org:sys_domains:manage",
	"org:sys_billing:read",
	"org:sys_billing:manage",
	"org:sys_entconns:manage",
}

# METADATA
# description: |
#   The feature that a permission hangs on: the catalogue's word, else what follows org:
#   in org:<feature>:<action>. System permissions hang on none.
feature(permission) := name if {
	name := data.model.permissions[permission].feature
}

else := parts[1] if {
	not system(permission)
	parts := split(permission, ":")
	count(parts) >= 3
	parts[0] == "org"
}

# METADATA
# description: Whether the organization's plan stands in the way of a permission.
gated(permission) if {
	hangs_on := feature(permission)
	not plan.allows_feature(hangs_on)
}

# METADATA
# description: The roles that bring a permission by the model, sorted.
roles_with(permission) := sort([role |
	some role, _ in data.model.roles
	permission in of_role(role)
])

# METADATA
# description: All that the token lists and the member's role brings, granted or not.
candidates := {p | some p in input.session.org.permissions} | _of_role

default _source := "token"

_source := data.model.settings.permission_source

default _of_role := set()

_of_role := of_role(membership.role)

# METADATA
# description: A role's own permissions and those of every role that it includes, at any depth.
of_role(role) := {permission |
	some included in graph.reachable(_includes, {role})
	some permission in data.model.roles[included].permissions
}

_includes := {role: object.get(definition, "includes", []) |
	some role, definition in data.model.roles
}
