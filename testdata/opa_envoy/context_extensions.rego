package envoy.authz

default allow := false

allow if {
	input.attributes.contextExtensions.visibility == "public"
}

allow if {
	some role in split(input.attributes.request.http.headers["x-roles"], ",")
	role == input.attributes.contextExtensions.role
}
