package envoy.authz

default allow := false

callers := {"spiffe://example.org/ns/web/sa/front": {"GET"}, "spiffe://example.org/ns/jobs/sa/nightly": {"GET", "DELETE"}}

allow if input.attributes.request.http.method in callers[input.source_principal]
