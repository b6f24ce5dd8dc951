package postern.condition

import data.postern.fact
import data.postern.has
import data.postern.membership
import data.postern.name
import data.postern.organization
import data.postern.permission
import data.postern.reason
import data.postern.roleset

# METADATA
# description: The conditions that hold.
met contains "memberships_manage" if has.holds("permission", _manage)

# METADATA
# description: The member may manage memberships.
why["memberships_manage"] := reason.why("permission", _manage)

_manage := "org:sys_memberships:manage"

met contains "self" if _self

_self if input.resource.user_id == input.user_id

# METADATA
# description: It is about the user who asks.
why["self"] := {
	"code": "action_not_allowed",
	"message": "one leaves for oneself; membership.remove is for others",
}

met contains "self_or_memberships_manage" if _self

met contains "self_or_memberships_manage" if has.holds("permission", _manage)

# METADATA
# description: It is about the user who asks, or the member may manage memberships.
why["self_or_memberships_manage"] := reason.why("permission", _manage)

# Every role that the action names must be one that the organization may use.
met contains "role_assignable" if {
	count(_roles_named) > 0
	every role in _roles_named { roleset.assignable(_target, role) }
}

_unassignable := {role |
	some role in _roles_named
	not roleset.assignable(_target, role)
}

# METADATA
# description: The role set of the organization holds every role that is named.
why["role_assignable"] := {
	"code": "role_not_in_role_set",
	"organization": _target,
	"role": role,
	"message": sprintf("%s is no role that %s can use: %s", [role, _target, roleset.unassignable(_target, role)]),
} if {
	role := min(_unassignable)
}

# What an action does not ask for is not read: it would be nobody's role.
_roles_named contains name.role(input.resource.role) if {
	not _changes_role
	is_string(input.resource.role)
}

_roles_named contains name.role(input.resource.from) if {
	_changes_role
	is_string(input.resource.from)
}

_roles_named contains name.role(input.resource.to) if {
	_changes_role
	is_string(input.resource.to)
}

_changes_role if input.action == "membership.update_role"

# Some roles are given and taken only by certain others.
met contains "role_managed" if count(_reserved) == 0

met contains "self_or_role_managed" if _self

met contains "self_or_role_managed" if count(_reserved) == 0

_reserved := {role |
	some role in _roles_named
	not _manages(role)
}

_manages(role) if {
	not _owner(role)
	not data.model.roles[role].managed_by
}

_manages(role) if {
	not _owner(role)
	membership.role in data.model.roles[role].managed_by
}

_manages(role) if {
	_owner(role)
	membership.role == role
}

_owner(role) if role == data.model.settings.owner_role

# METADATA
# description: The member may give and take every role that is named.
why["role_managed"] := _reserved_role

# METADATA
# description: It is about the user who asks, or the member may take the role.
why["self_or_role_managed"] := _reserved_role

_reserved_role := {
	"code": "role_required",
	"role": role,
	"message": sprintf("%s is given and taken by %s alone", [role, concat(", ", _managers(role))]),
} if {
	role := min(_reserved)
}

_managers(role) := [role] if _owner(role)

else := data.model.roles[role].managed_by

# A role that the model does not know could be any, under another name.
met contains "role_known" if roleset.known(name.role(input.resource.role))

# METADATA
# description: The model knows the role that the member is said to have.
why["role_known"] := {
	"code": "action_not_allowed",
	"role": input.resource.role,
	"message": sprintf("the model has no role %s", [input.resource.role]),
}

met contains "role_own" if not _self

met contains "role_own" if name.role(_role_before) == membership.role

# METADATA
# description: Who acts on himself has the role that he is said to have.
why["role_own"] := {
	"code": "action_not_allowed",
	"role": membership.role,
	"message": sprintf("the session's own role is %s, and not %s; after a change a new token says so", [membership.role, _role_before]),
} if {
	membership.role
}

why["role_own"] := {
	"code": "action_not_allowed",
	"message": sprintf("the session states no role of its own, and %s is said to be it", [_role_before]),
} if {
	organization.id
	not membership.role
}

met contains "owner_kept" if not _last_owner

# Who counts the owners is not let down; who does not is told by the minimum permissions.
_last_owner if {
	_owner(name.role(input.resource.from))
	not _owner(name.role(input.resource.to))
	type_name(input.resource.owners)
	not _other_owners
}

_other_owners if {
	"owners" in fact.stated
	input.resource.owners > 1
}

# METADATA
# description: An owner is left, where the caller says how many there are.
why["owner_kept"] := {
	"code": "action_not_allowed",
	"role": data.model.settings.owner_role,
	"message": "it is the only owner; somebody else must become one first",
}

met contains "not_owner" if not _owner(name.role(input.resource.role))

# METADATA
# description: It is not the owner who goes.
why["not_owner"] := {
	"code": "action_not_allowed",
	"role": data.model.settings.owner_role,
	"message": "the owner cannot go; somebody else must become the owner first",
}

# Somebody must stay who holds the minimum permissions. What the model does not know of a
# role is taken for the worse.
met contains "minimum_holders" if input.resource.holders > 1

met contains "minimum_holders" if count(_minimum) == 0

met contains "minimum_holders" if _lacks_minimum(name.role(_role_before))

met contains "minimum_holders" if {
	_changes_role
	_has_minimum(name.role(input.resource.to))
}

_role_before := input.resource.from if _changes_role

else := input.resource.role

_lacks_minimum(role) if {
	data.model.roles[role]
	some needed in _minimum
	not needed in permission.of_role(role)
}

_has_minimum(role) if {
	data.model.roles[role]
	every needed in _minimum { needed in permission.of_role(role) }
}

default _minimum := [
	"org:sys_memberships:manage",
	"org:sys_memberships:read",
	"org:sys_profile:delete",
]

_minimum := data.model.settings.minimum_permissions

# METADATA
# description: Somebody stays who holds the minimum permissions.
why["minimum_holders"] := {
	"code": "action_not_allowed",
	"message": sprintf("nobody else in %s holds %s; somebody must", [organization.id, concat(", ", _minimum)]),
}

met contains "not_last_organization" if not _self

met contains "not_last_organization" if not _personal_accounts_off

met contains "not_last_organization" if {
	"organizations" in fact.stated
	input.resource.organizations > 1
}

# METADATA
# description: The user stays in an organization, or personal accounts are on.
why["not_last_organization"] := {
	"code": "organization_required",
	"message": "personal accounts are off, and this is the user's last organization",
} if {
	"organizations" in fact.stated
}

# Only who removes himself needs this fact, so membership.remove does not always ask for it.
why["not_last_organization"] := unstated if some unstated in fact.missing({"organizations"})
