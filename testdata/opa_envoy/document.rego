package envoy.authz

allow := {"allowed": false, "body": json.marshal(input.attributes)}
