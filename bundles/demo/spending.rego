# METADATA
# title: Spending
# description: |
#   The demo's own rule. A bundle may only take away from what the library grants: each
#   entry of deny is one more reason against.
# schemas:
#   - input: schema.input
package postern.extend

# METADATA
# description: |
#   An invoice says its amount. A rule that reads a fact that is missing is undefined, and
#   what is undefined denies nothing: so the missing fact is a denial of its own.
deny contains {"code": "action_incomplete", "fact": "resource.amount", "message": message} if {
	input.resource.type == "invoice"
	not _amount
	message := "an invoice says its amount, a number"
}

# METADATA
# description: Large invoices are for admins. The caller says the amount in resource.
deny contains {"code": "role_required", "role": "org:admin", "message": message} if {
	input.resource.type == "invoice"
	_amount > 10000
	input.session.org.role != "org:admin"
	message := "invoices above 10000 are for org:admin"
}

# A rule of its own: "not is_number(input.resource.amount)" is undefined, and not true,
# where there is no amount.
_amount := input.resource.amount if is_number(input.resource.amount)
