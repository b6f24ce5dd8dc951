package envoy.authz

default allow := false

allow if time.now_ns() > 1000000000
