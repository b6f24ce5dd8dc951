package envoy.authz

default allow := {"allowed": false, "http_status": 401, "headers": {"www-authenticate": "Bearer realm=books"}}

payload := input.attributes.metadataContext.filterMetadata["envoy.filters.http.jwt_authn"].payload

allow := {"allowed": true, "headers": {"x-sub": payload.sub}, "dynamic_metadata": {"sub": payload.sub, "level": payload.level}} if payload.level >= 2
