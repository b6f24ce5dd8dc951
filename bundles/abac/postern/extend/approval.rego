# METADATA
# title: Approval
# description: |
#   What stands in the way of approving an invoice, whichever entrypoint decides. The caller
#   says which invoice it is. A rule that reads what is missing is undefined and denies
#   nothing, so each fact that is missing is a denial of its own.
# schemas:
#   - input: schema.input
package postern.extend

import data.postern.membership
import data.postern.name

# METADATA
# description: The bundle's denials.
deny contains {"code": "action_incomplete", "fact": concat(".", ["resource", fact]), "message": message} if {
	_approves
	some fact in {"type", "organization", "owner", "amount"}
	not fact in _told
	message := sprintf("approving an invoice needs resource.%s", [fact])
}

deny contains {"code": "organization_required", "message": "the invoice is one of another organization"} if {
	_approves
	"organization" in _told
	not input.resource.organization == input.session.org.id
}

deny contains {"code": "policy_denied", "message": "nobody approves an invoice of one's own"} if {
	_approves
	input.resource.owner == input.session.user_id
}

deny contains {"code": "role_required", "role": "org:owner", "message": message} if {
	_approves
	not _small
	not membership.role == "org:owner"
	message := "only org:owner approves an invoice of this amount"
}

# How old the session's factors are is in the input only where the question asks for it. So
# the question has to ask, in each of its terms, since one is enough to allow; that they
# are young enough is then the library's to say.
deny contains {"code": "reverification_required", "reverification": "strict", "message": message} if {
	_approves
	not _small
	some term in input.check.any
	not _reverified(term)
	message := "a question about an invoice of this amount asks for reverification: strict"
}

# A proxy cannot say which invoice it is: what it lets through, the app asks about.
_approves if {
	not input.route
	some term in input.check.any
	some part in object.get(term, "all", [term])
	name.permission(part.permission) == "org:invoices:approve"
}

# These are rules of their own: "not input.resource.amount <= x" is undefined, and not
# true, in some ways to be without an amount. Small is what is known to be, so that without
# a limit everything is large.
_small if _amount <= data.acme.limits.approval

_amount := input.resource.amount if {
	is_number(input.resource.amount)
	input.resource.amount >= 0
}

_told contains "type" if input.resource.type == "invoice"

_told contains "amount" if _amount

_told contains fact if {
	some fact in {"organization", "owner"}
	is_string(input.resource[fact])
	input.resource[fact] != ""
}

_reverified(term) if {
	some part in object.get(term, "all", [term])
	part.reverification in {"strict", "strict_mfa"}
}
