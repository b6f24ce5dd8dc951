package postern.condition

import data.postern.fact
import data.postern.has
import data.postern.organization
import data.postern.reason

# METADATA
# description: The conditions that hold.
met contains "creation_allowed" if not _creation_closed

# What is said of one user stands against what is said of all.
_creation_closed if _creation_allowed == false

_creation_allowed := allowed if allowed := data.model.settings.users[input.user_id].organization_creation

else := data.model.settings.organization_creation.allowed

# METADATA
# description: Users may create organizations at all, or this one may.
why["creation_allowed"] := {
	"code": "action_not_allowed",
	"message": "users may not create organizations; settings.organization_creation, or settings.users for one of them, can allow it",
}

met contains "creation_limit" if _room(input.resource.owned, _creation_limit)

_creation_limit := limit if limit := data.model.settings.users[input.user_id].organization_limit

else := limit if limit := data.model.settings.organization_creation.limit

else := 0

# METADATA
# description: The user has fewer organizations than are allowed.
why["creation_limit"] := {
	"code": "action_not_allowed",
	"message": sprintf("the user has %v organizations of the %v that settings allow, in organization_creation.limit or users", [
		input.resource.owned,
		_creation_limit,
	]),
}

# A limit of 0 is none.
_room(_, 0) := true

_room(taken, limit) if {
	limit > 0
	taken < limit
}

met contains "profile_delete" if has.holds("permission", "org:sys_profile:delete")

# METADATA
# description: The member may delete the organization's profile.
why["profile_delete"] := reason.why("permission", "org:sys_profile:delete")

met contains "deletion_enabled" if _deletion == true

_deletion := switch if switch := data.model.organizations[organization.id].deletion

else := data.model.settings.organization_deletion

# METADATA
# description: The organization's own switch lets it be deleted.
why["deletion_enabled"] := {
	"code": "action_not_allowed",
	"organization": organization.id,
	"message": sprintf("deletion is not switched on for %s; its own switch is deletion, everyone's is settings.organization_deletion", [organization.id]),
}

met contains "personal_accounts" if is_string(input.resource.organization)

met contains "personal_accounts" if {
	input.resource.organization == null
	not _personal_accounts_off
}

_personal_accounts_off if data.model.settings.personal_accounts == false

# METADATA
# description: An organization is switched to, or personal accounts are on.
why["personal_accounts"] := {
	"code": "organization_required",
	"message": "personal accounts are off: an organization must be active",
}

met contains "member" if input.resource.organization == null

met contains "member" if input.resource.member == true

# METADATA
# description: The user is a member of the organization that is switched to.
why["member"] := {
	"code": "action_not_allowed",
	"organization": input.resource.organization,
	"message": sprintf("the user is no member of %s", [input.resource.organization]),
}

met contains "not_suspended" if _unsuspended(_target)

# Who switches to the personal account is in no organization that could be suspended.
met contains "not_suspended" if {
	input.action == "organization.switch"
	input.resource.organization == null
}

# METADATA
# description: The organization that it is about is not suspended.
why["not_suspended"] := reason.suspended(_target) if organization.is_suspended(_target)

why["not_suspended"] := {
	"code": "organization_suspended",
	"organization": _target,
	"message": sprintf("%s is revoked: nobody stays signed in there", [_target]),
} if {
	not organization.is_suspended(_target)
	_revoked(_target)
}

# What was issued later is let in again, so a time of issue closes nothing. Whether another
# time has come is not asked here: an entry with one counts as long as it stands.
_revoked(id) if {
	entry := data.model.revoked.organizations[id]
	not entry.issued_before
}

# The organization that an action is about: the one that the caller names, for an
# enrollment the one whose domain it is, else the active one.
_target := input.resource.organization if is_string(input.resource.organization)

else := _enrolling if input.action == "domain.enroll"

else := organization.id if {
	input.action != "domain.enroll"
}

met contains "organization_known" if {
	_target
	not _odd_organization
}

# Whoever names an organization in a way that nobody can read means another one than that
# which would stand in for it.
_odd_organization if input.resource.organization == null

_odd_organization if {
	_says_organization
	not "organization" in fact.stated
}

_says_organization if type_name(input.resource.organization)

# METADATA
# description: It is known which organization it is about.
why["organization_known"] := {
	"code": "organization_required",
	"message": "the session has no active organization, and resource.organization names none",
}
