package envoy.authz

allow := {
	"allowed": true,
	"headers": {"x-user": "anna", "X-Tags": ["b", "a"], "x-none": []},
	"response_headers_to_add": [{"set-cookie": ["a=1", "b=2"]}, {"x-served-by": "gate"}],
	"request_headers_to_remove": ["X-Secret", "authorization"],
	"query_parameters_to_set": {"page": "1", "tag": ["x", "y"]},
	"query_parameters_to_remove": ["debug"],
	"dynamic_metadata": {"user": {"name": "anna", "level": 3, "ratio": 0.5, "tags": ["a", null, true]}},
	"body": 7,
	"http_status": "nonsense",
	"more": {"is": "ignored"},
}
