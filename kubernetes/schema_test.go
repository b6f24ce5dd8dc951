package kubernetes

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/config"
)

const schemaFile = "../helm/postern/values.schema.json"

// chartsOwn are keys of postern.yaml that the value config cannot have: other values say
// them, so that ports, mounts and probes agree with them.
var chartsOwn = []string{"http.listen", "grpc.listen", "admin.listen", "bundles", "issuers", "persistence_directory"}

// TestSchema: the parts of the schema that are Postern's own configuration are made of its
// keys, so that helm refuses one that does not exist.
func TestSchema(t *testing.T) {
	old, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(old, &schema); err != nil {
		t.Fatal(err)
	}
	parts := schema["$defs"].(map[string]any)
	var whole []string
	for _, k := range config.Keys() {
		own := slices.ContainsFunc(chartsOwn, func(key string) bool {
			return k.Path == key || strings.HasPrefix(k.Path, key+".") || strings.HasPrefix(k.Path, key+"[]")
		})
		if !own {
			whole = append(whole, k.Path)
		}
	}
	parts["config"] = object(whole)
	parts["issuer"] = object(keysBelow("issuers[]."))
	parts["bundle"] = bundleSchema(parts["source"])
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(old, b.Bytes()) {
		t.Errorf("%s is not what Postern's keys make it: run this with -update", schemaFile)
	}
}

// keysBelow are the keys that begin with prefix, without it.
func keysBelow(prefix string) []string {
	var all []string
	for _, k := range config.Keys() {
		if rest, ok := strings.CutPrefix(k.Path, prefix); ok {
			all = append(all, rest)
		}
	}
	return all
}

// bundleSchema is one bundle of the chart: as postern.yaml has one with a URL, or with a
// source of the chart's in the place of its path.
func bundleSchema(source any) map[string]any {
	keys := slices.DeleteFunc(keysBelow("bundles[]."), func(key string) bool { return key == "path" })
	remote := object(keys)
	remote["required"] = []string{"url"}
	mounted := object(slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		return key != "ordered" && !strings.HasPrefix(key, "signers[]")
	}))
	own := source.(map[string]any)
	for key, s := range own["properties"].(map[string]any) {
		mounted["properties"].(map[string]any)[key] = s
	}
	mounted["required"], mounted["oneOf"] = own["required"], own["oneOf"]
	return map[string]any{"if": map[string]any{"required": []string{"url"}}, "then": remote, "else": mounted}
}

// object is the schema of an object with these paths of keys, and no other. What a key's
// value may be is Postern's to judge.
func object(paths []string) map[string]any {
	below := map[string][]string{}
	properties := map[string]any{}
	for _, p := range paths {
		first, rest, nested := strings.Cut(p, ".")
		if nested {
			below[first] = append(below[first], rest)
		} else {
			properties[strings.TrimSuffix(first, "[]")] = map[string]any{}
		}
	}
	for first, rest := range below {
		s := object(rest)
		if name, list := strings.CutSuffix(first, "[]"); list {
			properties[name] = map[string]any{"type": "array", "items": s}
		} else {
			delete(s, "type") // decision_log may be text alone
			properties[first] = s
		}
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
}
