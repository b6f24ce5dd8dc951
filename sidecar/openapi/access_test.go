package openapi_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"postern/sidecar/authzen"
)

// access writes the body of an evaluation or of a search, which may be none.
func (w *writer) access() string {
	object := func(names ...string) string {
		var members []string
		for _, name := range names {
			if w.IntN(40) > 0 {
				value := w.one(`"a"`, `""`, `"b"`, `"a"`)
				if w.IntN(30) == 0 {
					value = w.one(`null`, `7`, `{}`)
				}
				if name == "properties" {
					value = w.one(`{}`, `{"a":null}`, `{}`, `{}`, `{}`, `{}`, `[]`, `null`)
				}
				if name != "properties" || w.IntN(3) == 0 {
					members = append(members, fmt.Sprintf("%q:%s", name, value))
				}
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	var members []string
	for _, m := range []struct{ name, value string }{
		{"subject", object("type", "id", "properties")}, {"action", object("name", "properties")}, {"resource", object("type", "id", "properties")},
	} {
		if w.IntN(30) > 0 {
			members = append(members, fmt.Sprintf("%q:%s", m.name, m.value))
		} else if w.IntN(2) == 0 {
			members = append(members, fmt.Sprintf("%q:%s", m.name, w.one(`null`, `"a"`, `[]`)))
		}
	}
	if w.IntN(4) == 0 {
		members = append(members, `"context":`+w.one(`{}`, `{"a":[]}`, `null`, `[]`))
	}
	if w.IntN(3) == 0 {
		members = append(members, `"page":`+w.one(`{}`, `{"limit":7,"token":""}`, `{"limit":0}`, `{"limit":1e2,"more":1}`, `{"properties":{}}`, `{"limit":-1}`, `{"limit":1.5}`, `{"limit":"7"}`, `{"token":7}`, `{"limit":1e17}`, `null`))
	}
	if w.IntN(8) == 0 {
		members = append(members, `"more":null`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

// TestAccess_agree: what is described of AuthZEN's questions is read, and the other way round.
func TestAccess_agree(t *testing.T) {
	search := func(kind authzen.Kind) func([]byte) error {
		return func(body []byte) error {
			_, _, err := authzen.ParseSearch(kind, body)
			return err
		}
	}
	for name, read := range map[string]func([]byte) error{
		"AccessRequest": func(body []byte) error {
			_, err := authzen.ParseEvaluation(body)
			return err
		},
		"AccessSubjectSearch": search(authzen.Subjects), "AccessResourceSearch": search(authzen.Resources), "AccessActionSearch": search(authzen.Actions),
	} {
		fits := schema(t, "#/components/schemas/"+name)
		w := &writer{Rand: rand.New(rand.NewPCG(3, 4))}
		good := 0
		const rounds = 5_000
		for range rounds {
			body := w.access()
			unreadable, misfit := read([]byte(body)), fits(body)
			if (unreadable == nil) != (misfit == nil) {
				t.Errorf("%s: %s is read: %v; described: %v", name, body, unreadable, misfit)
			}
			if unreadable == nil {
				good++
			}
		}
		if good < rounds/5 || good > rounds*9/10 {
			t.Errorf("%s: %d of %d are good: the bodies are too much alike", name, good, rounds)
		}
	}
}

// TestAccessBatch_agree: what is described of a batch is read.
func TestAccessBatch_agree(t *testing.T) {
	fits := schema(t, "#/components/schemas/AccessBatchRequest")
	w := &writer{Rand: rand.New(rand.NewPCG(5, 6))}
	read := 0
	for range 5_000 {
		body := w.access()
		if items := make([]string, w.IntN(3)); w.IntN(3) > 0 {
			for i := range items {
				items[i] = w.access()
			}
			body = `{"evaluations":[` + strings.Join(items, ",") + `],"options":` +
				w.one(`{}`, `{}`, `{"evaluations_semantic":"execute_all","x":1}`, `{"evaluations_semantic":"all"}`, `null`, `{"evaluations_semantic":null}`) + "," + strings.TrimPrefix(body, "{")
			body = strings.Replace(body, ",}", "}", 1)
		}
		_, unreadable := authzen.ParseBatch([]byte(body), 100)
		misfit := fits(body)
		if unreadable != nil && misfit == nil {
			t.Errorf("%s is described, and not read: %v", body, unreadable)
		}
		if misfit == nil {
			read++
		}
	}
	if read < 500 {
		t.Errorf("%d are read: the bodies are too much alike", read)
	}
}
