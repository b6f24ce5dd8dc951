# METADATA
# title: Invoices
# description: |
#   The bundle's own answer to POST /v1/check. It is the library's, and besides that lets
#   everybody read the invoices that are their own. Only an entrypoint can grant something:
#   what postern.extend says takes away, and does so from this answer too.
# schemas:
#   - input: schema.input
package acme.invoices

import data.postern.check
import data.postern.has
import data.postern.membership
import data.postern.name
import data.postern.permission

# METADATA
# description: Whether to allow, and for a denial the library's reasons for it.
# entrypoint: true
decision := {"allow": true, "reasons": []} if _reads_own

else := check.decision

# One of the terms holds: its permission because the invoice is one's own, and whatever
# else it asks for because the library says so.
_reads_own if {
	_own
	some term in input.check.any
	name.permission(term.permission) == _read
	every member, asked in object.remove(term, ["permission"]) { has.holds(member, asked) }
}

# A grant of one's own passes by all that the library looks at, so it asks for that itself:
# the role set and suspension of the organization, and its plan.
_own if {
	membership.stands
	not permission.gated(_read)
	input.resource.type == "invoice"
	input.resource.organization == input.session.org.id
	input.resource.owner == input.session.user_id
}

_read := "org:invoices:read"
