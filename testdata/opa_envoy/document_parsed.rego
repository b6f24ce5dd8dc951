package envoy.authz

allow := {"allowed": false, "body": json.marshal([input.parsed_path, input.parsed_query, input.parsed_body, input.truncated_body, input.version, principal])}

default principal := "none"

principal := input.source_principal
