# METADATA
# title: Membership
# description: The session's place in its active organization.
# schemas:
#   - input: schema.input
package postern.membership

import data.postern.name
import data.postern.organization
import data.postern.roleset

# METADATA
# description: The member's role, in the spelling that is compared.
role := name.role(input.session.org.role) if is_string(input.session.org.role)

# METADATA
# description: Whether the membership counts for anything.
stands if {
	organization.id
	not organization.suspended
	admitted
}

# METADATA
# description: Whether the organization's role set lets the member's role count.
admitted if not data.model.role_sets

admitted if roleset.holds(role)

# METADATA
# description: Whether the organization's role set lets a role count at all.
may_use(_) if not data.model.role_sets

may_use(candidate) if roleset.holds(candidate)
