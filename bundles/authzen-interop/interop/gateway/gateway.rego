# METADATA
# title: Gateway
# description: |
#   The API gateway scenario: which methods of a route a person's roles open. A gateway
#   names the template of a route, not the path of a request, so whose a todo is, is not
#   known here.
# schemas:
#   - input: schema.input
package interop.gateway

import data.interop.facts

# METADATA
# description: The methods, in the order in which a search lists them.
actions := ["GET", "POST", "PUT", "DELETE"]

# METADATA
# description: Whether one of the subject's roles is one that the method takes on the route.
default allow := false

allow if {
	input.subject.type == "identity"
	input.resource.type == "route"
	some role in facts.routes[input.resource.id][input.action.name]
	role in facts.people[input.subject.id].roles
}
