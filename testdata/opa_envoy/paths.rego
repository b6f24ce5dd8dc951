package envoy.authz

import input.attributes.request.http as http_request

default allow := false

allow if {
	http_request.method == "GET"
	input.parsed_path = ["people", _]
}

allow if {
	http_request.method == "PUT"
	["files", name] = input.parsed_path
	name == "a b"
}

allow if {
	input.parsed_path == [""]
	input.parsed_query.page == ["2"]
}

allow if {
	input.parsed_path[0] == "search"
	"open" in input.parsed_query.tag
	input.parsed_query.empty == [""]
}

allow if glob.match("/static/**", ["/"], http_request.path)

allow if input.parsed_path == ["end", ""]
