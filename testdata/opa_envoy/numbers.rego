package envoy.authz

default allow := false

allow if to_number(input.attributes.request.http.headers["x-level"]) >= 3

allow if input.attributes.request.http.headers["x-name"] == "root"

allow if io.jwt.decode(input.attributes.request.http.headers["x-token"])[1].sub == "root"
