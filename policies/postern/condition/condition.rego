# METADATA
# title: Conditions
# description: |
#   What the actions depend on, one name for each condition. Those that hold are in met;
#   why says of each what would have to change. What no rule puts into met does not hold.
# schemas:
#   - input: schema.input
package postern.condition

import data.postern.organization
import data.postern.reason

# METADATA
# description: The conditions that hold.
met contains "in_organization" if {
	organization.id
	not organization.suspended
	not _elsewhere
}

# METADATA
# description: The session is active in the organization that it is about, which is not suspended.
why["in_organization"] := {
	"code": "organization_required",
	"message": "the session has no active organization",
} if {
	not organization.id
}

why["in_organization"] := reason.suspended(organization.id) if organization.suspended

why["in_organization"] := {
	"code": "organization_required",
	"organization": organization.id,
	"message": sprintf("the session is active in %s and speaks for no other organization", [organization.id]),
} if {
	organization.id
	not organization.suspended
}

# An action is about the active organization. A caller that names another one asks about
# something that the session says nothing of.
_elsewhere if input.resource.organization != organization.id

# A function, since "not organization.is_suspended(_target)" is undefined, and not true,
# where there is no target; nobody is let pass by that.
_unsuspended(id) if {
	not organization.is_suspended(id)
	not _revoked(id)
}
