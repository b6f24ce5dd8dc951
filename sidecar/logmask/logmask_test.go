package logmask

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const record = `{"decision_id":"d","user":"ada","n":12345678901234567890,"question":{"any":[{"role":"a"},{"role":"b"},{"role":"c"}],"none":null},"a/b":{"~":"<&>"},"allow":true}`

func gone(pointers ...string) []Edit {
	var all []Edit
	for _, p := range pointers {
		all = append(all, Edit{Pointer: p})
	}
	return all
}

func TestApply(t *testing.T) {
	f := func(edits []Edit, want string) {
		t.Helper()
		got, err := Apply([]byte(record), edits)
		if err != nil || strings.TrimSuffix(string(got), "\n") != want {
			t.Errorf("Apply(%v) = %s, %v; want %s", edits, got, err, want)
		}
		if !jsontext.Value(got).IsValid() || !strings.HasSuffix(string(got), "\n") {
			t.Errorf("no line of JSON: %s", got)
		}
	}
	const tail = `"n":12345678901234567890,"question":`
	const any = `{"any":[{"role":"a"},{"role":"b"},{"role":"c"}],"none":null}`
	f(gone("/user"), `{"a/b":{"~":"<&>"},"allow":true,"decision_id":"d","erased":["/user"],`+tail+any+`}`)
	f(gone("/user", "/user", "/missing", "/missing/deep", "/question/any/9", "/question/x/y"), `{"a/b":{"~":"<&>"},"allow":true,"decision_id":"d","erased":["/user"],`+tail+any+`}`)
	f(gone("/a~1b/~0", "/user"), `{"a/b":{},"allow":true,"decision_id":"d","erased":["/a~1b/~0","/user"],`+tail+any+`}`)
	// Places in a list are those of the record as it was.
	f(append(gone("/question/any/0", "/question/any/1", "/user", "/a~1b"), Edit{"/question/any/2/role", []byte(`1e400`)}),
		`{"allow":true,"decision_id":"d","erased":["/a~1b","/question/any/0","/question/any/1","/user"],"masked":["/question/any/2/role"],`+tail+`{"any":[{"role":1e400}],"none":null}}`)
	// What is put in can be taken out, and what contains is put in first.
	f([]Edit{{"/question/any", []byte(`[]`)}, {"/question", []byte(`{"x":{}}`)}, {"/question/x/y", []byte(`"z"`)}, {"/user", nil}, {"/a~1b", nil}},
		`{"allow":true,"decision_id":"d","erased":["/a~1b","/user"],"masked":["/question","/question/any","/question/x/y"],`+tail+`{"any":[],"x":{"y":"z"}}}`)
	f(append(gone("/question", "/question/any", "/user", "/a~1b"), Edit{"/question/any", []byte(`"secret"`)}),
		`{"allow":true,"decision_id":"d","erased":["/a~1b","/question","/question/any","/user"],"masked":["/question/any"],"n":12345678901234567890}`)
	f([]Edit{{"/site", []byte(`"eu"`)}, {"/user", nil}, {"/question", nil}, {"/a~1b", nil}}, `{"allow":true,"decision_id":"d","erased":["/a~1b","/question","/user"],"masked":["/site"],"n":12345678901234567890,"site":"eu"}`)
}

func TestApply_refuses(t *testing.T) {
	f := func(want Error, edits ...Edit) {
		t.Helper()
		got, err := Apply([]byte(record), edits)
		var word Error
		if !errors.As(err, &word) || word != want || got != nil {
			t.Errorf("Apply(%.80v) = %s, %v; want %v", edits, got, err, want)
		}
	}
	one := jsontext.Value(`1`)
	for _, p := range []string{"", "/decision_id", "/time", "/allow", "/status", "/status/x", "/erased", "/masked", "/mask_error"} {
		f(Protection, Edit{Pointer: p})
		f(Protection, Edit{p, one})
	}
	for _, p := range []string{"user", "/a~2b", "/a~", "/user/x", "/question/none/x", "/question/any/-", "/question/any/01", "/question/any/x", "/question/any/+1"} {
		f(Path, Edit{Pointer: p})
		f(Path, Edit{p, one})
	}
	f(Path, Edit{"/missing/x", one})
	f(Path, Edit{"/question/any/3", one})
	f(Shape, Edit{"/user", one}, Edit{"/user", jsontext.Value(`2`)})
	f(Size, Edit{"/user", jsontext.Value(`"` + strings.Repeat("x", Largest) + `"`)})
	half := jsontext.Value(`"` + strings.Repeat("x", Largest/2) + `"`)
	f(Size, Edit{"/x", half}, Edit{"/y", half}, Edit{"/z", half})
}

// FuzzApply: what comes out is a record that has all that no mask reaches, and as it was.
func FuzzApply(f *testing.F) {
	f.Add("/user", "", "/question/any/0", `1`)
	f.Add("/question/any/1", `{"a":[]}`, "/question/any/1/a", ``)
	f.Add("/~0~1", ``, "", `1`)
	f.Fuzz(func(t *testing.T, p1, v1, p2, v2 string) {
		edit := func(p, v string) Edit {
			if v == "" || !jsontext.Value(v).IsValid() {
				return Edit{Pointer: p}
			}
			return Edit{p, jsontext.Value(v)}
		}
		got, err := Apply([]byte(record), []Edit{edit(p1, v1), edit(p2, v2)})
		if err != nil {
			return
		}
		if text := string(got); !strings.Contains(text, `"decision_id":"d"`) || !strings.Contains(text, `"allow":true`) || strings.Count(text, "\n") != 1 {
			t.Errorf("%q %q %q %q: %s", p1, v1, p2, v2, text)
		}
	})
}
