package bundle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
)

// TestDecodeJSON_recent: strings are told apart, however many there are and however they
// are written.
func TestDecodeJSON_recent(t *testing.T) {
	document := map[string]any{"": ""}
	for i := range 2000 {
		document[fmt.Sprint("org_", i)] = map[string]any{
			"plan": []any{"free", "pro", "", "\u2028é\""}[i%4],
			"name": fmt.Sprint("Organization ", i),
			"list": []any{json.Number("1.0"), fmt.Sprint(i % 300), nil, true},
		}
	}
	content, err := json.MarshalIndent(document, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeJSON(content, Limits{Depth: 8, Values: 100_000}.room())
	if err != nil || !reflect.DeepEqual(got, any(document)) {
		t.Errorf("the document is not what was written: %v", err)
	}
	escaped := bytes.Replace(content, []byte(`"plan": "pro"`), []byte(`"\u0070lan": "\u0070ro"`), 500)
	if got, err = decodeJSON(escaped, Limits{Depth: 8, Values: 100_000}.room()); err != nil || !reflect.DeepEqual(got, any(document)) {
		t.Errorf("the document is not what was written with escapes: %v", err)
	}
}
