package envoy.authz

allow := shapes[input.attributes.request.http.headers["x-shape"]]

shapes := {
	"allow beside allowed": {"allowed": true, "allow": true},
	"no header name": {"allowed": true, "headers": {"": "x"}},
	"a pseudo header": {"allowed": true, "headers": {":path": "/admin"}},
	"a space in a name": {"allowed": true, "headers": {"x y": "1"}},
	"a line break in a value": {"allowed": true, "headers": {"x": "1\r\ny: 2"}},
	"a NUL in a value": {"allowed": true, "headers": {"x": "\u0000"}},
	"the length of the request": {"allowed": true, "headers": {"content-length": "0"}},
	"an identity header": {"allowed": true, "headers": {"x-postern-user": "root"}},
	"Host goes": {"allowed": true, "request_headers_to_remove": ["Host"]},
	"a pseudo header goes": {"allowed": true, "request_headers_to_remove": [":method"]},
	"another parameter in a value": {"allowed": true, "query_parameters_to_set": {"a": "1&admin=1"}},
	"another parameter in a name": {"allowed": true, "query_parameters_to_set": {"a=1&b": "1"}},
	"a line break in a denial": {"allowed": false, "headers": {"x": "1\n2"}},
}
