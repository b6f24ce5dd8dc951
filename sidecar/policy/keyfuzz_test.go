package policy_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/policy"
)

// trickyValues are pairwise different, also where they look alike in bytes: texts that
// spell other values, marks and lengths, numbers of one value and two spellings, what is
// empty in several ways.
var trickyValues = []string{
	`null`, `true`, `false`, `0`, `-0`, `0.0`, `1`, `1.0`, `10e-1`, `"1"`, `"null"`, `"true"`, `""`, `" "`,
	`[]`, `{}`, `[[]]`, `[{}]`, `[null]`, `[[],[]]`, `[""]`, `["",""]`, `[1,2]`, `[12]`, `["12"]`, `["1","2"]`, `[1,[2]]`, `[[1],2]`, `[[1,2]]`,
	`{"":null}`, `{"":""}`, `{"a":null}`, `{"a":{}}`, `{"a":[]}`, `{"a":""}`, `{"a":"b"}`, `{"ab":""}`, `{"a":{"b":null}}`, `{"a":{"b":1}}`,
	`{"a":{"b":1.0}}`, `{"a":{"b":"1"}}`, `{"a":{"b":{}}}`, `{"a":{"b":{"c":1}}}`, `{"a":[{"b":1}]}`, `{"a":"s\u0001b"}`, `{"a":{"c":1}}`,
	`{"a":1,"b":2}`, `{"a":2,"b":1}`, `{"a":{"b":1},"b":null}`, `{"a":1,"c":2}`, `{"b":{"a":1}}`, `{"a":{"b":{"c":null}}}`, `{"a":false}`,
	`"s\u0000"`, `"s\u0001s"`, `"\u0001s"`, `"vs\u0001a"`, `"e\u0000o"`, `["s\u0000"]`, `["a\u0000","o\u0000"]`, `"a\u0001"`, `"m"`, `"p"`, `"pm"`,
	`{"a":"pm"}`, `{"a":"\u0002"}`, `{"a":["e",1,"o"]}`, `["e\u0001o"]`, `"\u00e9"`, `"e\u0301"`, `"\ufffd"`, `{"A":1}`, `{"a ":1}`,
	`{"a":{"":{"":1}}}`, `{"a":{"a":{"a":{"a":1}}}}`, `[1,2,3,4,5,6,7,8,9,10]`, `100000000000000000000`, `1e20`, `1.5`, `15e-1`, `"1.5"`,
}

// trickyPaths are lists of paths: names with dots between them, paths with bars.
var trickyPaths = []string{"", "a", "a.b", "a.b.c", "b", "a|b", "b|a", "a.b|a", "a|a.b", "a.b.c|a.b", "|a", "a|a", ".", "a..", "a.b|a.c", "a.b.c.d|b", "x.y.z"}

func pathsOf(spec string) [][]string {
	var paths [][]string
	for path := range strings.SplitSeq(spec, "|") {
		if path == "" {
			paths = append(paths, nil)
			continue
		}
		paths = append(paths, strings.Split(path, "."))
	}
	return paths
}

// compareKeys holds the keys of two values to what they promise.
func compareKeys(t *testing.T, a, b, spec string) {
	t.Helper()
	paths := pathsOf(spec)
	keyA, valueA, okA := policy.AppendKey(a, paths...)
	keyB, valueB, okB := policy.AppendKey(b, paths...)
	if !okA || !okB {
		return // no JSON that policies see
	}
	read := true
	for _, path := range paths {
		read = read && sameEnd(valueA, valueB, path)
	}
	if same := bytes.Equal(keyA, keyB); same != read {
		t.Errorf("%s and %s are the same in all of %q: %v; their keys %q and %q are equal: %v", a, b, spec, read, keyA, keyB, same)
	}
	if len(keyA) != len(keyB) && (bytes.HasPrefix(keyA, keyB) || bytes.HasPrefix(keyB, keyA)) {
		t.Errorf("of %s and %s under %q, one key is the beginning of the other: %q, %q", a, b, spec, keyA, keyB)
	}
}

// sameEnd reports whether a path leads to equal values that are written alike, or ends at
// the same depth at values of one kind.
func sameEnd(a, b ast.Value, path []string) bool {
	for _, name := range path {
		inA, inB := below(a, name), below(b, name)
		if inA == nil || inB == nil {
			return inA == nil && inB == nil && kind(a) == kind(b)
		}
		a, b = inA, inB
	}
	return sameText(a, b)
}

// kind is the type of a value; true and false are of two.
func kind(v ast.Value) string {
	if boolean, ok := v.(ast.Boolean); ok {
		return boolean.String()
	}
	return ast.ValueName(v)
}

func below(v ast.Value, name string) ast.Value {
	object, ok := v.(ast.Object)
	if !ok {
		return nil
	}
	if member := object.Get(ast.StringTerm(name)); member != nil {
		return member.Value
	}
	return nil
}

// TestKey_pairs compares every two of the tricky values under all tricky paths.
func TestKey_pairs(t *testing.T) {
	t.Parallel()
	for i, a := range trickyValues {
		for _, b := range trickyValues[i:] {
			for _, spec := range trickyPaths {
				compareKeys(t, a, b, spec)
			}
		}
	}
}

// FuzzKey: two keys are equal exactly if all that is read is, and none is the beginning of
// another.
func FuzzKey(f *testing.F) {
	for i, a := range trickyValues {
		f.Add(a, trickyValues[(i+1)%len(trickyValues)], trickyPaths[i%len(trickyPaths)])
	}
	f.Add(`{"a":{"b":1,"c":2}}`, `{"a":{"c":2,"b":1}}`, "a")
	f.Add(`{"a":{"b":1,"x":2}}`, `{"a":{"b":1}}`, "a.b")
	f.Fuzz(compareKeys)
}
