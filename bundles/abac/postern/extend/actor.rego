package postern.extend

import data.postern.name

# METADATA
# description: |
#   Who acts in a user's place, such as somebody of the support, looks and changes nothing,
#   at the app and at the proxy.
deny contains "who acts in somebody's place may only look" if {
	input.session.actor != null
	not _looks
}

_looks if input.request.method in {"GET", "HEAD"}

_looks if {
	not input.route
	every term in input.check.any { _only_reads(term) }
}

_only_reads(term) if {
	object.keys(object.remove(term, ["reverification"])) == {"permission"}
	name.permission(term.permission) == "org:invoices:read"
}
