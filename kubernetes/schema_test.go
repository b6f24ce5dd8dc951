package kubernetes

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"reflect"
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
// types, so that helm refuses a key that does not exist and a value that cannot be read.
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
	m := schemaMaker{t: t}
	maps.Copy(parts, definitions)
	parts["config"] = m.object(reflect.TypeFor[config.Config](), "")
	parts["issuer"] = m.object(reflect.TypeFor[config.Issuer](), "issuers[]")
	parts["bundle"] = m.bundle(parts["source"].(map[string]any))
	for _, k := range config.Keys() {
		if !slices.Contains(m.leaves, k.Path) && !own(k.Path) && k.Path != "bundles[].path" {
			t.Errorf("the schema has no %s", k.Path)
		}
	}
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
		t.Errorf("%s is not what Postern's types make it: run this with -update", schemaFile)
	}
}

// own reports whether a key is the chart's alone, but for those within bundles and issuers,
// which have values of their own.
func own(key string) bool {
	return slices.Contains(chartsOwn, key)
}

// A schemaMaker makes schemas of the types of the configuration.
type schemaMaker struct {
	t      *testing.T
	leaves []string // the keys that have one
}

// object is the schema of a struct whose fields have keys, and no other.
func (m *schemaMaker) object(typ reflect.Type, path string) map[string]any {
	properties := map[string]any{}
	for f := range typ.Fields() {
		key := f.Tag.Get("key")
		at := strings.TrimPrefix(path+"."+key, ".")
		if key != "" && !own(at) {
			properties[key] = m.value(f.Type, at)
		}
	}
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	maps.Copy(s, m.together(typ, path))
	return s
}

// together is what members of an object have to do with each other.
func (m *schemaMaker) together(typ reflect.Type, path string) map[string]any {
	pair := map[string]any{"cert": []string{"key"}, "key": []string{"cert"}}
	switch {
	case typ == reflect.TypeFor[config.Issuer]():
		return map[string]any{"required": []string{"issuer", "authorized_parties"}, "oneOf": []any{needs("jwks"), needs("public_key")}}
	case typ == reflect.TypeFor[config.Signer]():
		return map[string]any{"required": []string{"key_id", "public_key"}}
	case typ == reflect.TypeFor[config.ClientTLS](), path == "admin.tls":
		return map[string]any{"dependencies": pair}
	case typ == reflect.TypeFor[config.Mapping]():
		return map[string]any{"minProperties": 1}
	case typ == reflect.TypeFor[config.OrgMapping]():
		return needs("id")
	}
	return nil
}

func needs(key string) map[string]any { return map[string]any{"required": []string{key}} }

// value is the schema of what a key may have.
func (m *schemaMaker) value(typ reflect.Type, path string) map[string]any {
	switch typ {
	case reflect.TypeFor[config.Bundles](): // the shadow's, with paths
		local := map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
			"path": m.value(reflect.TypeFor[string](), path+"[].path"), "ordered": map[string]any{"type": "boolean"},
			"signers": m.value(reflect.TypeFor[config.Signers](), path+"[].signers"),
		}, "required": []string{"path"}}
		remote := m.object(reflect.TypeFor[config.Bundle](), path+"[]")
		for _, key := range []string{"path", "max_age", "stale"} { // no answer waits for a shadow
			delete(remote["properties"].(map[string]any), key)
		}
		return list(map[string]any{"if": needs("url"), "then": remote, "else": local}, 0)
	case reflect.TypeFor[config.Signers]():
		return list(m.object(typ.Elem(), path+"[]"), 1)
	case reflect.TypeFor[config.DecisionLog]():
		return map[string]any{"anyOf": []any{textSchema("decision_log.to"), m.object(typ, path)}}
	case reflect.TypeFor[config.Claims]():
		m.leaves = append(m.leaves, path)
		return map[string]any{"anyOf": []any{oneOf(config.ClaimsClerk, config.ClaimsOIDC), m.object(reflect.TypeFor[config.Mapping](), path)}}
	}
	if s := scalarSchema(typ, path); s != nil {
		m.leaves = append(m.leaves, path)
		return s
	}
	if typ.Kind() != reflect.Struct {
		m.t.Fatalf("%s is a %s, of which no schema is known here", path, typ)
	}
	return m.object(typ, path)
}

// bundle is one bundle of the chart: as postern.yaml has one with a URL, or with a source
// of the chart's in the place of its path.
func (m *schemaMaker) bundle(source map[string]any) map[string]any {
	remote := m.object(reflect.TypeFor[config.Bundle](), "bundles[]")
	properties := remote["properties"].(map[string]any)
	delete(properties, "path")
	remote["required"] = []string{"url"}
	mounted := map[string]any{"ordered": properties["ordered"], "signers": properties["signers"]}
	maps.Copy(mounted, source["properties"].(map[string]any))
	local := map[string]any{"type": "object", "additionalProperties": false, "properties": mounted, "required": source["required"], "oneOf": source["oneOf"]}
	return map[string]any{"if": needs("url"), "then": remote, "else": local}
}
