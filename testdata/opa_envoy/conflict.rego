package envoy.authz

allow := true if input.attributes.request.http.method == "GET"

allow := false if input.attributes.request.http.headers["x-block"]
