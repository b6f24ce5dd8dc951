package envoy.authz

allow := {"allowed": false, "http_status": json.unmarshal(input.attributes.request.http.headers["x-status"]), "headers": {"location": "/sign-in"}}
