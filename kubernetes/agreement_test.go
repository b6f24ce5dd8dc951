package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"postern/sidecar/config"
)

// samples are what somebody may write for a value, of every kind that there is.
var samples = []any{
	true, "true", 0, 1, -1, 5, 403, 503, 10_000, 10_001, 1_000_001, 1_048_576, 65534, 1 << 40, 0.5, 1.2, 1.3, 1.5, 0.0001, 0.00001,
	"x", "X", "X Y", "", "sk_live_1", "warn", "not_ready", "deny", "Deny", "error", "json", "text", "1.3", "1.4",
	"0", "00", "5", "5s", "1m30s", "1.5h", "1h30", "-5s", ".5s", "100ms", "1d", "5 s", "99us", "1ms", "1m", "10m", "11m", "24h", "25h",
	"64B", "255B", "1KiB", "4KiB", "64KiB", "64XB", "64KB", "64 KiB", "64kib", "064KiB", "1.5MiB", "1MiB", "65MiB", "2GiB", "1025GiB",
	"/etc/postern/files/f/x", "https://a.example.com/x", "http://a.example.com/x", "http://127.0.0.1:8080/x", "https://u:p@a.example.com", "https://a.example.com/#x",
	"oci://r.example.com/p:v1", "grpcs://a.example.com:4317", "socks5://p.example.com:1080", "ftp://a.example.com", "//a", "https://app.example.com",
	"stdout", "none", "any", "loopback", "clerk", "oidc", "RS256", "ES256", "HS256", "postern/check/decision", "data/check/decision", "a~2",
	[]any{}, []any{"RS256"}, []any{"HS256"}, []any{"time.now_ns"}, []any{"http.send"}, []any{"model"}, []any{"https://app.example.com"},
	[]any{"https://app.example.com/"}, []any{"x"}, []any{"x", "x"}, []any{1001}, []any{1001, 1001}, []any{true},
	map[string]any{}, map[string]any{"x": 1}, map[string]any{"x": "y"}, map[string]any{"app": "y"}, map[string]any{"x": "sk_live_1"},
}

// serveAlone are keys of which serve refuses what the chart does not: what is wrong with it
// is a matter of more than its form.
var serveAlone = map[string]string{
	"public_url":           "hosts, users, queries",
	"sign_in_url":          "hosts, and http beyond loopback",
	"telemetry.traces":     "paths and ports of gRPC",
	"telemetry.metrics":    "paths and ports of gRPC",
	"issuers[].issuer":     "a name that is a secret or a bad URL",
	"issuers[].jwks":       "http beyond loopback",
	"bundles[].url":        "references of registries",
	"opa.default_decision": "paths of documents",
	"shadow.bundles[].url": "references of registries",
	"decision_log.to":      "hosts",
	"issuers[].cookie":     "a name that is a secret",

	"decision_log.upload.labels": "names and values that are secrets",
}

// TestAgreement: the chart refuses what serve cannot read or start with, and nothing else.
// A value that serve refuses and the schema does not is rendered, which must fail; all that
// serve takes the schema takes.
func TestAgreement(t *testing.T) {
	m := schemaMaker{t: t}
	m.object(reflect.TypeFor[config.Config](), "")
	m.object(reflect.TypeFor[config.Issuer](), "issuers[]")
	m.object(reflect.TypeFor[config.Bundle](), "bundles[]")
	schema, path := compiled(t), filepath.Join(t.TempDir(), "postern.yaml")
	rendered, alone := 0, map[string]bool{}
	for _, key := range m.leaves {
		if slices.Contains([]string{"bundles[].path", "shadow.bundles[].max_age", "shadow.bundles[].stale"}, key) {
			continue // the chart has none: it says the first itself, and the others can say nothing in a shadow
		}
		if got := judged(t, schema, path, around(key)); got != [2]string{} {
			t.Fatalf("what stands around %s is refused: %q", key, got)
		}
		for _, sample := range samples {
			values := around(key)
			assign(values, key, sample)
			verdict := judged(t, schema, path, values)
			bySchema, byServe := verdict[0], verdict[1]
			switch {
			case bySchema != "" && byServe == "" && !relative(key, sample):
				t.Errorf("%s: %#v is refused, and serve takes it: %s", key, sample, bySchema)
			case bySchema == "" && byServe != "" && serveAlone[key] != "":
				alone[key] = true
			case bySchema == "" && byServe != "":
				rendered++
				t.Run(fmt.Sprintf("%s=%v", key, sample), func(t *testing.T) {
					t.Parallel()
					if _, errs, err := renderValues(t, values); err == nil || !strings.Contains(errs, lastName(key)) {
						t.Errorf("%v, %q; serve says %s", err, errs, byServe)
					}
				})
			}
		}
	}
	for key := range serveAlone {
		if !alone[key] {
			t.Errorf("nothing of %s is left to serve: take it off the list", key)
		}
	}
	if rendered < 20 {
		t.Errorf("%d values were left to the templates, want their bounds to be among them", rendered)
	}
}

// relative reports whether a value is a path below the working directory, of which a
// container has none. The schema wants it from the root.
func relative(key string, sample any) bool {
	text, ok := sample.(string)
	return ok && !strings.HasPrefix(text, "/") && (fileKey.MatchString(key) || strings.HasSuffix(key, ".jwks") || key == "decision_log.to")
}

func lastName(key string) string {
	return strings.TrimSuffix(key[strings.LastIndexByte(key, '.')+1:], "[]")
}

// judged is why the schema and why serve refuse values, nothing where they do not.
func judged(t *testing.T, schema *jsonschema.Schema, path string, values map[string]any) (why [2]string) {
	t.Helper()
	raw, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(document); err != nil {
		why[0] = err.Error()
	}
	whole := maps.Clone(values["config"].(map[string]any))
	whole["issuers"], whole["bundles"] = values["issuers"], values["bundles"]
	if listeners := values["listeners"]; listeners != nil {
		whole["http"] = map[string]any{"listen": "unix:///run/postern/http.sock"}
	}
	// As the chart writes it: numbers are not as JSON has them.
	text, err := yaml.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := loadAt(t, path, string(text)); err != nil {
		why[1] = err.Error()
	}
	return why
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("values.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("values.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// renderValues renders the chart with values alone.
func renderValues(t *testing.T, values map[string]any) (stdout, stderr string, err error) {
	t.Helper()
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return helm(t, "template", "web", chart(t, "postern"), "--kube-version", kubernetesVersion, "--values", valuesFile(t, string(text)))
}

// around are values with which a key can have a value: all that it needs is there.
func around(key string) map[string]any {
	issuer := map[string]any{"issuer": "https://i.example.com", "jwks": "https://i.example.com/jwks", "authorized_parties": "any"}
	bundle := map[string]any{"url": "https://b.example.com/b.tar.gz"}
	c := map[string]any{}
	values := map[string]any{
		"image": map[string]any{"repository": "r"}, "tls": map[string]any{"insecurePlaintext": true}, "networkPolicy": map[string]any{"enabled": false},
		"files":   []any{map[string]any{"name": "f", "secret": "f"}},
		"issuers": []any{issuer}, "bundles": []any{bundle}, "config": c,
	}
	if strings.HasPrefix(key, "shadow.") {
		bundle = map[string]any{"url": "https://s.example.com/b.tar.gz"}
		c["shadow"] = map[string]any{"bundles": []any{bundle}}
	}
	const file = "/etc/postern/files/f/y"
	switch {
	case key == "issuers[].public_key":
		delete(issuer, "jwks")
		issuer["public_key"] = file
	case strings.HasSuffix(key, "[].path"):
		delete(bundle, "url")
		bundle["path"] = file
	case strings.HasSuffix(key, "docker_config"):
		bundle["url"] = "oci://r.example.com/p:v1"
	case strings.Contains(key, "signers[]"):
		bundle["signers"] = []any{map[string]any{"key_id": "k", "public_key": file}}
	case strings.HasSuffix(key, ".stale"):
		bundle["max_age"] = "1h"
	case strings.HasPrefix(key, "doors."):
		c["clients"] = map[string]any{"anonymous": "loopback"}
	case key == "decision_log.required":
		c["decision_log"] = map[string]any{"to": "stdout"}
	case key == "clients.unix_uids":
		values["mode"], values["listeners"] = "sidecar", map[string]any{"at": "socket"}
		delete(values, "tls")
	case strings.HasPrefix(key, "issuers[].claims.org."):
		issuer["claims"] = map[string]any{"org": map[string]any{"id": "/o"}}
	case strings.HasPrefix(key, "issuers[].claims."):
		issuer["claims"] = map[string]any{"user_id": "/o"}
	}
	if m := regexp.MustCompile(`^(.*\.)?tls\.`).FindString(key); m != "" {
		assign(values, m+"cert", file)
		assign(values, m+"key", file)
		if strings.HasSuffix(key, "client_sans") {
			assign(values, m+"client_ca", file)
		}
	}
	if key == "clients.mtls" {
		for _, name := range []string{"cert", "key", "client_ca"} {
			assign(values, "http.tls."+name, file)
		}
	}
	return values
}

// assign sets a key of postern.yaml where the chart has it.
func assign(values map[string]any, key string, value any) {
	names := strings.Split(key, ".")
	if !slices.Contains([]string{"issuers[]", "bundles[]"}, names[0]) {
		names = append([]string{"config"}, names...)
	}
	at := values
	for _, name := range names[:len(names)-1] {
		name, isList := strings.CutSuffix(name, "[]")
		if isList {
			at = at[name].([]any)[0].(map[string]any)
			continue
		}
		below, ok := at[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			at[name] = below
		}
		at = below
	}
	at[names[len(names)-1]] = value
}
