package kubernetes

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"postern/sidecar/config"
)

// What begins values that are whole but for their end.
const (
	sidecar    = "{mode: sidecar, image: {repository: r}, issuers: none, bundles: [{name: a, configMap: {name: c}}], "
	deployment = "{image: {repository: r}, issuers: none, bundles: [{name: a, configMap: {name: c}}], networkPolicy: {callers: [{podSelector: {}}]}, "
)

// mounted has a volume of the user's own at path.
func mounted(path string) string {
	return "extraVolumes: [{name: own, emptyDir: {}}], extraVolumeMounts: [{name: own, mountPath: " + path + "}]"
}

// remote has a bundle with a URL, and files that it may name.
func remote(said string) string {
	return "{mode: sidecar, image: {repository: r}, issuers: none, files: [{name: f, secret: s}, {name: i, secret: s, items: [{key: k, path: a.crt}]}], " +
		"bundles: [{url: https://b.example.com/b.tar.gz, " + said + "}]}"
}

// TestRefused: what would be ignored, or would let in more than was meant, is not rendered.
func TestRefused(t *testing.T) {
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
		"no values between":       {deployment + "tls: {secretName: s}, autoscaling: {enabled: true, minReplicas: 5, maxReplicas: 2}}", "autoscaling.minReplicas"},
		"a share of nothing":      {deployment + "tls: {secretName: s}, autoscaling: {enabled: true}, resources: {requests: {cpu: null}}}", "resources.requests.cpu"},
		"no way to roll out":      {deployment + "tls: {secretName: s}, rollout: {maxSurge: 0}}", "rollout"},
		"no eviction ever":        {deployment + "tls: {secretName: s}, podDisruptionBudget: {maxUnavailable: 0%}}", "maxUnavailable"},
		"names without a CA":      {deployment + "tls: {secretName: s, clientSANs: [a]}}", "tls.clientSANs: needs tls.clientCA"},
		"TLS of a sidecar":        {sidecar + "tls: {secretName: s}}", "tls: is for a deployment"},
		"ports that collide":      {sidecar + "listeners: {http: 9191}}", "listeners: http, grpc and admin"},
		"a setting by variable":   {sidecar + "env: [{name: POSTERN_ISSUER, value: none}]}", "/env/0/name"},
		"a volume of the chart's": {sidecar + "extraVolumes: [{name: postern-config, emptyDir: {}}]}", "/extraVolumes/0/name"},
		"a mount of no volume":    {sidecar + "extraVolumeMounts: [{name: a, mountPath: /a}]}", "extraVolumeMounts[0].name: extraVolumes has no a"},
		"a mount over policy":     {sidecar + mounted("/policy/a") + "}", "extraVolumeMounts[0].mountPath"},
		"a mount over /etc":       {sidecar + mounted("/etc") + "}", "extraVolumeMounts[0].mountPath"},
		"a mount over all":        {sidecar + mounted("/x/..") + "}", "extraVolumeMounts[0].mountPath"},
		"a size without a unit":   {sidecar + "config: {limits: {body: 64XB}}}", "/config/limits/body"},
		"a body without end":      {sidecar + "config: {limits: {body: 1GiB}}}", "config.limits.body: 1GiB is not from 256 to 64MiB"},
		"a time without a unit":   {sidecar + "config: {policy: {deadline: 100}}}", "/config/policy/deadline"},
		"no time at all":          {sidecar + "config: {policy: {deadline: 0s}}}", "config.policy.deadline: 0s"},
		"a level in capitals":     {sidecar + "config: {log: {level: DEBUG}}}", "/config/log/level"},
		"text for a switch":       {sidecar + "config: {decision_log: {to: stdout, required: \"true\"}}}", "required"},
		"text for limits":         {sidecar + "config: {limits: none}}", "/config/limits"},
		"nobody to ask":           {sidecar + "config: {doors: {authzen: true}}}", "config.doors.authzen: answers questions about others"},
		"two kinds of clients":    {sidecar + "config: {clients: {anonymous: loopback, mtls: true}}}", "config.clients: needs exactly one"},
		"no log to require":       {sidecar + "config: {decision_log: {required: true}}}", "config.decision_log.required"},
		"a log on the root":       {sidecar + "config: {decision_log: /var/log/decisions.jsonl}}", "config.decision_log: /var/log/decisions.jsonl is on a root that is read-only"},
		"a log on files":          {sidecar + "files: [{name: f, secret: s}], config: {decision_log: {to: /etc/postern/files/f/log}}}", "config.decision_log.to"},
		"a log on what is read":   {sidecar + "config: {decision_log: /logs/d.jsonl}, extraVolumes: [{name: logs, emptyDir: {}}], extraVolumeMounts: [{name: logs, mountPath: /logs, readOnly: true}]}", "read-only"},
		"a log that is a volume":  {sidecar + "config: {decision_log: /logs}, " + mounted("/logs") + "}", "read-only"},
		"a log that climbs":       {sidecar + "config: {decision_log: /logs/../d.jsonl}, " + mounted("/logs") + "}", "read-only"},
		"a directory to keep":     {sidecar + "config: {persistence_directory: /var/lib/postern}}", "persistence_directory"},
		"an act that is none":     {remote("stale: refuse, max_age: 1h"), "/bundles/0/stale"},
		"an act that never comes": {remote("stale: deny"), "bundles[0].max_age: is missing: without it, stale: deny never comes"},
		"an age that is normal":   {remote("max_age: 1m"), "bundles[0].max_age: 1m can pass while all is well: poll alone takes up to 150s"},
		"a poll without room":     {remote("poll: {min: 5m}"), "bundles[0].poll.min: 5m is more than max, 2m"},
		"a poll too often":        {remote("poll: {min: 10ms}"), "bundles[0].poll.min: 10ms is not from 1s to 24h"},
		"half seconds to hold":    {remote("poll: {long: 1500ms}"), "bundles[0].poll.long"},
		"a registry's config":     {remote("docker_config: /etc/postern/files/f/config.json"), "bundles[0].docker_config: is for oci"},
		"a token on no volume":    {remote("token_file: /run/secrets/token"), "bundles[0].token_file: /run/secrets/token is on no volume: put it into files"},
		"a token of no file":      {remote("token_file: /etc/postern/files/g/token"), "bundles[0].token_file"},
		"a token that climbs":     {remote("token_file: /etc/postern/files/f/../../token"), "bundles[0].token_file"},
		"a token below a key":     {remote("token_file: /etc/postern/files/f/a/token"), "f has no directories"},
		"an item that is not":     {remote("tls: {ca: /etc/postern/files/i/b.crt}"), "bundles[0].tls.ca: /etc/postern/files/i/b.crt is not in files: i has a.crt"},
		"a signer of no file":     {remote("signers: [{key_id: k, public_key: /keys/k.pem}]"), "bundles[0].signers[0].public_key"},
		"a signer without a key":  {remote("signers: [{key_id: k}]"), "public_key"},
		"a cert without its key":  {remote("tls: {cert: /etc/postern/files/f/c}"), "key"},
		"two of a URL":            {sidecar + "bundles: [{url: https://b.example.com/b}, {url: https://b.example.com/b}]}", "bundles[1]: https://b.example.com/b is there twice"},
		"keys on no volume":       {sidecar + "issuers: [{issuer: i, jwks: /keys/jwks.json, authorized_parties: any}]}", "issuers[0].jwks"},
		"an issuer without keys":  {sidecar + "issuers: [{issuer: i, authorized_parties: any}]}", "jwks"},
		"an issuer for anyone":    {sidecar + "issuers: [{issuer: i, jwks: https://i.example.com/jwks}]}", "authorized_parties"},
		"a shadow of no volume":   {sidecar + "config: {shadow: {bundles: [{path: /policy/b}]}}}", "config.shadow.bundles[0].path"},
		"a server's TLS":          {deployment + "tls: {insecurePlaintext: true}, config: {http: {tls: {cert: /etc/postern/tls/tls.crt, key: /etc/postern/tls/tls.key}}}}", "config.http.tls.cert"},
		"a port that is shut":     {deployment + "tls: {secretName: s}, config: {telemetry: {traces: \"grpcs://otel.example.com:4317\"}}}", "config.telemetry.traces: the NetworkPolicy lets nothing out to port 4317"},
		"a registry that is shut": {deployment + "tls: {secretName: s}, bundles: [{url: \"oci://r.example.com:5000/p:v1\"}]}", "bundles[0].url: the NetworkPolicy lets nothing out to port 5000"},
		"a log that is shut":      {deployment + "tls: {secretName: s}, config: {decision_log: \"http://logs.example.com/\"}}", "config.decision_log: the NetworkPolicy lets nothing out to port 80"},
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

// TestRendered: what is near to something that is refused, and is fine, is rendered, and
// Postern takes it.
func TestRendered(t *testing.T) {
	for name, values := range map[string]string{
		"one replica with a budget":   deployment + "tls: {secretName: s}, replicas: 1}",
		"none for now":                deployment + "tls: {secretName: s}, replicas: 0}",
		"replicas in place":           deployment + "tls: {secretName: s}, rollout: {maxUnavailable: 25%, maxSurge: 0}}",
		"a variable":                  sidecar + "env: [{name: HTTPS_PROXY, value: \"http://proxy.example.com:3128\"}, {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}",
		"sizes":                       sidecar + "config: {limits: {body: 65536, header: 1MiB, token: 256}, cache: {tokens: 0, decisions: 0}}}",
		"times":                       sidecar + "config: {policy: {deadline: 1m0.5s}, watch: {settle: 1ms, poll: 24h}}}",
		"a version as a number":       sidecar + "config: {http: {tls: {min_version: 1.2}}}}",
		"a share":                     sidecar + "config: {decision_log: {to: stderr, sample: {allow: 0.0001, deny: 1}}}}",
		"AuthZEN":                     sidecar + "config: {doors: {authzen: true}, clients: {anonymous: loopback, mtls: false}}}",
		"one door":                    sidecar + "config: {doors: {check: false, ext_authz: true, forward_auth: false, auth_request: false}}}",
		"no log":                      sidecar + "config: {decision_log: none}}",
		"a log on a volume":           sidecar + "config: {decision_log: {to: /logs/d.jsonl, required: true}}, " + mounted("/logs") + "}",
		"a log on a file":             sidecar + "config: {decision_log: /logs/d.jsonl}, extraVolumes: [{name: l, persistentVolumeClaim: {claimName: l}}], extraVolumeMounts: [{name: l, mountPath: /logs/d.jsonl, subPath: d.jsonl}]}",
		"a mount near the chart's":    sidecar + mounted("/etc/postern-own") + "}",
		"an act":                      remote("stale: deny, max_age: 150s"),
		"a warning without an age":    remote("stale: warn, max_age: 0"),
		"a longer poll":               remote("poll: {min: 5m, max: 5m}"),
		"whole seconds to hold":       remote("poll: {long: 1m30s}, max_age: 1h"),
		"files":                       remote("token_file: /etc/postern/files/f/token, tls: {ca: /etc/postern/files/i/a.crt}"),
		"the image's authorities":     remote("tls: {ca: /etc/ssl/certs/ca-certificates.crt}"),
		"a file of a volume":          "{mode: sidecar, image: {repository: r}, issuers: [{issuer: i, public_key: /spiffe/a/k.pem, authorized_parties: any}], bundles: [{name: a, configMap: {name: c}}], " + mounted("/spiffe") + "}",
		"claims are no paths":         sidecar + "issuers: [{issuer: i, jwks: https://i.example.com/jwks, authorized_parties: any, claims: {org: {id: /tenant/id}}}]}",
		"a shadow":                    sidecar + "config: {shadow: {bundles: [{path: /policy/a}], sample: 0.5}}}",
		"the listener's key":          deployment + "tls: {secretName: s}, config: {admin: {tls: {cert: /etc/postern/tls/tls.crt, key: /etc/postern/tls/tls.key}}}}",
		"a port that is open":         deployment + "tls: {secretName: s}, networkPolicy: {callers: [{podSelector: {}}], httpsPorts: [443, 4317]}, config: {telemetry: {traces: \"grpcs://otel.example.com:4317\"}}}",
		"a rule for a port":           deployment + "tls: {secretName: s}, networkPolicy: {callers: [{podSelector: {}}], egress: [{to: [{podSelector: {}}], ports: [{port: 4000, endPort: 5000}]}]}, bundles: [{url: \"oci://r.example.com:5000/p:v1\"}]}",
		"by way of a proxy":           deployment + "tls: {secretName: s}, env: [{name: https_proxy, value: \"http://p\"}], bundles: [{url: \"https://b.example.com:8443/b\"}]}",
		"no way where none is needed": deployment + "tls: {secretName: s}, config: {telemetry: {metrics: \"http://127.0.0.1:4318\"}}}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errs, err := helm(t, "template", "web", chart(t, "postern"), "--namespace", "shop", "--kube-version", kubernetesVersion, "--values", valuesFile(t, values))
			if err != nil {
				t.Fatalf("helm template with %s: %v: %s", values, err, errs)
			}
			for _, m := range pick[*corev1.ConfigMap](objects(t, out)) {
				if text, ok := m.Data["postern.yaml"]; ok {
					if _, err := load(t, text); err != nil {
						t.Errorf("serve with %s: %v", values, err)
					}
				}
			}
		})
	}
}

// TestFiles: no key that names a file can name one that is not there, whatever it is for.
func TestFiles(t *testing.T) {
	checked := 0
	for _, k := range config.Keys() {
		if !fileKey.MatchString(k.Path) && !strings.HasSuffix(k.Path, ".jwks") && k.Path != "decision_log.to" || k.Path == "bundles[].path" {
			continue
		}
		checked++
		t.Run(k.Path, func(t *testing.T) {
			t.Parallel()
			values := around(k.Path)
			assign(values, k.Path, "/etc/postern/files/other/x")
			want := lastName(k.Path) + ": /etc/postern/files/other/x is on"
			if _, errs, err := renderValues(t, values); err == nil || !strings.Contains(errs, want) {
				t.Errorf("%v, %q, want an error with %q", err, errs, want)
			}
		})
	}
	if checked < 25 {
		t.Errorf("%d keys name files, want all of them", checked)
	}
}
