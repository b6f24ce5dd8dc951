# METADATA
# title: Reasons
# description: |
#   Why a member of a requirement is not held, one reason each, the nearest cause
#   first. A reason never grants anything: what is held is decided in postern.has.
# schemas:
#   - input: schema.input
package postern.reason

import data.postern.membership
import data.postern.name
import data.postern.organization
import data.postern.permission
import data.postern.reverification
import data.postern.roleset

# METADATA
# description: Why the session does not hold what a requirement's member asks for.
why("role", asked) := _role(name.role(asked)) if is_string(asked)

why("permission", asked) := _permission(name.permission(asked)) if is_string(asked)

why("feature", asked) := _feature(name.scoped(asked)) if is_string(asked)

why("plan", asked) := _plan(name.scoped(asked)) if is_string(asked)

why("reverification", asked) := _reverification(asked)

why(member, asked) := {
	"code": _codes[member],
	"message": sprintf("a %s is asked for by its name, a string", [member]),
} if {
	not is_string(asked)
}

_codes := {
	"role": "role_required",
	"permission": "permission_not_granted",
	"feature": "feature_required",
	"plan": "plan_required",
}

_role(asked) := _no_standing("role", asked) if not membership.stands

else := _other_role(asked)

_permission(asked) := _no_standing("permission", asked) if not membership.stands

else := _gated(asked) if permission.gated(asked)

else := _not_brought(asked)

# METADATA
# description: Why the membership counts for nothing, where there is an active organization.
no_standing := suspended(organization.id) if organization.suspended

else := {
	"code": "role_not_in_role_set",
	"organization": organization.id,
	"role": membership.role,
	"role_set": roleset.name,
	"message": sprintf("role set %s of %s does not hold %s; %s", [
		roleset.name,
		organization.id,
		membership.role,
		_listed("role sets with it", roleset.with_role(membership.role)),
	]),
} if {
	membership.role
	roleset.name
}

else := {
	"code": "role_not_in_role_set",
	"organization": organization.id,
	"message": sprintf("%s has no role set that holds the session's role", [organization.id]),
} if {
	organization.id
}

# Roles and permissions need a membership that counts; the others do not.
_no_standing(member, asked) := {
	"code": "organization_required",
	member: asked,
	"message": sprintf("a %s is held in an organization, and the session has none active", [member]),
} if {
	not organization.id
}

else := no_standing

# METADATA
# description: That an organization is suspended, whichever it is.
suspended(id) := {
	"code": "organization_suspended",
	"organization": id,
	"message": sprintf("%s is suspended and grants nothing", [id]),
}

_other_role(asked) := {
	"code": "role_required",
	"role": asked,
	"message": sprintf("the session's role in %s is %s, not %s%s", [organization.id, membership.role, asked, _given(asked)]),
} if {
	membership.role
}

else := {
	"code": "role_required",
	"role": asked,
	"message": sprintf("the session states no role in %s", [organization.id]),
}

# Whether the organization could give the role at all.
_given(role) := sprintf("; role set %s holds it", [roleset.name]) if roleset.holds(role)

else := sprintf("; role set %s does not hold it, %s", [
	roleset.name,
	_listed("role sets with it", roleset.with_role(role)),
]) if {
	data.model.role_sets
}

else := ""

_not_brought(asked) := {
	"code": "permission_not_granted",
	"permission": asked,
	"message": sprintf("%s in %s does not bring %s; %s", [membership.role, organization.id, asked, _roles_with(asked)]),
} if {
	permission.by_role(asked)
	membership.role
}

else := {
	"code": "permission_not_granted",
	"permission": asked,
	"message": sprintf("%s is granted by the roles of the model, which has none: tokens never carry it", [asked]),
} if {
	permission.system(asked)
	not data.model.roles
}

else := {
	"code": "permission_not_granted",
	"permission": asked,
	"message": sprintf("the session in %s does not list %s; %s", [organization.id, asked, _roles_with(asked)]),
} if {
	data.model.roles
}

else := {
	"code": "permission_not_granted",
	"permission": asked,
	"message": sprintf("the session in %s does not list %s", [organization.id, asked]),
}

# The roles that bring a permission, first of all those that the organization may use.
_roles_with(asked) := _listed("roles with it", usable) if {
	usable := [role | some role in permission.roles_with(asked); membership.may_use(role)]
	count(usable) > 0
}

else := sprintf("no role of role set %s has it, but %s", [
	roleset.name,
	_listed("role sets with roles that have it", sort([set | some set in _sets_with(asked)])),
]) if {
	count(permission.roles_with(asked)) > 0
}

else := "roles with it: none in the model"

_sets_with(asked) := {set |
	some role in permission.roles_with(asked)
	some set in roleset.with_role(role)
}

_reverification(asked) := {
	"code": "reverification_required",
	"reverification": asked,
	"message": sprintf("the session's factors must be verified again to meet %s%s", [asked, _meaning(asked)]),
} if {
	is_string(asked)
}

else := {
	"code": "reverification_required",
	"reverification": asked.level,
	"message": sprintf(
		"the session's factors must be verified again: %s within %v minutes",
		[asked.level, asked.afterMinutes],
	),
} if {
	is_string(asked.level)
}

else := {
	"code": "reverification_required",
	"message": "a reverification is asked for by a preset's name, or by level and afterMinutes",
}

_meaning(asked) := sprintf(" (%s within %v minutes)", [preset.level, preset.afterMinutes]) if {
	preset := reverification.preset(asked)
}

else := ", which is no preset"

# Features may be stated for an organization that is not active, and so has no name.
_name := id if id := organization.id

else := "the organization"

_listed(label, names) := sprintf("%s: %s", [label, concat(", ", names)]) if count(names) > 0

else := sprintf("%s: none in the model", [label])
