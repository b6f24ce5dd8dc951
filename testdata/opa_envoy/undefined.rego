package envoy.authz

allow if input.attributes.request.http.headers["x-token"] == "let me in"
