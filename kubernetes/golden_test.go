package kubernetes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLint(t *testing.T) {
	for _, s := range sets(t) {
		out, errs, err := helm(t, "lint", "--strict", "--kube-version", kubernetesVersion, "--values", s.values, chart(t, s.chart))
		if err != nil {
			t.Errorf("%s: %v: %s%s", s.name, err, out, errs)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, s := range sets(t) {
		golden := filepath.Join("testdata", s.name+".golden.yaml")
		got := s.render(t)
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s renders what is not in %s; compare with -update", s.name, golden)
		}
	}
}

// TestRefused: what would be ignored, or would let in more than was meant, is not rendered.
func TestRefused(t *testing.T) {
	const sidecar = "{mode: sidecar, image: {repository: r}, issuers: none, bundles: [{name: a, configMap: {name: c}}], "
	const deployment = "{image: {repository: r}, issuers: none, bundles: [{name: a, configMap: {name: c}}], networkPolicy: {callers: [{podSelector: {}}]}, "
	for name, c := range map[string]struct{ values, want string }{
		"no image":                {"{issuers: none, bundles: [{name: a, configMap: {name: c}}], tls: {secretName: s}, networkPolicy: {enabled: false}}", "image.repository"},
		"no issuers":              {"{image: {repository: r}, bundles: [{name: a, configMap: {name: c}}], tls: {secretName: s}, networkPolicy: {enabled: false}}", "issuers: say at least one"},
		"no bundles":              {"{image: {repository: r}, issuers: none, tls: {secretName: s}, networkPolicy: {enabled: false}}", "bundles: say at least one"},
		"no TLS":                  {deployment + "replicas: 1}", "insecurePlaintext"},
		"nobody may ask":          {"{image: {repository: r}, issuers: none, bundles: [{name: a, configMap: {name: c}}], tls: {secretName: s}}", "networkPolicy.callers"},
		"an empty peer":           {deployment + "tls: {secretName: s}, networkPolicy: {callers: [{}]}}", "callers"},
		"unseen metrics":          {deployment + "tls: {secretName: s}, serviceMonitor: {enabled: true}}", "networkPolicy.monitoring"},
		"a client's own CA":       {deployment + "tls: {secretName: s, clientCA: /etc/postern/tls/ca.crt}}", "tls.clientSANs"},
		"a CA without TLS":        {deployment + "tls: {insecurePlaintext: true, clientCA: /etc/postern/files/a/ca.crt}}", "tls.clientCA"},
		"a CA that is not there":  {deployment + "tls: {secretName: s, clientCA: /etc/ssl/ca.crt}}", "clientCA"},
		"no issuer of certs":      {deployment + "tls: {certManager: {enabled: true}}}", "issuerRef"},
		"a deployment on its own": {deployment + "tls: {secretName: s}, listeners: {at: loopback}}", "listeners.at"},
		"a sidecar for all":       {sidecar + "listeners: {at: pod}}", "listeners.at"},
		"profiles for all":        {sidecar + "config: {admin: {pprof: true}}}", "pprof"},
		"probes without a key":    {sidecar + "config: {admin: {tls: {cert: /c, key: /k, client_ca: /a}}}}", "kubelet"},
		"a listener of one's own": {sidecar + "config: {http: {listen: 0.0.0.0:8181}}}", "listen"},
		"an unknown value":        {sidecar + "replica: 3}", "replica"},
		"an unknown member":       {sidecar + "image: {repo: r}}", "repo"},
		"an unknown key":          {sidecar + "config: {limit: {body: 1KiB}}}", "limit"},
		"an unknown limit":        {sidecar + "config: {limits: {bodies: 1KiB}}}", "bodies"},
		"an unknown issuer's key": {sidecar + "issuers: [{issuer: i, keys: k}]}", "keys"},
		"bundles in config":       {sidecar + "config: {bundles: [{path: /p}]}}", "bundles"},
		"a bundle by path":        {sidecar + "bundles: [{path: /p}]}", "bundles"},
		"two sources":             {sidecar + "bundles: [{name: a, configMap: {name: c}, files: {a.rego: x}}]}", "bundles"},
		"a URL and files":         {sidecar + "bundles: [{url: https://b.example.com/b, files: {a.rego: x}}]}", "bundles"},
		"two of a name":           {sidecar + "bundles: [{name: a, configMap: {name: c}}, {name: a, configMap: {name: d}}]}", "twice"},
		"a path that climbs":      {sidecar + "bundles: [{name: a, files: {../a.rego: x}}]}", "a.rego"},
		"a path with two dots":    {sidecar + "bundles: [{name: a, files: {a..rego: x}}]}", "a..rego"},
		"an absolute path":        {sidecar + "bundles: [{name: a, files: {/a.rego: x}}]}", "a.rego"},
		"an item that climbs":     {sidecar + "bundles: [{name: a, configMap: {name: c, items: [{key: k, path: ../x}]}}]}", "path"},
		"a private key inline":    {sidecar + "files: [{name: f, inline: {k.pem: \"-----BEGIN PRIVATE KEY-----\"}}]}", "files"},
		"a file of two":           {sidecar + "files: [{name: f, secret: s, configMap: c}]}", "files"},
		"root":                    {sidecar + "runAsUser: 0}", "runAsUser"},
		"no memory limit":         {sidecar + "resources: {limits: {memory: null}}}", "memory"},
		"whose metrics":           {sidecar + "podMonitor: {enabled: true}}", "podMonitor.matchLabels"},
		"a Service for the world": {deployment + "tls: {secretName: s}, service: {type: LoadBalancer}}", "type"},
		"no time to drain":        {deployment + "tls: {secretName: s}, preStopSeconds: 20}", "terminationGracePeriodSeconds"},
		"whose requests":          {sidecar + "istio: {authorizationPolicy: {enabled: true}}}", "matchLabels"},
		"no requests":             {sidecar + "istio: {authorizationPolicy: {enabled: true, matchLabels: {a: b}, rules: []}}}", "rules"},
		"an entry for a socket":   {sidecar + "listeners: {at: socket}, istio: {serviceEntry: {enabled: true}}}", "serviceEntry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errs, err := helm(t, "template", "web", chart(t, "postern"), "--kube-version", kubernetesVersion, "--values", valuesFile(t, c.values))
			if err == nil || !strings.Contains(errs, c.want) {
				t.Errorf("helm template with %s: %v, %q and %d bytes; want an error with %q", c.values, err, errs, len(out), c.want)
			}
		})
	}
}
