package kubernetes

import (
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
)

// TestRollout: a change of what Postern reads once starts pods anew, and a change of what it
// watches does not.
func TestRollout(t *testing.T) {
	const base = `
image: {repository: r}
issuers: none
bundles: [{name: app, files: {model/data.yaml: "roles: {}"}}]
tls: {secretName: s}
networkPolicy: {callers: [{podSelector: {}}], httpsPorts: [443, 4317]}
config: {telemetry: {traces: "grpcs://otel.example.com:4317", tls: {ca: /etc/postern/files/otel/ca.crt}}}
files: [{name: otel, inline: {ca.crt: one, other.crt: one}}]
`
	template := func(changes string) appsv1.Deployment {
		t.Helper()
		out, errs, err := helm(t, "template", "web", chart(t, "postern"), "--namespace", "shop", "--kube-version", kubernetesVersion,
			"--values", valuesFile(t, base), "--values", valuesFile(t, changes))
		if err != nil {
			t.Fatalf("helm template with %s: %v: %s", changes, err, errs)
		}
		return *pick[*appsv1.Deployment](objects(t, out))[0]
	}
	before := template("{}")
	for changes, rolls := range map[string]bool{
		"{config: {log: {level: debug}}}":                                                  true,
		"{issuers: [{issuer: i, jwks: 'https://i.example.com', authorized_parties: any}]}": true,
		"{files: [{name: otel, inline: {ca.crt: two, other.crt: one}}]}":                   true,
		"{env: [{name: HTTPS_PROXY, value: 'http://proxy.example.com'}]}":                  true,
		"{files: [{name: otel, inline: {ca.crt: one, other.crt: two}}]}":                   false,
		"{bundles: [{name: app, files: {model/data.yaml: 'roles: {a: {}}'}}]}":             false,
		"{networkPolicy: {httpsPorts: [443, 4317, 8443]}}":                                 false,
		"{annotations: {example.com/pager: security}}":                                     false,
		"{replicas: 5}": false,
	} {
		after := template(changes)
		if got := !reflect.DeepEqual(before.Spec.Template, after.Spec.Template); got != rolls {
			t.Errorf("%s starts pods anew: %v, want %v", changes, got, rolls)
		}
	}
}
