package authzen

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// seeds are bodies that are read and such that are not.
func seeds(f *testing.F) {
	for _, body := range []string{
		`{` + whole + `}`,
		`{` + whole + `,"context":{"a":[1,null]},"page":{"limit":2,"token":"a"}}`,
		`{"subject":{"type":"session","id":"eyJ"},"resource":{},"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{"action":{"name":"read"},"resource":{"type":"r","id":"1","properties":{"x":1e2}}},{},7]}`,
	} {
		f.Add([]byte(body))
	}
	for _, r := range refused {
		if len(r.body) < 10_000 {
			f.Add([]byte(r.body))
		}
	}
}

// written is an evaluation as the plainest client would send it.
func written(t *testing.T, e Evaluation) []byte {
	t.Helper()
	object := func(raw []byte, members map[string]any) map[string]any {
		if raw != nil {
			members["properties"] = json.RawMessage(raw)
		}
		return members
	}
	request := map[string]any{
		"subject":  object(e.Subject.Properties, map[string]any{"type": e.Subject.Type, "id": e.Subject.ID}),
		"action":   object(e.Action.Properties, map[string]any{"name": e.Action.Name}),
		"resource": object(e.Resource.Properties, map[string]any{"type": e.Resource.Type, "id": e.Resource.ID}),
	}
	if e.Context != nil {
		request["context"] = json.RawMessage(e.Context)
	}
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatalf("what was read cannot be written: %v", err)
	}
	return text
}

// same compares evaluations by what they mean.
func same(t *testing.T, a, b Evaluation) bool {
	t.Helper()
	var x, y any
	if json.Unmarshal(written(t, a), &x) != nil || json.Unmarshal(written(t, b), &y) != nil {
		t.Fatal("no JSON")
	}
	return reflect.DeepEqual(x, y)
}

// FuzzParseEvaluation: what is read is valid, and reads the same when it is written again.
func FuzzParseEvaluation(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		e, err := ParseEvaluation(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("%q was read", body)
		}
		again, err := ParseEvaluation(written(t, *e))
		if err != nil || !same(t, *e, *again) {
			t.Fatalf("%q: %+v, then %+v, %v", body, e, again, err)
		}
	})
}

// FuzzParseBatch: a batch has items or asks one thing, never both, and an item that has no
// fault is what it would be alone.
func FuzzParseBatch(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		b, err := ParseBatch(body, 3)
		if err != nil {
			return
		}
		if (b.Lone == nil) != (len(b.Items) > 0) || len(b.Items) > 3 {
			t.Fatalf("%q: %+v", body, b)
		}
		if b.Lone != nil {
			e, err := ParseEvaluation(body)
			if err != nil || !same(t, *e, *b.Lone) {
				t.Fatalf("%q: alone %+v, %v, in a batch %+v", body, e, err, b.Lone)
			}
		}
		for _, i := range b.Items {
			if i.Fault != nil {
				continue
			}
			e, err := ParseEvaluation(written(t, i.Evaluation))
			if err != nil || !same(t, *e, i.Evaluation) {
				t.Fatalf("%q: %+v, alone %+v, %v", body, i, e, err)
			}
		}
	})
}

// FuzzParseSearch: what is searched for has no id and no name.
func FuzzParseSearch(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []Kind{Subjects, Resources, Actions} {
			s, p, err := ParseSearch(kind, body)
			if err != nil {
				continue
			}
			found := map[Kind]string{Subjects: s.Subject.ID, Resources: s.Resource.ID, Actions: s.Action.Name}[kind]
			if found != "" || s.Kind != kind || !p.Limited && p.Limit != 0 || !p.Continued && p.Token != "" {
				t.Fatalf("%q: %+v, %+v", body, s, p)
			}
			if w, err := p.Window(s, records(3)); err == nil && !json.Valid(w.AppendJSON(nil)) {
				t.Fatalf("%q: %s", body, w.AppendJSON(nil))
			}
		}
	})
}

// FuzzToken: no token is read out of order, and none but a search's own continues it.
func FuzzToken(f *testing.F) {
	s, p := asked(f, `,"page":{"limit":2}`)
	for _, n := range []int{0, 1, 3} {
		w, err := p.Window(s, records(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(w.Next)
	}
	f.Add("AAAA")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, token string) {
		if at, err := readToken(token); err == nil && at.token() != token {
			t.Fatalf("%q is also written %q", token, at.token())
		}
		w, err := Page{Token: token, Continued: true}.Window(s, records(5))
		if err != nil || token == "" {
			return
		}
		if at, err := readToken(token); err != nil || at.search != digestOf(s, at.limit) || uint64(len(w.Results)) > at.limit {
			t.Fatalf("%q: %+v", token, w)
		}
	})
}
