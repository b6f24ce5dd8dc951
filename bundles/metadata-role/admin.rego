# METADATA
# title: For admins
# description: |
#   What is kept for admins, whatever decides besides: every path whose first segment is
#   "admin", and every question about the resource admin.
package postern.extend

import data.site

# METADATA
# description: |
#   Nobody but an admin gets there. The path is asked for and not the pattern of the route,
#   so that a route which the model lists one day is kept as well, one that is public by
#   mistake too.
deny contains {"code": "role_required", "role": "admin", "message": message} if {
	_for_admins
	not site.admin
	message := "this is for sessions whose metadata.role is the text admin"
}

# METADATA
# description: |
#   A misspelled type would slip past the rule above, so a question about a resource of
#   another type is denied, or of none.
deny contains {"code": "action_incomplete", "fact": "resource.type", "message": message} if {
	_about_a_resource
	not _known_type
	message := sprintf("a resource states its type, one of %s", [concat(", ", site.types)])
}

# In any case: many a server answers /Admin as it does /admin.
_for_admins if lower(input.request.segments[0]) == "admin"

_for_admins if input.resource.type == "admin"

_about_a_resource if input.resource

_about_a_resource if input.action

# A rule of its own: "not input.resource.type in site.types" is undefined, and not true,
# where there is no type.
_known_type if input.resource.type in site.types
