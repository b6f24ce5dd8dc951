package authzen

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"postern/testdata/harness"
)

const whole = `"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}`

func TestParseEvaluation(t *testing.T) {
	e, err := ParseEvaluation([]byte(`{
		"context": {"time": "1985"}, "more": null,
		"subject": {"type":"user","id":"","properties":{"role":null,"deep":{"a":[1.50]}},"more":[{}]},
		"action": {"properties":{"soft":true},"name":"can_\u0072ead"},
		"resource": {"id":"1","type":"record"}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %q %s | %s %s | %s %s %s | %s", e.Subject.Type, e.Subject.ID, e.Subject.Properties,
		e.Action.Name, e.Action.Properties, e.Resource.Type, e.Resource.ID, string(e.Resource.Properties), e.Context)
	want := `user "" {"role":null,"deep":{"a":[1.50]}} | can_read {"soft":true} | record 1  | {"time": "1985"}`
	if got != want || e.Resource.Properties != nil {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestParseEvaluation_keeps: what was parsed outlives the body, which is the connection's.
func TestParseEvaluation_keeps(t *testing.T) {
	body := []byte(`{` + whole + `,"context":{"a":"b"}}`)
	e, err := ParseEvaluation(body)
	if err != nil {
		t.Fatal(err)
	}
	clear(body)
	if e.Subject.ID != "alice" || string(e.Context) != `{"a":"b"}` {
		t.Errorf("%+v", e)
	}
}

// refused are bodies that no endpoint takes for a question, with a part of the message.
var refused = []struct{ body, message string }{
	{``, "empty"},
	{` `, "empty"},
	{`null`, "the body is no object"},
	{`[]`, "the body is no object"},
	{`"subject"`, "the body is no object"},
	{`{}`, "missing"},
	{`{` + whole, "JSON"},
	{`{` + whole + `}{}`, "follows"},
	{`{` + whole + `} x`, "JSON"},
	{`{"subject":{"type":"user","id":7},` + `"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`, "subject.id is no text"},
	{strings.Replace(`{`+whole+`}`, `"user"`, `null`, 1), "subject.type is no text"},
	{strings.Replace(`{`+whole+`}`, `"1"`, `1`, 1), "resource.id is no text"},
	{strings.Replace(`{`+whole+`}`, `{"name":"read"}`, `"read"`, 1), "action is no object"},
	{strings.Replace(`{`+whole+`}`, `"read"`, `["read"]`, 1), "action.name is no text"},
	{strings.Replace(`{`+whole+`}`, `{"name":"read"}`, `{}`, 1), "action.name is missing"},
	{strings.Replace(`{`+whole+`}`, `,"id":"alice"`, ``, 1), "subject.id is missing"},
	{strings.Replace(`{`+whole+`}`, `"type":"record",`, ``, 1), "resource.type is missing"},
	{strings.Replace(`{`+whole+`}`, `"id":"alice"`, `"id":"alice","properties":null`, 1), "subject.properties is no object"},
	{strings.Replace(`{`+whole+`}`, `"name":"read"`, `"name":"read","properties":[]`, 1), "action.properties is no object"},
	{`{` + whole + `,"context":null}`, "context is no object"},
	{`{` + whole + `,"context":[]}`, "context is no object"},
	// Two readers of these would see two requests.
	{`{` + whole + `,"subject":{"type":"user","id":"bob"}}`, "duplicate"},
	{`{` + whole + `,"more":{"a":1,"\u0061":2}}`, "duplicate"},
	{strings.Replace(`{`+whole+`}`, `"id":"alice"`, `"id":"alice","id":"bob"`, 1), "duplicate"},
	{strings.Replace(`{`+whole+`}`, `alice`, "\xff", 1), "UTF-8"},
	{strings.Replace(`{`+whole+`}`, `alice`, "\xed\xa0\x80", 1), "UTF-8"},
	{strings.Replace(`{`+whole+`}`, `alice`, `\ud800`, 1), "surrogate"},
	{strings.Replace(`{`+whole+`}`, `alice`, "a\x00b", 1), "JSON"},
	{"\xef\xbb\xbf{" + whole + `}`, "JSON"},
	{"{\x00}", "JSON"},
	{`{` + whole + `,"context":{"n":1e999}}`, "number"},
	{`{` + whole + `,"context":{"n":` + strings.Repeat("9", 65) + `}}`, "number"},
	{`{` + whole + `,"context":{"n":NaN}}`, "JSON"},
	{`{` + whole + `,"context":{"n":01}}`, "JSON"},
	{`{` + whole + `,}`, "JSON"},
	{`{` + whole + `/* */}`, "JSON"},
	{`{` + whole + `,"context":` + strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat(`}`, 64) + `}`, "nests"},
	{strings.Repeat(`{"subject":`, 100_000), "nests"},
	{strings.Repeat(`[`, 1_000_000), "nests"},
}

func TestParse_refused(t *testing.T) {
	for _, r := range refused {
		for name, parse := range parsers {
			err := parse([]byte(r.body))
			if name == "search" && strings.Contains(r.message, "resource.id") {
				continue // which is searched for
			}
			if err == nil || !strings.Contains(err.Error(), r.message) {
				t.Errorf("%s: %.120q: %v, want %q", name, r.body, err, r.message)
			} else if strings.Contains(err.Error(), "alice") || len(err.Error()) > 120 {
				t.Errorf("%s: %.120q: the error quotes the body: %v", name, r.body, err)
			}
		}
	}
}

// parsers are the three, as far as they refuse.
var parsers = map[string]func([]byte) error{
	"evaluation":  func(b []byte) error { _, err := ParseEvaluation(b); return err },
	"evaluations": func(b []byte) error { _, err := ParseBatch(b, 100); return err },
	"search":      func(b []byte) error { _, _, err := ParseSearch(Resources, b); return err },
}

// outline tells of a batch which items are what.
func outline(b *Batch) string {
	if b.Lone != nil {
		return "lone " + b.Lone.Resource.ID
	}
	var all []string
	for _, i := range b.Items {
		if i.Fault != nil {
			all = append(all, "("+i.Fault.Error()+")")
			continue
		}
		all = append(all, fmt.Sprintf("%s%s %s %s%s%s", i.Subject.ID, []byte(i.Subject.Properties), i.Action.Name, i.Resource.ID, []byte(i.Resource.Properties), []byte(i.Context)))
	}
	return strings.Join(all, "; ")
}

func TestParseBatch(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		b, err := ParseBatch([]byte(body), 4)
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if got := outline(b); got != want {
			t.Errorf("%s:\n got %s\nwant %s", body, got, want)
		}
	}
	f(`{`+whole+`}`, `lone 1`)
	f(`{`+whole+`,"evaluations":[],"options":{"more":1}}`, `lone 1`)
	f(`{`+whole+`,"evaluations":[{},{"resource":{"type":"record","id":"2"}}]}`, `alice read 1; alice read 2`)
	// The order of members does not matter.
	f(`{"evaluations":[{},{"resource":{"type":"record","id":"2"}}],`+whole+`}`, `alice read 1; alice read 2`)
	// A default is replaced whole: nothing of it shows through.
	f(`{"subject":{"type":"user","id":"alice","properties":{"role":"admin"}},"action":{"name":"read"},"context":{"a":1},"resource":{"type":"r","id":"1","properties":{"x":1}},
		"evaluations":[{"subject":{"type":"user","id":"bob"}},{"resource":{"type":"r","id":"2","properties":{"y":1}},"context":{}},{"resource":{"id":"2"}},{"subject":{"type":"user"}}]}`,
		`bob read 1{"x":1}{"a":1}; alice{"role":"admin"} read 2{"y":1}{}; (resource.type is missing); (subject.id is missing)`)
	// A default may lack parts, or be missing, where each item brings its own.
	f(`{"subject":{"type":"user","id":"alice"},"resource":{},"evaluations":[{"action":{"name":"read"},"resource":{"type":"r","id":"1"}},{"action":{"name":"read"}},{"resource":{"type":"r","id":"1"}}]}`,
		`alice read 1; (resource.type is missing); (action is missing)`)
	// What is wrong in an item is that item's.
	f(`{`+whole+`,"evaluations":[7,null,{"subject":null},{"action":{"name":1}}]}`,
		`(the item is no object); (the item is no object); (subject is no object); (action.name is no text)`)
	f(`{`+whole+`,"evaluations":[{"context":null},{"resource":{"type":"r","id":"1","properties":[]}},{"more":null}]}`,
		`(context is no object); (resource.properties is no object); alice read 1`)
}

func TestParseBatch_refused(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		if _, err := ParseBatch([]byte(body), 4); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	f(`{`+whole+`,"evaluations":null}`, "evaluations is no array")
	f(`{`+whole+`,"evaluations":{}}`, "evaluations is no array")
	f(`{`+whole+`,"evaluations":[{},{},{},{},{}]}`, "more than 4")
	f(`{`+whole+`,"evaluations":[`+strings.Repeat(`{},`, 10_000)+`{}]}`, "more than 4")
	f(`{`+whole+`,"options":null}`, "options is no object")
	f(`{`+whole+`,"options":[]}`, "options is no object")
	f(`{`+whole+`,"options":{"evaluations_semantic":null}}`, "no text")
	f(`{`+whole+`,"options":{"evaluations_semantic":"any"}}`, "none of")
	f(`{`+whole+`,"options":{"evaluations_semantic":"Execute_All"}}`, "none of")
	f(`{`+whole+`,"evaluations":[{"subject":{},"subject":{}}]}`, "duplicate")
	// A default of the wrong type is the body's fault, though each item has its own.
	f(`{"subject":"alice","evaluations":[{`+whole+`}]}`, "subject is no object")
	f(`{"resource":{"id":1},"evaluations":[{`+whole+`}]}`, "resource.id is no text")
	f(`{"context":null,"evaluations":[{`+whole+`,"context":{}}]}`, "context is no object")
	// Alone, nothing may lack.
	f(`{"subject":{"type":"user","id":"alice"},"resource":{},"evaluations":[]}`, "action is missing")
}

func TestParseBatch_semantic(t *testing.T) {
	for semantic, ends := range map[Semantic][2]bool{ExecuteAll: {}, DenyOnFirstDeny: {true, false}, PermitOnFirstPermit: {false, true}} {
		b, err := ParseBatch([]byte(`{"options":{"evaluations_semantic":"`+string(semantic)+`"},"evaluations":[{}]}`), 1)
		if err != nil || b.Semantic != semantic || b.Semantic.Ends(false) != ends[0] || b.Semantic.Ends(true) != ends[1] {
			t.Errorf("%s: %+v, %v", semantic, b, err)
		}
	}
}

func TestParseSearch(t *testing.T) {
	f := func(kind Kind, body, want string) {
		t.Helper()
		s, _, err := ParseSearch(kind, []byte(body))
		got := fmt.Sprint(err)
		if err == nil {
			got = fmt.Sprintf("%s %s%s|%s|%s %s", s.Subject.Type, s.Subject.ID, []byte(s.Subject.Properties), s.Action.Name, s.Resource.Type, s.Resource.ID)
		}
		if got != want {
			t.Errorf("%s %s:\n got %s\nwant %s", kind, body, got, want)
		}
	}
	f(Subjects, `{`+whole+`}`, `user |read|record 1`)
	f(Subjects, strings.Replace(`{`+whole+`}`, `"alice"`, `7,"properties":{"a":1}`, 1), `user {"a":1}|read|record 1`)
	f(Subjects, strings.Replace(`{`+whole+`}`, `"type":"user",`, ``, 1), `subject.type is missing`)
	f(Subjects, strings.Replace(`{`+whole+`}`, `,"id":"1"`, ``, 1), `resource.id is missing`)
	f(Resources, `{`+whole+`}`, `user alice|read|record `)
	f(Resources, strings.Replace(`{`+whole+`}`, `,"id":"1"`, ``, 1), `user alice|read|record `)
	f(Resources, strings.Replace(`{`+whole+`}`, `"name":"read"`, ``, 1), `action.name is missing`)
	f(Actions, `{`+whole+`}`, `user alice||record 1`)
	f(Actions, strings.Replace(`{`+whole+`}`, `{"name":"read"}`, `7`, 1), `user alice||record 1`)
	f(Actions, `{"subject":{"type":"user","id":"alice"}}`, `resource is missing`)
	f(Actions, `{"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`, `subject is missing`)
}

func TestParseSearch_page(t *testing.T) {
	f := func(page string, want any) {
		t.Helper()
		_, got, err := ParseSearch(Actions, []byte(`{`+whole+`,"page":`+page+`}`))
		if text, ok := want.(string); ok {
			if err == nil || !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %v, want %q", page, err, text)
			}
		} else if err != nil || got != want {
			t.Errorf("%s: %+v, %v, want %+v", page, got, err, want)
		}
	}
	f(`{}`, Page{})
	f(`{"limit":0}`, Page{Limited: true})
	f(`{"limit":1e2}`, Page{Limited: true, Limit: 100})
	f(`{"limit":9007199254740992}`, Page{Limited: true, Limit: 1 << 53})
	f(`{"token":"a","properties":{"sort":"up"},"more":null}`, Page{Continued: true, Token: "a"})
	f(`{"token":""}`, Page{Continued: true})
	f(`null`, "page is no object")
	f(`[]`, "page is no object")
	f(`{"limit":null}`, "page.limit")
	f(`{"limit":-1}`, "page.limit")
	f(`{"limit":1.5}`, "page.limit")
	f(`{"limit":"10"}`, "page.limit")
	f(`{"limit":true}`, "page.limit")
	f(`{"limit":9007199254740994}`, "page.limit")
	f(`{"limit":1e300}`, "page.limit")
	f(`{"token":7}`, "page.token is no text")
	f(`{"token":null}`, "page.token is no text")
	f(`{"properties":[]}`, "page.properties is no object")
	f(`{"limit":1,"limit":2}`, "duplicate")
}

// TestParse_interop reads the requests of the interop scenario, the batches among them.
func TestParse_interop(t *testing.T) {
	text := harness.Vectors(t, "authzen", "todo-decisions-authorization-api-1_0-02.json")
	var todo struct {
		Evaluation []struct{ Request json.RawMessage }
		// A batch with the answers to its items.
		Evaluations []struct {
			Request  json.RawMessage
			Expected []any
		}
	}
	if err := json.Unmarshal(text, &todo); err != nil || len(todo.Evaluation) != 40 || len(todo.Evaluations) != 3 {
		t.Fatalf("%d evaluations, %d batches, %v", len(todo.Evaluation), len(todo.Evaluations), err)
	}
	for _, one := range todo.Evaluation {
		if e, err := ParseEvaluation(one.Request); err != nil || e.Subject.Type != "user" || !strings.HasPrefix(e.Action.Name, "can_") {
			t.Errorf("%s: %+v, %v", one.Request, e, err)
		}
	}
	for _, batch := range todo.Evaluations {
		b, err := ParseBatch(batch.Request, 100)
		if err != nil || len(b.Items) != len(batch.Expected) || strings.Contains(outline(b), "(") {
			t.Errorf("%s: %v", batch.Request, err)
		}
	}
}
