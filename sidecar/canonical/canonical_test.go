package canonical

import (
	"bytes"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
)

// TestAppend: of many values, no two that differ have the same octets, and none has those
// that another begins with.
func TestAppend(t *testing.T) {
	texts := []string{
		`null`, `true`, `false`, `0`, `1`, `1.0`, `-1`, `10`, `1e1`, `""`, `"1"`, `"n"`, `"null"`, `"a"`, `"aa"`, `"\u0001a"`,
		`[]`, `[null]`, `[[]]`, `[[],[]]`, `[1]`, `["1"]`, `["a","b"]`, `["a,b"]`, `["ab"]`, `[["a"],"b"]`, `[["a","b"]]`,
		`{}`, `{"a":null}`, `{"a":{}}`, `{"a":[]}`, `{"a":"b"}`, `{"a":1,"b":2}`, `{"b":1,"a":2}`, `{"a":{"b":1}}`, `{"ab":1}`, `{"":""}`,
	}
	var all [][]byte
	for _, text := range texts {
		out, ok := Append(nil, ast.MustParseTerm(text).Value)
		if !ok {
			t.Fatalf("%s cannot be written", text)
		}
		again, _ := Append([]byte("x"), ast.MustParseTerm(text).Value)
		if !bytes.Equal(again[1:], out) {
			t.Errorf("%s is written as %q, then as %q", text, out, again[1:])
		}
		all = append(all, out)
	}
	for i := range all {
		for k := range all {
			if i != k && bytes.HasPrefix(all[i], all[k]) && texts[i] != "1.0" {
				t.Errorf("%s is %q, and %s %q", texts[i], all[i], texts[k], all[k])
			}
		}
	}
	for _, text := range []string{`{1}`, `[{1}]`, `{"a":{1}}`, `set()`} {
		if _, ok := Append(nil, ast.MustParseTerm(text).Value); ok {
			t.Errorf("%s is written", text)
		}
	}
	one, _ := Append(nil, ast.MustParseTerm(`{"a":1,"b":[2,3]}`).Value)
	other, _ := Append(nil, ast.MustParseTerm(`{"b":[2,3],"a":1}`).Value)
	if !bytes.Equal(one, other) {
		t.Errorf("equal objects are %q and %q", one, other)
	}
}
