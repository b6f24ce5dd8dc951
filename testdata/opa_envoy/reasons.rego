package envoy.authz

allow if count(problems) == 0

allow := {
	"allowed": false,
	"http_status": 403,
	"body": concat("; ", sort(problems)),
	"headers": {"content-type": "text/plain"},
	"dynamic_metadata": {"problems": problems},
} if {
	count(problems) > 0
}

problems contains "no agent" if not input.attributes.request.http.headers["user-agent"]

problems contains sprintf("method %s", [input.attributes.request.http.method]) if {
	not input.attributes.request.http.method in {"GET", "HEAD"}
}
