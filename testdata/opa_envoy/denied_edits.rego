package envoy.authz

allow := {
	"allowed": false,
	"headers": [{"x-why": "rules"}, {"x-also": ["a", "b"]}],
	"body": "no way",
	"http_status": 404,
	"dynamic_metadata": {"why": "rules"},
	"response_headers_to_add": 7,
	"request_headers_to_remove": {},
	"query_parameters_to_set": "x",
	"query_parameters_to_remove": [1],
}
