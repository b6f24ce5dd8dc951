package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestAuthZEN_search(t *testing.T) {
	s := startCertified(t)
	found := func(results ...string) string { return `{"results":[` + strings.Join(results, ",") + `]}` }
	user := func(id string) string { return `{"type":"user","id":"` + id + `"}` }
	record := func(id string) string { return `{"type":"record","id":"` + id + `"}` }
	action := func(name string) string { return `{"name":"` + name + `"}` }
	users, records := `"subject":{"type":"user"}`, `"resource":{"type":"record"}`
	for endpoint, cases := range map[string][]accessCase{
		"search/subject": {
			{"c-4-2-1", `{` + users + `,` + reads + `,` + first + `}`, found(user("alice"), user("bob"))},
			{"c-4-2-2", `{` + users + `,` + reads + `,` + first + `,"context":{"a":1}}`, found(user("alice"), user("bob"))},
			{"c-4-2-3", `{` + bob + `,` + reads + `,` + first + `}`, found(user("alice"), user("bob"))},
			{"c-4-2-3", `{"subject":{"type":"user","id":null},` + reads + `,` + first + `}`, found(user("alice"), user("bob"))},
			{"c-4-2-4", `{` + users + `,` + writes + `,` + archived + `}`, found(user("bob"))},
			{"c-4-6-1", `{"subject":{"type":"robot"},` + reads + `,` + first + `}`, found()},
			{"c-4-6-1", `{"subject":{"type":"session"},` + reads + `,` + first + `}`, found()},
			{"c-4-6-1", `{` + users + `,` + reads + `,"resource":{"type":"record","id":"record-9"}}`, found()},
			{"c-4-6-1", `{` + users + `,"action":{"name":"fly"},` + first + `}`, found()},
			{"c-4-7-1", `{` + reads + `,` + first + `}`, "400 subject is missing"},
			{"c-4-7-1", `{"subject":{"id":"alice"},` + reads + `,` + first + `}`, "400 subject.type is missing"},
			{"c-4-7-1", `{` + users + `,` + first + `}`, "400 action is missing"},
			{"c-4-7-1", `{` + users + `,` + reads + `}`, "400 resource is missing"},
			{"c-4-7-1", `{` + users + `,` + reads + `,` + records + `}`, "400 resource.id is missing"},
		},
		"search/resource": {
			{"c-4-3-1", `{` + alice + `,` + reads + `,` + records + `}`, found(record("record-1"), record("record-2"))},
			{"c-4-3-3", `{` + alice + `,` + reads + `,` + first + `}`, found(record("record-1"), record("record-2"))},
			{"c-4-3-4", `{` + admin + `,` + writes + `,` + records + `}`, found(record("record-2"))},
			{"c-4-6-2", `{` + alice + `,` + reads + `,"resource":{"type":"file"}}`, found()},
			{"c-4-6-2", `{"subject":{"type":"user","id":"nobody"},` + reads + `,` + records + `}`, found()},
			{"c-4-7-2", `{` + users + `,` + reads + `,` + records + `}`, "400 subject.id is missing"},
			{"c-4-7-2", `{` + alice + `,` + reads + `,"resource":{}}`, "400 resource.type is missing"},
			{"c-4-7-2", `{` + alice + `,` + records + `}`, "400 action is missing"},
			{"s-type-4", `{` + alice + `,` + reads + `,"resource":null}`, "400 resource is no object"},
		},
		"search/action": {
			{"c-4-4-1", `{` + alice + `,` + first + `}`, found(action("read"), action("write"))},
			{"c-4-4-2", `{` + alice + `,` + first + `,"action":{"name":"read"}}`, found(action("read"), action("write"))},
			{"c-4-4-2", `{` + alice + `,` + first + `,"action":7}`, found(action("read"), action("write"))},
			{"c-4-4-3", `{` + admin + `,` + archived + `}`, found(action("read"), action("write"))},
			{"c-4-6-3", `{"subject":{"type":"user","id":"nobody"},` + first + `}`, found()},
			{"c-4-7-3", `{` + first + `}`, "400 subject is missing"},
			{"c-4-7-3", `{` + alice + `}`, "400 resource is missing"},
			{"s-type-10", `{` + alice + `,` + first + `,"page":[]}`, "400 page is no object"},
			{"s-type-11", `{` + alice + `,` + first + `,"page":{"limit":"2"}}`, "400 page.limit"},
			{"s-type-12", `{` + alice + `,` + first + `,"page":{"limit":-2}}`, "400 page.limit"},
			{"s-type-13", `{` + alice + `,` + first + `,"page":{"token":2}}`, "400 page.token is no text"},
			{"s-page-4", `{` + alice + `,` + first + `,"page":{"token":"AAAA"}}`, "400 page.token is none"},
			{"c-4-5-4", `{` + alice + `,` + first + `,"page":{"limit":2,"more":1}}`, `{"page":{"next_token":"","count":2,"total":2},"results":[` + action("read") + `,` + action("write") + `]}`},
			{"unknown page", `{` + alice + `,` + first + `,"page":{"properties":{}}}`, found(action("read"), action("write"))},
		},
	} {
		for _, c := range cases {
			c.run(t, s, endpoint)
		}
	}
}

// TestAuthZEN_transitive puts what searches found into evaluations (s-srch-1).
func TestAuthZEN_transitive(t *testing.T) {
	s := startCertified(t)
	f := func(endpoint, search, evaluation string) {
		t.Helper()
		var got struct{ Results []json.RawMessage }
		if err := json.Unmarshal([]byte(s.access(endpoint, search).Body), &got); err != nil || len(got.Results) == 0 {
			t.Fatalf("%s: %v, %d results", search, err, len(got.Results))
		}
		for _, r := range got.Results {
			accessCase{"s-srch-1", fmt.Sprintf(evaluation, r), yes}.run(t, s, "evaluation")
		}
	}
	f("search/subject", `{"subject":{"type":"user"},`+writes+`,`+archived+`}`, `{"subject":%s,`+writes+`,`+archived+`}`)
	f("search/resource", `{`+bob+`,`+writes+`,"resource":{"type":"record"}}`, `{`+bob+`,`+writes+`,"resource":%s}`)
	f("search/action", `{`+bob+`,`+first+`}`, `{`+bob+`,"action":%s,`+first+`}`)
}

// TestAuthZEN_pages walks through the pages of a search (c-4-5-1 to c-4-5-3).
func TestAuthZEN_pages(t *testing.T) {
	s := startCertified(t)
	type page struct {
		Page struct {
			Next  *string `json:"next_token"`
			Count *int    `json:"count"`
			Total *int    `json:"total"`
		} `json:"page"`
		Results []map[string]string `json:"results"`
	}
	ask := func(body string) (p page) {
		t.Helper()
		a := s.access("search/subject", body)
		if err := json.Unmarshal([]byte(a.Body), &p); err != nil || a.Code != 200 {
			t.Fatalf("%s: %d %s", body, a.Code, a.Body)
		}
		if !strings.HasPrefix(a.Body, `{"page":{"next_token":`) { // s-page-5, c-4-5-2
			t.Errorf("%s: %s", body, a.Body)
		}
		return p
	}
	search := `"subject":{"type":"user"},` + reads + `,` + first
	one := ask(`{` + search + `,"page":{"limit":1}}`)
	if len(one.Results) != 1 || *one.Page.Next == "" || *one.Page.Count != 1 || *one.Page.Total != 2 {
		t.Fatalf("%+v", one)
	}
	for _, limit := range []string{``, `,"limit":1`} { // c-4-5-2 sends the token alone
		two := ask(`{` + search + `,"page":{"token":"` + *one.Page.Next + `"` + limit + `}}`)
		if len(two.Results) != 1 || two.Results[0]["id"] == one.Results[0]["id"] || *two.Page.Next != "" {
			t.Errorf("%+v behind %+v", two, one)
		}
	}
	none := ask(`{` + search + `,"page":{"limit":0}}`)
	if len(none.Results) != 0 || *none.Page.Next == "" || *none.Page.Count != 0 {
		t.Errorf("%+v", none)
	}
	token := `"page":{"token":"` + *one.Page.Next + `"}`
	for _, body := range []string{ // s-page-2
		`{"subject":{"type":"user"},` + writes + `,` + first + `,` + token + `}`,
		`{"subject":{"type":"user"},` + reads + `,` + archived + `,` + token + `}`,
		`{"subject":{"type":"robot"},` + reads + `,` + first + `,` + token + `}`,
		`{` + search + `,"context":{"a":1},` + token + `}`,
	} {
		accessCase{"s-page-2", body, "400 another search"}.run(t, s, "search/subject")
	}
	accessCase{"s-page-2", `{` + search + `,"page":{"limit":2,"token":"` + *one.Page.Next + `"}}`, "400 page.limit is another"}.run(t, s, "search/subject")
	accessCase{"another endpoint", `{` + search + `,` + token + `}`, "400 "}.run(t, s, "search/action")
}

// TestAuthZEN_reload: a page goes on behind the last result, whatever was loaded since.
func TestAuthZEN_reload(t *testing.T) {
	dir := certified(t)
	c := authzen(standard(t, dir))
	c.Entrypoints.Search.Subject = "pdp/subjects"
	s := start(t, c)
	search := `{"subject":{"type":"user"},` + reads + `,` + first + `,"page":{%s}}`
	a := s.access("search/subject", fmt.Sprintf(search, `"limit":1`))
	token := a.Body[len(`{"page":{"next_token":"`):]
	token = token[:strings.IndexByte(token, '"')]
	next := fmt.Sprintf(search, `"token":"`+token+`"`)
	write(t, dir, "data.yaml", "users: {aaron: {}, alice: {}, bea: {}, bob: {}}\nrecords: {record-1: {status: active}}\n")
	eventually(t, "the new users are there", func() bool {
		return strings.Contains(s.access("search/subject", fmt.Sprintf(search, "")).Body, "aaron")
	})
	if got := s.access("search/subject", next); !strings.Contains(got.Body, `"results":[{"type":"user","id":"bea"}]`) {
		t.Errorf("%d %s, want bea, who comes behind alice", got.Code, got.Body)
	}
	write(t, dir, "data.yaml", "users: {aaron: {}, bob: {}}\nrecords: {record-1: {status: active}}\n")
	eventually(t, "alice is gone", func() bool { return s.access("search/subject", next).Code == 400 })
	if got := s.access("search/subject", next); got.Body != "the results have changed, search again" {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// TestAuthZEN_manyResults: more than an answer holds are paged unasked.
func TestAuthZEN_manyResults(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "pdp.rego", `package pdp

resources := [{"type": "record", "id": sprintf("%d", [n])} | some n in numbers.range(1, 10001)]
`)
	c := authzen(standard(t, dir))
	c.Entrypoints.Search.Resource = "pdp/resources"
	s := start(t, c)
	a := s.access("search/resource", accessBodies["search/resource"])
	if a.Code != 200 || !strings.Contains(a.Body[:200], `","count":10000,"total":10001},"results":[{"type":"record","id":"1"}`) {
		t.Errorf("%d %.200s", a.Code, a.Body)
	}
}
