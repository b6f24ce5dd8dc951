package postern.condition

import data.postern.plan

# METADATA
# description: The conditions that hold.
met contains "membership_limit" if _room(input.resource.members + input.resource.pending, _membership_limit)

_membership_limit := limit if limit := data.model.organizations[_target].membership_limit

else := limit if limit := data.model.plans[plan.of(_target)].membership_limit

else := limit if limit := data.model.settings.membership_limit

else := 0

# METADATA
# description: Members and pending invitations are fewer than are allowed.
why["membership_limit"] := {
	"code": "action_not_allowed",
	"organization": _target,
	"message": sprintf("%s has %v members and %v pending invitations of the %v that %s allows%s", [
		_target,
		input.resource.members,
		input.resource.pending,
		_membership_limit,
		_limited_by,
		_roomier,
	]),
}

_limited_by := sprintf("organizations.%s.membership_limit", [_target]) if _own_limit

else := sprintf("plan %s", [plan.of(_target)]) if is_number(data.model.plans[plan.of(_target)].membership_limit)

else := "settings.membership_limit"

_own_limit if is_number(data.model.organizations[_target].membership_limit)

# Another plan changes nothing where the organization's own limit holds.
_roomier := "" if _own_limit

else := sprintf("; plans with more: %s", [concat(", ", more)]) if {
	more := sort([candidate |
		some candidate, definition in data.model.plans
		_room(input.resource.members + input.resource.pending, definition.membership_limit)
	])
	count(more) > 0
}

else := ""
