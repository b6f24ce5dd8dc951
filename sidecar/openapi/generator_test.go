package openapi_test

import (
	"encoding/json"
	"testing"

	"postern/sidecar/openapi"
)

// TestText_generators: every array says what is in it, and no schema that may be null is
// written out in another such, with members on both. Both are good JSON Schema, and some
// generators of clients drop what has them.
func TestText_generators(t *testing.T) {
	var doc struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(openapi.Text, &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Components.Schemas) == 0 {
		t.Fatal("there are no schemas")
	}
	for name, schema := range doc.Components.Schemas {
		complaints(schema, "#/components/schemas/"+name, false, t.Errorf)
	}
}

// complaints walks a schema and what is in it.
func complaints(v any, at string, nullable bool, complain func(string, ...any)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			complaints(item, at, nullable, complain)
		}
	case map[string]any:
		if v["type"] == "array" && v["items"] == nil && v["prefixItems"] == nil {
			complain("%s: an array of what?", at)
		}
		if kinds, ok := v["type"].([]any); ok && len(kinds) == 2 && kinds[0] == "object" && kinds[1] == "null" {
			if nullable {
				complain("%s: an object or null within another: name it", at)
			}
			nullable = true
		}
		for key, inner := range v {
			complaints(inner, at+"/"+key, nullable, complain)
		}
	}
}
