package bundle

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		refused(t, want, directory(t, files{"a/data.json": text}))
	}
	f(``, "a/data.json:1:1: ends in the middle of a value")
	f(`{"a": 1`, "ends in the middle of a value")
	f(`[1]`, "a/data.json:1:1: the root of a data file must be an object")
	f(`null`, "must be an object")
	f(`"x"`, "must be an object")
	f("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", `a/data.json:3:2: duplicate key "a"`)
	f("{\"é\": {\"a\": 1, \"a\": 3}}", `a/data.json:1:16: duplicate key "a"`)
	f(`{"a": 1, "\u0061": 2}`, `duplicate key "a"`)
	f(`{"a": [{"b": [{"c": 1, "c": 1}]}]}`, `duplicate key "c"`)
	f(`{"a": 1} {}`, "more follows")
	f(`{"a": 1} x`, "a/data.json:1:10: ")
	f(`{"a": 1,}`, "a/data.json:1:8: ")
	f(`{"a": 01}`, "a/data.json:1:8: ")
	f(`{"a": NaN}`, "a/data.json:1:7: ")
	f(`// {}`, "a/data.json:1:1: ")
	f(`{"a": 1e999999}`, `a/data.json:1:7: number "1e999999" is too large`)
	f(`{"a": -1e309}`, "is too large")
	f(`{"a": 1e-999999}`, "is too small")
	f(`{"a": 1`+strings.Repeat("0", 500)+`}`, "number of 501 digits")
	f("{\"a\": \"\xff\"}", "a/data.json: not valid UTF-8")
	f(`{"a": "\ud800"}`, "a/data.json:1:")
	f("\xef\xbb\xbf{}", "byte order mark")
	f("{\"a\": 1}\x00", "NUL")
	f(strings.Repeat(`{"a":`, 129)+"1"+strings.Repeat("}", 129), "nested more than 128 deep")
	f(`{"a":`+strings.Repeat("[", 100_000), "nested more than 128 deep")

	b := load(t, directory(t, files{"data.json": `{"zero": 0.0e5, "big": 123456789012345678901234567890, "e": 1E+2, "list": [], "o": {}, "n": null, "t": true, "s": "\u00e9\ud83d\ude00"}`}))
	want := map[string]any{"zero": json.Number("0.0e5"), "big": json.Number("123456789012345678901234567890"), "e": json.Number("1E+2"),
		"list": []any{}, "o": map[string]any{}, "n": nil, "t": true, "s": "é😀"}
	if !reflect.DeepEqual(b.Data, want) {
		t.Errorf("data = %v, want %v", b.Data, want)
	}
	load(t, directory(t, files{"data.json": strings.Repeat(`{"a":`, 128) + "1" + strings.Repeat("}", 128)}))
}

func TestYAML(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		refused(t, want, directory(t, files{"a/data.yaml": text}))
	}
	f("", "a/data.yaml:1:1: the file is empty")
	f("# nothing\n", "the file is empty")
	f("---\n", "must be an object")
	f("- a\n", "must be an object")
	f("a: 1\nb: 2\na: 3\n", `a/data.yaml:3:1: duplicate key "a"`)
	f("a: 1\n\"\\u0061\": 3\n", `duplicate key "a"`)
	f("a: {b: {c: 1, c: 2}}\n", `a/data.yaml:1:15: duplicate key "c"`)
	f("a: &x 1\n", "a/data.yaml:1:4: anchors are not supported")
	f("a: &x 1\nb: *x\n", "anchors are not supported")
	f("a: *x\n", "unknown anchor")
	f("a: {<<: {b: 1}}\n", "a/data.yaml:1:5: merge keys are not supported")
	f("a: !!str 1\n", "tag")
	f("a: !x {}\n", "tag")
	f("!!map {a: 1}\n", "tag")
	f("a: 1\n---\nb: 1\n", "a/data.yaml:2:1: a second document follows")
	f("1: a\n", `the key "1" is not a string`)
	f("true: a\n", `the key "true" is not a string`)
	f("null: a\n", `the key "null" is not a string`)
	f("? [a]\n: b\n", "a key is not a string")
	for _, word := range []string{"yes", "no", "on", "off", "y", "N", "Yes", "OFF"} {
		f("a: "+word+"\n", word+" is a boolean to some readers")
		f(word+": 1\n", word+" is a boolean to some readers")
	}
	for _, number := range []string{"0x1F", "0o17", "017", "1_000", "+1", ".5", "5.", ".inf", ".nan", "0b1"} {
		f("a: "+number+"\n", "is not a number that JSON has")
	}
	f("a: 1e999\n", "too large")
	f("a: 2026-01-01\n", "is a time to some readers")
	f("a: !!binary aGk=\n", "tag")
	f("a: [1\n", "a/data.yaml:")
	f("a: 1\n\tb: 2\n", "a/data.yaml:2:")
	f("a: \"\xff\"\n", "not valid UTF-8")
	f("a: "+strings.Repeat("[", 130)+strings.Repeat("]", 130)+"\n", "nested too deep")
	f("a: "+strings.Repeat("[", 200_000)+"\n", "depth")
	f("a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c]\n", "anchors are not supported")

	b := load(t, directory(t, files{"data.yaml": "a: 'yes'\n\"no\": 1.50\nb: ~\nc: True\nd: |\n  x\ne: -3e2\nf: \"2026-01-01\"\ng: nope\nh: [1, two, {k: false}]\n"}))
	want := map[string]any{"a": "yes", "no": json.Number("1.50"), "b": nil, "c": true, "d": "x\n", "e": json.Number("-3e2"), "f": "2026-01-01", "g": "nope",
		"h": []any{json.Number("1"), "two", map[string]any{"k": false}}}
	if !reflect.DeepEqual(b.Data, want) {
		t.Errorf("data = %v, want %v", b.Data, want)
	}
}

func TestData_merge(t *testing.T) {
	b := load(t, directory(t, files{"data.json": `{"a": {"b": {"x": 1}}}`, "a/data.yaml": "c: 2\n", "a/b/data.json": `{"y": 3}`, "a/b/data.yml": "z: 4\n"}))
	want := map[string]any{"a": map[string]any{"c": json.Number("2"), "b": map[string]any{"x": json.Number("1"), "y": json.Number("3"), "z": json.Number("4")}}}
	if !reflect.DeepEqual(b.Data, want) {
		t.Errorf("data = %v, want %v", b.Data, want)
	}
	refused(t, `data.json:1:8: data at "a/b" is given at a/data.yaml:1:1 too`, directory(t, files{"data.json": `{"a": {"b": 1}}`, "a/data.yaml": "b: 1\n"}))
	refused(t, `a/b/data.yml:1:1: data at "a/b/c" is given at a/b/data.yaml:2:1 too`, directory(t, files{"a/b/data.yaml": "d: 1\nc: 2\n", "a/b/data.yml": "c: 1\n"}))
	refused(t, `data at "a" is given at`, directory(t, files{"data.json": `{"a": 1}`, "a/data.json": `{"b": 1}`}))
}

func TestData_reserved(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		refused(t, want, directory(t, files{name: text}))
	}
	f("data.json", `{"postern": {"session": {}}}`, `data.json:1:14: data at "postern/session" is reserved`)
	f("data.yaml", "postern: 1\n", `data.yaml:1:1: data at "postern" is reserved`)
	f("postern/data.yaml", "a: 1\n", `postern/data.yaml:1:1: data at "postern/a" is reserved`)
	f("postern/check/data.json", `{"a": 1}`, `data at "postern/check" is reserved`)
	f("postern/data.json", `{"extend": 1}`, `data at "postern/extend" is reserved`)
	f("postern/extend/data.json", `{"deny": ["x"]}`, `postern/extend/data.json:1:2: data at "postern/extend/deny" is reserved`)
	load(t, directory(t, files{"postern/extend/data.json": `{"blocked": ["x"]}`, "postern/log/data.json": `{"masks": []}`}))
}

func TestManifest(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		refused(t, want, directory(t, files{".manifest": text, "a/data.json": `{"b": 1}`}))
	}
	f(``, ".manifest:1:1: ends in the middle")
	f(`[]`, ".manifest:1:1: the manifest must be an object")
	f(`{"revision": "1", "revision": "2"}`, `duplicate key "revision"`)
	f(`{"revision": "1"} {}`, "more follows")
	f("{\"revision\": \"1\",\n \"root\": []}", `.manifest:2:2: unknown member "root"; did you mean "roots"?`)
	f(`{"revision": 1}`, "revision must be a string")
	f(`{"revision": "a b"}`, "must be printable ASCII without spaces")
	f(`{"revision": "a\r\nX: y"}`, "must be printable ASCII without spaces")
	f(`{"revision": "é"}`, "must be printable ASCII without spaces")
	f(`{"revision": "`+strings.Repeat("x", 257)+`"}`, "longer than 256 bytes")
	f(`{"roots": "a"}`, "roots must be a list of strings")
	f(`{"roots": null}`, "roots must be a list of strings")
	f(`{"roots": [1]}`, "roots must be a list of strings")
	f(`{"roots": ["a", "a"]}`, `roots "a" and "a" overlap`)
	f(`{"roots": ["a", "a/b"]}`, `roots "a" and "a/b" overlap`)
	f(`{"roots": ["a", "/a/"]}`, "overlap")
	f(`{"roots": ["", "a"]}`, "overlap")
	f(`{"roots": []}`, `a/data.json: data at "a" is outside the roots`)
	f(`{"roots": ["b"]}`, `a/data.json: data at "a" is outside the roots of the manifest, "b"`)
	f(`{"roots": ["a/c"]}`, `data at "a/b" is outside the roots`)
	f(`{"rego_version": 0}`, "rego_version must be 1")
	f(`{"rego_version": "1"}`, "rego_version must be 1")
	f(`{"file_rego_versions": {"/x.rego": 0}}`, `"/x.rego" must be 1`)
	f(`{"file_rego_versions": []}`, "must be an object")
	f(`{"wasm": [{"entrypoint": "a"}]}`, "WebAssembly is not supported")
	f(`{"wasm": {}}`, "WebAssembly is not supported")
	f(`{"metadata": []}`, "metadata must be an object")
	f(`{"metadata": {"postern": 1}}`, "metadata.postern must be an object")
	f(`{"metadata": {"postern": {"entrypoint": {}}}}`, `did you mean "entrypoints"?`)
	f(`{"metadata": {"postern": {"entrypoints": []}}}`, "must be an object")
	f(`{"metadata": {"postern": {"entrypoints": {"chek": "a/b"}}}}`, `unknown entrypoint "chek" in metadata.postern.entrypoints; did you mean "check"?`)
	f(`{"metadata": {"postern": {"entrypoints": {"check": 1}}}}`, "check must be a string")
	f(`{"metadata": {"postern": {"entrypoints": {"search": "a/b"}}}}`, "search must be an object")
	f(`{"metadata": {"postern": {"entrypoints": {"search": {"subjects": "a/b"}}}}}`, `did you mean "subject"?`)
	f(`{"metadata": {"postern": {"entrypoints": {"search": {"search": {}}}}}}`, `unknown entrypoint "search"`)
	for _, path := range []string{"", "a", "data/a/b", "/a/b", "a/b/", "a//b", "a.b", "a/b c", `a/b\u0000`} {
		f(fmt.Sprintf(`{"metadata": {"postern": {"entrypoints": {"check": "%s"}}}}`, path), "is not the path of a rule")
	}
	f("{\"revision\": \"\xff\"}", ".manifest: not valid UTF-8")
	f(`{"metadata": {"x": "`+strings.Repeat("x", 64<<10)+`"}}`, ".manifest: 65")

	b := load(t, directory(t, files{".manifest": `{"revision": "", "roots": ["/a/b/", "c"], "file_rego_versions": {"*": 1}, "wasm": [], "metadata": {"postern": {}}}`,
		"data.json": `{"a": {"b": {"c": 1}}}`, "x.rego": "package c.d\ne := 1"}))
	if b.Revision != strings.TrimPrefix(b.Digest, "sha256:")[:12] {
		t.Errorf("revision = %q, want the digest's", b.Revision)
	}
}

func TestModule(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		refused(t, want, directory(t, files{"p/x.rego": text}))
	}
	f("", "p/x.rego: ")
	f("\t", "p/x.rego: ")
	f("package a\n\nallow {\n  true\n}\n", "p/x.rego:3:")
	f("package a\n\nallow if {\n", "p/x.rego:")
	f("package a\n\nallow if x :=\n", "p/x.rego:")
	f("allow := true\n", "p/x.rego:1:1: ")
	f("package a\nx := \"\xff\"", "not valid UTF-8")
	f("\xef\xbb\xbfpackage a\nx := 1", "byte order mark")
	f("package a\n# METADATA\n# title: [\nx := 1", "p/x.rego:")
	f("package a\nx := "+strings.Repeat("[", 1<<18), "p/x.rego:2:")

	// Every mistake of every file is reported.
	_, err := Load(t.Context(), DefaultLimits(), directory(t, files{"a.rego": "x", "b.rego": "y", "c/data.json": "{"}))
	for _, want := range []string{"a.rego:1", "b.rego:1", "c/data.json:1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load = %v, want %q in it", err, want)
		}
	}

	refused(t, "x.rego:1:1: package b is outside the roots", directory(t, files{".manifest": `{"roots": ["a"]}`, "x.rego": "package b\nx := 1"}))
	refused(t, "outside the roots", directory(t, files{".manifest": `{"roots": ["a"]}`, "x.rego": "package ab\nx := 1"}))
	refused(t, "outside the roots", directory(t, files{".manifest": `{"roots": ["a/b"]}`, "x.rego": "package a\nb := 1"}))
	refused(t, "outside the roots", directory(t, files{".manifest": `{"roots": ["a/b"]}`, "x.rego": "package a[\"b/c\"]\nb := 1"}))
	// Tests take no part in serving, so roots do not bind them.
	b := load(t, directory(t, files{".manifest": `{"roots": ["a"]}`, "x.rego": "package a\nb := 1", "x_test.rego": "package a_test\ntest_b if true"}))
	if len(b.Tests) != 1 || len(b.Warnings) != 0 {
		t.Errorf("tests = %v, warnings = %q", b.Tests, b.Warnings)
	}
	b = load(t, directory(t, files{"x.rego": "package a\nb := 1", "x_test.rego": "package a\ntest_b if true"}))
	if !slices.ContainsFunc(b.Warnings, func(w string) bool { return strings.HasPrefix(w, "x_test.rego: package a does not end in _test") }) {
		t.Errorf("warnings = %q, want the package of the test", b.Warnings)
	}
}

func TestModule_reserved(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		content := files{name: text, "data.json": `{"a": 1}`}
		if want == "" {
			load(t, directory(t, content))
			return
		}
		refused(t, want, directory(t, content))
	}
	reserved := "is reserved"
	f("x.rego", "package postern\nx := 1", "x.rego:1:1: package postern is reserved")
	f("x.rego", "package postern.session\nx := 1", reserved)
	f("x.rego", "package postern[\"session\"]\nx := 1", reserved)
	f("x.rego", "package postern[\"extend\"][\"deny\"]\nx := 1", "stands where the rule deny")
	f("x.rego", "package postern\nextend.deny contains \"x\"", reserved)
	f("x.rego", "package postern.extended\ndeny contains \"x\"", reserved)
	f("x.rego", "package postern.extend_test\ntest_x if true", reserved)
	f("x_test.rego", "package postern.check\nx := 1", reserved)
	f("x_test.rego", "package postern.check_test\ntest_x if true", reserved)
	f("x_test.rego", "package postern.extend_test\ntest_x if true", "")
	f("x_test.rego", "package postern.log_test\ntest_x if true", "")
	f("x.rego", "package postern.log\nmask contains \"/input/body\"", "")
	f("x.rego", "package postern.log.deeper\nx := 1", "")
	f("x.rego", "package data.postern.check\nx := 1", "")
	f("x.rego", "package a_postern\nimport data.postern.session\nx := session.role", "")
	f("x.rego", "package model\nroles := {}", "package model is reserved")
	f("x.rego", "package model.roles\nx := {}", "package model is reserved")
}

// TestNames_misnamed: what seems to be policy or model and would not be read is refused,
// since it would take nothing away.
func TestNames_misnamed(t *testing.T) {
	rego := "package a\n\nx := 1\n"
	for _, name := range []string{"model.yaml", "model.yml", "model.json", "model/extra.json", "model/roles/all.yaml"} {
		refused(t, name+": data is read from data.json", directory(t, files{"x.rego": rego, name: "{}"}))
	}
	for _, name := range []string{"y.REGO", "y.Rego"} {
		refused(t, name+": Rego is read from files that end in .rego", directory(t, files{"x.rego": rego, name: rego}))
	}
	load(t, directory(t, files{"x.rego": rego, "models.yaml": "{}", "tests/cases.json": "{}"}))
}

func TestModule_extend(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		content := files{"x.rego": "package postern.extend\n" + text}
		if want == "" {
			load(t, directory(t, content))
			return
		}
		refused(t, want, directory(t, content))
	}
	set := "x.rego:2:1: deny must be a set"
	none := "has no rule `deny contains reason`"
	f(`deny contains "x" if input.a`, "")
	f("deny contains reason if {\n  reason := data.why\n}\nhelper(x) := x", "")
	f(`deny := true`, set)
	f(`deny if input.a`, set)
	f(`deny := {"x"} if input.a`, set)
	f(`default deny := false`, "x.rego:2:")
	f(`deny["x"] if input.a`, set)
	f(`deny[x] := 1 if x := input.a`, set)
	f(`deny["x"] := "y"`, set)
	f(`deny.x contains "y"`, set)
	f(`deny.x := "y"`, set)
	f(`deny(x) if x`, set)
	f(`denies contains "x"`, none)
	f(`allow := false`, none)
	f("deny contains \"x\"\n\ndeny.y contains \"z\"", "x.rego:4:1: deny must be a set")
	refused(t, none, directory(t, files{"x.rego": "package postern.extend.more\ndeny contains \"x\""}))
	refused(t, none, directory(t, files{"x.rego": "package postern.extend\nx := 1", "x_test.rego": "package postern.extend_test\ndeny contains \"x\""}))
	below := "deny denies in package postern.extend alone"
	refused(t, below, directory(t, files{"x.rego": "package postern.extend\ndeny contains \"x\"", "y.rego": "package postern.extend.invoices\ndeny contains \"y\""}))
	refused(t, "takes no part in serving", directory(t, files{"x_test.rego": "package postern.extend\ndeny contains \"x\"", "data.json": "{}"}))
	load(t, directory(t, files{"x.rego": "package postern.extend\ndeny contains \"x\"", "y.rego": "package postern.extend\nz := 1", "z.rego": "package postern.extend.more\na := 1"}))
}

func TestModule_dataInItsPlace(t *testing.T) {
	f := func(data, rego, want string) {
		t.Helper()
		content := files{"data.json": data, "x.rego": rego}
		if want == "" {
			load(t, directory(t, content))
			return
		}
		refused(t, want, directory(t, content))
	}
	f(`{"a": {"allow": true}}`, "package a\nallow if false", `x.rego:2:1: rule "allow" stands where the bundle has data, at "a/allow"`)
	f(`{"a": {"allow": {"b": 1}}}`, "package a\nallow.b if false", `at "a/allow/b"`)
	f(`{"a": {"allow": {"b": 1}}}`, "package a\nallow contains 1", `at "a/allow"`)
	f(`{"a": 1}`, "package a.b\nallow if false", `at "a"`)
	f(`{"a": {"b": [1]}}`, "package a.b\nallow if false", `at "a/b"`)
	f(`{"a": {"other": true}}`, "package a\nallow if false", "")
	f(`{"a": {"allow": {"c": 1}}}`, "package a\nallow.b if false", "")
}

// TestModel_positions has the same mistakes in YAML and in JSON, and spread over files.
func TestModel_positions(t *testing.T) {
	inYAML := "roles:\n  \"org:admin\":\n    includes:\n      - \"org:membr\"\n  \"org:member\": {nmae: x}\nroutes:\n  - {match: /a, require: {role: \"org:admni\"}}\n"
	refused(t, "model/data.yaml:4:9: role \"org:membr\" is not defined in roles; did you mean \"org:member\"?\n"+
		"model/data.yaml:5:18: unknown key \"nmae\"; did you mean \"name\"?\n"+
		"model/data.yaml:7:33: role \"org:admni\" is not defined in roles; did you mean \"org:admin\"?", directory(t, files{"model/data.yaml": inYAML}))

	inJSON := "{\n  \"roles\": {\n    \"org:admin\": {\"includes\": [ \"org:membr\" ] },\n\t\"org:member\" : {\n\"nmae\": \"x\"}},\n\"é\": {}, \"routes\": [{}, {\"match\" : \"/a\", \"require\":{\"role\":\n \"org:admni\"}}]}"
	for _, name := range []string{"model/data.json", "data.json"} {
		text := inJSON
		if name == "data.json" {
			text = `{"model":` + inJSON + `}`
		}
		refused(t, strings.ReplaceAll("X:3:33: role \"org:membr\" is not defined in roles; did you mean \"org:member\"?\n"+
			"X:5:1: unknown key \"nmae\"; did you mean \"name\"?\n"+
			"X:6:1: unknown key \"é\"\n"+
			"X:6:21: route has no match\n"+
			"X:6:21: route says neither public nor signed_in, require or organization\n"+
			"X:7:2: role \"org:admni\" is not defined in roles; did you mean \"org:admin\"?", "X", name), directory(t, files{name: text}))
	}

	refused(t, "model/organizations/data.json:1:20: plan \"por\" is not defined in plans; did you mean \"pro\"?", directory(t, files{
		"model/data.yaml":               "plans: {pro: {}}\norganizations: {org_1: {plan: pro}}\n",
		"model/organizations/data.json": `{"org_2": {"plan": "por"}}`,
	}))
	refused(t, "data.json:1:11: the model must be an object, not null", directory(t, files{"data.json": `{"model": null}`}))

	b := load(t, directory(t, files{"model/data.yaml": "roles:\n  a: {}\n  b: {}\nrole_sets: {s: {roles: [b]}}\nroutes:\n  - {match: /, public: true}\n"}))
	if want := `model/data.yaml:2:3: role "a" is in no role set, so no organization can use it`; !slices.Contains(b.Warnings, want) {
		t.Errorf("warnings = %q, want %q", b.Warnings, want)
	}
	if got := b.Model.Routes[0].Position.String(); got != "model/data.yaml:6:5" {
		t.Errorf("route's position = %s, want model/data.yaml:6:5", got)
	}
}
