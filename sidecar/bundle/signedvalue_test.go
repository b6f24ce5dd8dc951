package bundle

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	opa "github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/util"
)

// A signature covers the value of data, not its bytes. Whoever changes the bytes so that
// OPA hashes the same value must not change what Postern reads. The first text of each is
// what was signed.
func TestSignature_sameValue(t *testing.T) {
	const name = "a/data.json"
	f := func(name, signed, swapped, want string) {
		t.Helper()
		content := files{name: signed}
		b := forgery{}.over(t, content)
		if want == "" {
			takenBy(t, swapped, []Signer{releases(t)}, with(b, name, swapped))
			return
		}
		refusedBy(t, swapped, []Signer{releases(t)}, with(b, name, swapped), want)
	}
	const changed = "its content is not what was signed"
	f(name, `{"k": 1, "l": [true]}`, "{ \"l\" :[ true ],\n\"k\":1}", "")
	f(name, `{"k": "a"}`, `{"k": "\u0061"}`, "")
	f(name, `{"k": 1}`, `{"k": 2, "k": 1}`, "duplicate key")
	f(name, `{"k": 1}`, `{"k": 1.0}`, changed)
	f(name, `{"k": 1}`, `{"k": 1e0}`, changed)
	f(name, `{"k": 0}`, `{"k": -0}`, changed)
	f(name, `{"k": 1}`, `{"k": "1"}`, changed)
	f(name, `{"k": "\ufffd"}`, "{\"k\": \"\xff\"}", "invalid UTF-8")
	f(name, `{"k": "\ufffd"}`, `{"k": "\ud800"}`, "invalid")
	f(name, `{"k": 1}`, "\xef\xbb\xbf"+`{"k": 1}`, "invalid")
	f(name, `{"k": 1}`, `{"k": 1} {"k": 2}`, "more follows")
	f(name, `{"k": 1}`, "k: 1\n", "invalid")
	f(name, `{"k": 1}`, `{"k": 1e999}`, "too large")
	f(name, `{"k": null}`, `{}`, changed)
	f(name, `{"k": 1}`, `{"K": 1}`, changed)

	const yaml = "a/data.yaml"
	f(yaml, "k: 1\nl: [true]\n", `{"l": [true], "k": 1}`, "")
	f(yaml, "k: 1.5\n", "k: 1.50 # a comment\n", "")
	f(yaml, "k: 12345678901234567890\n", "k: 12345678901234567891\n", changed)
	f(yaml, "k: 1e22\n", "k: 10000000000000000000001\n", "reads another one in this YAML")
	f(yaml, "k: 0.1\n", "k: 0.10000000000000000001\n", "reads another one in this YAML")
	f(yaml, `{"k": "a b"}`, "{\"k\": \"a\u0085b\"}", "reads another one in this YAML")
	f(yaml, `{"k": "a\u0085b"}`, "{\"k\": \"a\u0085b\"}", "reads another one in this YAML")
	f(yaml, `{"k": "a \u2028 b"}`, "{\"k\": \"a \u2028 b\"}", "reads another one in this YAML")
	f(yaml, "k: 1\n", "k: &x 1\n", "anchors are not supported")
	f(yaml, "k: {l: 1}\n", "k: {<<: {l: 1}}\n", "merge keys are not supported")
	f(yaml, "k: \"1\"\n", "k: !!str 1\n", "the tag")
	f(yaml, "k: true\n", "k: yes\n", "quote it")
	f(yaml, "k: 8\n", "k: 010\n", "quote it")
	f(yaml, "k: 1\n", "k: 1\nk: 1\n", "duplicate")
	f(yaml, "k: 1\n", "k: 1\n---\nk: 2\n", "second document")
	f(yaml, "k: 1\n", "k: .nan\n", "not a number that JSON has")
	f(yaml, "\"1\": 2\n", "1: 2\n", "is not a string")
	f(yaml, "k: \"2001-01-01\"\n", "k: 2001-01-01\n", "is a time")

	manifest := func(text, want string) {
		t.Helper()
		content := files{".manifest": `{"revision": "2", "roots": ["a"]}`, name: `{"k": 1}`}
		b := with(forgery{}.over(t, content), ".manifest", text)
		refusedBy(t, text, []Signer{releases(t)}, b, ".manifest: "+want)
	}
	manifest(`{"revision": "1", "revision": "2", "roots": ["a"]}`, "duplicate key")
	manifest(`{"revision": "3", "roots": ["a"]}`, changed)
	manifest(`{"revision": "2", "Revision": "3", "roots": ["a"]}`, changed)
	manifest(`{"revision": "2", "roots": ["a", "b"]}`, changed)
}

// FuzzSignature_value holds our hash to OPA's: of what we hash, OPA's own verification of
// a file finds the same hash, and reads the same value.
func FuzzSignature_value(f *testing.F) {
	for _, text := range []string{`{}`, `{"a": [1, 1.50, -0, 1e3, "x\u2028", null]}`, "a: 1.50\nb: [x, 0x10]\n", "a: \"\\u2028\"\n", "{\"a\": \" \u2028 \u0085\"}",
		"k: 10000000000000000000001\n", "k: |\n  a\n   b\n", "? a\n: b\n", "<<: {a: 1}\n", "a: ~\n", "\xef\xbb\xbf{}", `{"a": 1} x`, "a: 1_000\n", "a: +1\n", "a: .5\n"} {
		for kind := range 3 {
			f.Add(kind, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, kind int, text []byte) {
		name := []string{"data.json", "data.yaml", ".manifest"}[uint(kind)%3]
		tr := newTree(DefaultLimits(), true)
		sum, err := tr.hash(file{path: name, content: text}, opa.SHA256)
		if err != nil {
			return
		}
		infos := map[string]opa.FileInfo{name: opa.NewFile(name, hex.EncodeToString(sum), "SHA-256")}
		if err := opa.VerifyBundleFile(name, *bytes.NewBuffer(bytes.Clone(text)), infos); err != nil {
			t.Fatalf("OPA does not take our hash of %s %q: %v", name, text, err)
		}
		decode := decodeJSON
		if strings.HasSuffix(name, ".yaml") {
			decode = decodeYAML
		}
		ours, err := decode(text, DefaultLimits().room())
		if err != nil {
			t.Fatalf("%q is hashed and not read: %v", text, err)
		}
		var theirs any
		if err := util.Unmarshal(text, &theirs); err != nil || !same(ours, theirs) {
			t.Fatalf("%q is %v, OPA reads %v, %v", text, ours, theirs, err)
		}
	})
}

// FuzzSignature_file feeds signature files that no signer made: they are refused, and
// nothing panics.
func FuzzSignature_file(f *testing.F) {
	content := files{"a/data.json": `{"k": 1}`}
	f.Add([]byte(forgery{sign: rs256(otherKey())}.over(f, content)[SignaturesName]))
	f.Add([]byte(`{"signatures": ["e30.e30.e30"], "plugin": ""}`))
	f.Add([]byte(`{"signatures": ["eyJhbGciOiJub25lIiwia2lkIjoicmVsZWFzZXMifQ.eyJmaWxlcyI6W119."]}`))
	signers := []Signer{releases(f)}
	f.Fuzz(func(t *testing.T, text []byte) {
		tr := newTree(DefaultLimits(), true)
		tr.signature = &file{path: SignaturesName, kind: signatureFile, content: text}
		if said, err := tr.verify(signers, now); err == nil {
			t.Fatalf("%q is a signature: %+v", text, said)
		}
	})
}
