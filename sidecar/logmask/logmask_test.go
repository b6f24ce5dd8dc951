package logmask

import (
	"encoding/json"
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
	for _, p := range []string{
		"", "/decision_id", "/time", "/door", "/item", "/allow", "/status", "/status/x", "/revision", "/digest", "/erased", "/masked", "/mask_error",
		"/shadow", "/shadow/allow", "/shadow/status", "/shadow/revision", "/shadow/digest", "/shadow/x", "/shadow/reason", "/shadow/reasons~1",
	} {
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

// TestApply_shadow: why a shadow would have decided otherwise can be masked, as why it was
// decided can. That it would have cannot, nor can a decision be made to look like that.
func TestApply_shadow(t *testing.T) {
	const diverged = `{"allow":true,"decision_id":"d","shadow":{"allow":false,"reasons":[{"code":"role_required","message":"ada"}],"status":403},"status":200}`
	f := func(of string, e Edit, want string) {
		t.Helper()
		got, err := Apply([]byte(of), []Edit{e})
		if err != nil || strings.TrimSuffix(string(got), "\n") != want {
			t.Errorf("Apply(%v) = %s, %v; want %s", e, got, err, want)
		}
	}
	f(diverged, Edit{Pointer: "/shadow/reasons"}, `{"allow":true,"decision_id":"d","erased":["/shadow/reasons"],"shadow":{"allow":false,"status":403},"status":200}`)
	f(diverged, Edit{"/shadow/reasons/0/message", jsontext.Value(`"***"`)}, `{"allow":true,"decision_id":"d","masked":["/shadow/reasons/0/message"],"shadow":{"allow":false,"reasons":[{"code":"role_required","message":"***"}],"status":403},"status":200}`)
	f(record, Edit{Pointer: "/shadow/reasons"}, strings.TrimSuffix(encoded(t, record), "\n"))
	if got, err := Apply([]byte(record), []Edit{{"/shadow/reasons", jsontext.Value(`[]`)}}); err != Path {
		t.Errorf("a decision becomes a shadow's: %s, %v", got, err)
	}
}

// encoded is a record as Apply writes it.
func encoded(t *testing.T, text string) string {
	t.Helper()
	got, err := Apply([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}

// FuzzApply: what comes out is a record that has all that no mask reaches, and as it was.
func FuzzApply(f *testing.F) {
	f.Add("/user", "", "/question/any/0", `1`)
	f.Add("/question/any/1", `{"a":[]}`, "/question/any/1/a", ``)
	f.Add("/~0~1", ``, "", `1`)
	f.Add("/shadow", `{"allow":false}`, "/shadow/reasons", `[]`)
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
		var members map[string]json.RawMessage
		if err := json.Unmarshal(got, &members); err != nil || members["shadow"] != nil {
			t.Errorf("%q %q %q %q: a shadow's record, %v: %s", p1, v1, p2, v2, err, got)
		}
		if text := string(got); !strings.Contains(text, `"decision_id":"d"`) || !strings.Contains(text, `"allow":true`) || strings.Count(text, "\n") != 1 {
			t.Errorf("%q %q %q %q: %s", p1, v1, p2, v2, text)
		}
	})
}
