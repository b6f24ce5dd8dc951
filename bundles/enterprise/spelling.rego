# METADATA
# title: Spelling
# description: |
#   Routes compare paths as they stand, and many a server does not: it answers /Admin as
#   it does /admin, while here /Admin falls to the route for everything else.
package postern.extend

# METADATA
# description: |
#   The first segments of this app's paths are plain. Another spelling of one is denied,
#   on every host and every route.
deny contains {"code": "route_unlisted", "message": message} if {
	segment := input.request.segments[0]
	not regex.match(`^[a-z0-9._-]*$`, segment)
	message := "paths here begin with a segment of lower-case letters, digits, dots, hyphens and underscores"
}
