# METADATA
# title: Spending
# description: |
#   The demo's own rule. A bundle may only take away from what the library grants: each
#   entry of deny is one more reason against.
package postern.extend

# METADATA
# description: Large invoices are for admins. The caller says the amount in resource.
deny contains {"code": "role_required", "role": "org:admin", "message": message} if {
	input.resource.type == "invoice"
	input.resource.amount > 10000
	input.session.org.role != "org:admin"
	message := "invoices above 10000 are for org:admin"
}
