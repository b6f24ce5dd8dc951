package envoy.authz

default allow := {"allowed": false, "http_status": 401, "body": "sign in"}

bearer := token if {
	some scheme in ["Bearer ", "bearer "]
	startswith(input.attributes.request.http.headers.authorization, scheme)
	token := substring(input.attributes.request.http.headers.authorization, count(scheme), -1)
}

claims := payload if {
	[true, _, payload] = io.jwt.decode_verify(bearer, {"secret": "correct horse battery staple", "alg": "HS256"})
}

allow := {"allowed": true, "headers": {"x-user": claims.sub}, "request_headers_to_remove": ["authorization"]} if {
	claims.role == "editor"
}
