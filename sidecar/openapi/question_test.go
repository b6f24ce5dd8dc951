package openapi_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"postern/sidecar/openapi"
	"postern/sidecar/request"
)

// schema is one of the description's.
func schema(t testing.TB, place string) func(body string) error {
	t.Helper()
	text, err := jsonschema.UnmarshalJSON(strings.NewReader(string(openapi.Text)))
	if err != nil {
		t.Fatal(err)
	}
	const base = "urn:postern:openapi"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource(base, text); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile(base + place)
	if err != nil {
		t.Fatal(err)
	}
	return func(body string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			return err
		}
		return compiled.Validate(value)
	}
}

// A writer writes questions, most of them good ones.
type writer struct {
	*rand.Rand
	// lenient is whether something was written that is read, and is not described: a name
	// that is no text.
	lenient bool
}

func (w *writer) one(of ...string) string { return of[w.IntN(len(of))] }

// question writes the body of POST /v1/check, which may be none.
func (w *writer) question() string {
	members := w.members(3)
	for _, name := range []string{"resource", "context"} {
		if w.IntN(4) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", name, w.one(`{}`, `{"a":[1,null]}`, `{"type":"t","id":7}`, `{}`, `null`, `[]`)))
		}
	}
	if w.IntN(6) == 0 {
		if w.IntN(3) > 0 {
			members = nil
		}
		members = append(members, `"action":`+w.one(`"membership.add"`, `"x"`, `"y"`, `""`, `null`, `7`))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// members writes those of a requirement.
func (w *writer) members(depth int) []string {
	if depth > 0 && w.IntN(3) == 0 {
		items := make([]string, w.IntN(3))
		for i := range items {
			items[i] = "{" + strings.Join(w.members(depth-1), ",") + "}"
		}
		members := []string{fmt.Sprintf("%q:%s", w.one("any", "all", "any", "all", "none"), w.one("["+strings.Join(items, ",")+"]", "["+strings.Join(items, ",")+"]", "{}"))}
		if w.IntN(8) == 0 {
			members = append(members, w.one(`"role":"a"`, `"plan":null`))
		}
		return members
	}
	var members []string
	for _, name := range []string{"role", "permission", "feature", "plan"} {
		if w.IntN(3) == 0 {
			value := w.one(`"a"`, `"org:a:b"`, `""`, `null`, `"b"`, `7`, `["a"]`)
			w.lenient = w.lenient || value == `7` || value == `["a"]`
			members = append(members, fmt.Sprintf("%q:%s", name, value))
		}
	}
	if w.IntN(4) == 0 {
		good := w.IntN(3) > 0
		w.lenient = w.lenient || !good
		if good {
			members = append(members, `"reverification":`+w.one(`"strict"`, `null`, `{"level":"first_factor","afterMinutes":0.5}`))
		} else {
			members = append(members, `"reverification":`+w.one(`"never"`, `{"level":"first_factor"}`, `{"level":"x","afterMinutes":5}`, `true`))
		}
	}
	if w.IntN(20) == 0 {
		members = append(members, w.one(`"roles":"a"`, `"Role":"a"`, `"org":null`))
	}
	return members
}

// TestQuestion_agree: what is described is read, and what is read is described, but for
// names that are no text.
func TestQuestion_agree(t *testing.T) {
	fits := schema(t, "#/components/schemas/Question")
	seen := map[string]int{}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		w := &writer{Rand: rng}
		body := w.question()
		_, unreadable := request.ParseCheck([]byte(body))
		misfit := fits(body)
		switch {
		case unreadable != nil && misfit == nil:
			t.Errorf("%s is described, and not read: %v", body, unreadable)
		case unreadable == nil && misfit != nil && !w.lenient:
			t.Errorf("%s is read, and not described: %v", body, misfit)
		}
		seen[fmt.Sprint(unreadable == nil, misfit == nil)]++
	}
	if seen["true true"] < 2000 || seen["false false"] < 2000 || seen["true false"] < 200 {
		t.Errorf("the questions are too much alike: %v", seen)
	}
}

// TestExamples: the examples of questions are read.
func TestExamples(t *testing.T) {
	_, doc := described(t, usual())
	n := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			at := "#/paths/" + strings.ReplaceAll(path, "/", "~1") + "/" + strings.ToLower(method)
			if op.RequestBody != nil && op.RequestBody.Value.Content["application/json"] != nil {
				n += fit(t, at+"/requestBody/content/application~1json/schema", op.RequestBody.Value.Content["application/json"].Examples)
			}
			for status, response := range op.Responses.Map() {
				place := response.Ref
				if place == "" {
					place = at + "/responses/" + status
				}
				if media := response.Value.Content["application/json"]; media != nil {
					n += fit(t, place+"/content/application~1json/schema", media.Examples)
				}
			}
		}
	}
	if n < 10 {
		t.Errorf("%d examples", n)
	}
	for name, example := range doc.Paths.Value("/v1/check").Post.RequestBody.Value.Content["application/json"].Examples {
		body, err := json.Marshal(example.Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := request.ParseCheck(body); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// fit holds examples against their schema, and counts them.
func fit(t *testing.T, place string, examples openapi3.Examples) int {
	t.Helper()
	for name, example := range examples {
		body, err := json.Marshal(example.Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema(t, place)(string(body)); err != nil {
			t.Errorf("%s %s: %v", place, name, err)
		}
	}
	return len(examples)
}
