package envoy.authz

import input.attributes.request.http as http_request

default allow := false

roles_of := {"anna": ["reader"], "bert": ["reader", "writer"]}

grants := {
	"reader": [{"method": "GET", "first": "books"}],
	"writer": [{"method": "POST", "first": "books"}],
}

who := name if {
	[scheme, encoded] := split(http_request.headers.authorization, " ")
	lower(scheme) == "basic"
	[name, _] := split(base64.decode(encoded), ":")
}

allow if {
	some role in roles_of[who]
	some grant in grants[role]
	grant.method == http_request.method
	grant.first == input.parsed_path[0]
}

allow if input.parsed_path == ["health"]

# Not base64, and still nobody's business on this path.
allow if {
	not who
	input.parsed_path == ["welcome"]
}
