# METADATA
# title: Organization actions
# description: |
#   Whether the session may do what input.action names: the life cycle of organizations
#   and of their members. Each action has the facts that the caller must tell and the
#   conditions that must all hold; an action that is not listed is not allowed.
# schemas:
#   - input: schema.input
package postern.action

import data.postern.condition
import data.postern.fact
import data.postern.session

_actions := {
	"organization.create": {
		"facts": {"owned"},
		"conditions": {"creation_allowed", "creation_limit"},
	},
	"organization.delete": {
		"facts": set(),
		"conditions": {"in_organization", "profile_delete", "deletion_enabled"},
	},
	"organization.switch": {
		"facts": {"organization", "member"},
		"conditions": {"personal_accounts", "member", "not_suspended"},
	},
	"membership.invite": {
		"facts": {"role", "members", "pending", "email"},
		"conditions": {"in_organization", "memberships_manage", "role_assignable", "role_managed", "membership_limit"},
	},
	"membership.add": {
		"facts": {"role", "members", "pending"},
		"conditions": {"in_organization", "memberships_manage", "role_assignable", "role_managed", "membership_limit"},
	},
	"membership.update_role": {
		"facts": {"user_id", "from", "to", "holders"},
		"conditions": {"in_organization", "memberships_manage", "role_assignable", "role_managed", "role_own", "owner_kept", "minimum_holders"},
	},
	"membership.remove": {
		"facts": {"user_id", "role", "holders"},
		"conditions": {
			"in_organization", "self_or_memberships_manage", "self_or_role_managed", "role_known", "role_own",
			"not_owner", "minimum_holders", "not_last_organization",
		},
	},
	"membership.leave": {
		"facts": {"user_id", "role", "holders", "organizations"},
		"conditions": {"in_organization", "self", "role_known", "role_own", "not_owner", "minimum_holders", "not_last_organization"},
	},
	"domain.enroll": {
		"facts": {"email", "domain", "members", "pending"},
		"conditions": {"domain_verified", "email_domain", "enrollment_mode", "default_role", "not_suspended", "membership_limit"},
	},
	"role.assign": {
		"facts": {"role"},
		"conditions": {"organization_known", "not_suspended", "role_assignable"},
	},
}

# METADATA
# description: The organization actions. Every other name is that of no action.
names := object.keys(_actions)

# METADATA
# description: Whether the session may do it. Every fact must be told, and every condition hold.
allowed if {
	session.signed_in
	_told
	every name in _actions[input.action].conditions { condition.met[name] }
}

# METADATA
# description: |
#   Why it may not. What is missing comes first: without it the conditions say nothing.
denials contains {
	"code": "action_not_allowed",
	"action": input.action,
	"message": sprintf("no rule decides %s; actions are %s", [input.action, concat(", ", sort(names))]),
} if {
	input.action
	not _actions[input.action]
}

denials contains missing if some missing in _missing

denials contains because if some because in _unmet

# A condition that cannot say why denies like any other.
denials contains {
	"code": "action_not_allowed",
	"action": input.action,
	"message": "a condition of the action does not hold, and cannot say why",
} if {
	session.signed_in
	_told
	not allowed
	count(_unmet) == 0
}

# METADATA
# description: How domain.enroll enrolls, which organization in which role by which mode.
enrollment := condition.enrollment

_told if {
	every name in _actions[input.action].facts { name in fact.stated }
}

_missing := fact.missing(_actions[input.action].facts)

# The conditions' own words, with the action and the condition, which is the rule. Each is
# asked by its name alone: the others may need facts that nobody has looked at.
_unmet := {because |
	session.signed_in
	_told
	some name in _actions[input.action].conditions
	not condition.met[name]
	because := object.union(condition.why[name], {"action": input.action, "rule": name})
}
