package envoy.authz

default allow := false

allow if {
	input.attributes.request.http.method == "POST"
	not input.truncated_body
	input.parsed_body.amount <= limit
}

limit := 1000 if input.attributes.request.http.headers["x-role"] == "manager"

else := 10

allow if {
	input.truncated_body
	input.parsed_path == ["upload"]
}
