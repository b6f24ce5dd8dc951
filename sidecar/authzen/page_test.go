package authzen

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// records are n results.
func records(n int) []Result {
	all := make([]Result, n)
	for i := range all {
		all[i] = Result{Type: "record", ID: fmt.Sprintf("record-%d", i)}
	}
	return all
}

func asked(t testing.TB, changes string) (*Search, Page) {
	t.Helper()
	s, p, err := ParseSearch(Resources, []byte(`{"subject":{"type":"user","id":"alice","properties":{"a":1,"b":[2]}},"action":{"name":"read"},"resource":{"type":"record"}`+changes+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return s, p
}

func TestWindow_whole(t *testing.T) {
	s, p := asked(t, "")
	f := func(all []Result, want string) {
		t.Helper()
		w, err := p.Window(s, all)
		if got := string(w.AppendJSON(nil)); err != nil || got != want {
			t.Errorf("%s, %v, want %s", got, err, want)
		}
	}
	f(nil, `{"results":[]}`)
	f(records(2), `{"results":[{"type":"record","id":"record-0"},{"type":"record","id":"record-1"}]}`)
	if w, err := p.Window(s, records(MaxPage)); err != nil || w.Paged || len(w.Results) != MaxPage {
		t.Errorf("as many as are answered at once: %d, %v, %v", len(w.Results), w.Paged, err)
	}
	w := Window{Kind: Actions, Results: []Result{{Name: "a\"\xff"}, {}}}
	if got, want := string(w.AppendJSON(nil)), "{\"results\":[{\"name\":\"a\\\"\uFFFD\"},{\"name\":\"\"}]}"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// pages asks for page after page and returns all results. Each request is the first one with
// the token, and with the limit again where repeat says so.
func pages(t *testing.T, all []Result, limit string, repeat bool) (got []Result, answers int) {
	t.Helper()
	s, p := asked(t, limit)
	for answers = 1; ; answers++ {
		w, err := p.Window(s, all)
		if err != nil || !w.Paged || w.Total != len(all) {
			t.Fatalf("page %d: %+v, %v", answers, w, err)
		}
		got = append(got, w.Results...)
		if w.Next == "" {
			return got, answers
		}
		if p.Token, p.Continued = w.Next, true; !repeat {
			p.Limited, p.Limit = false, 0
		}
	}
}

func TestWindow_pages(t *testing.T) {
	for _, repeat := range []bool{false, true} {
		for _, n := range []int{0, 1, 2, 3, 4, 7} {
			got, answers := pages(t, records(n), `,"page":{"limit":3}`, repeat)
			if !slices.Equal(got, records(n)) || answers != max(1, (n+2)/3) {
				t.Errorf("%d results in %d pages: %v", n, answers, got)
			}
		}
	}
	// More than are answered at once are paged unasked, or for a greater limit.
	many := records(2*MaxPage + 1)
	for _, limit := range []string{``, `,"page":{"limit":1e6}`} {
		if got, answers := pages(t, many, limit, false); !slices.Equal(got, many) || answers != 3 {
			t.Errorf("limit %q: %d results in %d pages", limit, len(got), answers)
		}
	}
}

func TestWindow_nothingWanted(t *testing.T) {
	s, p := asked(t, `,"page":{"limit":0}`)
	for range 2 { // and the page behind it is as empty
		w, err := p.Window(s, records(2))
		if err != nil || len(w.Results) != 0 || w.Next == "" || w.Total != 2 {
			t.Fatalf("%+v, %v", w, err)
		}
		p.Token = w.Next
	}
	if w, err := p.Window(s, nil); err != nil || w.Next != "" {
		t.Errorf("%+v, %v, want the end", w, err)
	}
	s, p = asked(t, `,"page":{"token":""}`)
	if w, err := p.Window(s, records(2)); err != nil || string(w.AppendJSON(nil)) != `{"page":{"next_token":"","count":2,"total":2},"results":[{"type":"record","id":"record-0"},{"type":"record","id":"record-1"}]}` {
		t.Errorf("an empty token: %s, %v", w.AppendJSON(nil), err)
	}
}

// TestWindow_changed: results that come and go between two pages neither repeat others nor
// hide them.
func TestWindow_changed(t *testing.T) {
	s, p := asked(t, `,"page":{"limit":2}`)
	w, err := p.Window(s, records(6))
	if err != nil {
		t.Fatal(err)
	}
	p = Page{Token: w.Next, Continued: true}
	all := records(6)
	for name, now := range map[string][]Result{
		"one is gone before": all[1:],
		"one came before":    append([]Result{{Type: "record", ID: "new"}}, all...),
		"others are last":    slices.Concat(all[1:2], all[2:], all[:1]),
	} {
		w, err := p.Window(s, now)
		if err != nil || w.Results[0] != all[2] || w.Results[1] != all[3] {
			t.Errorf("%s: %v, %v", name, w.Results, err)
		}
	}
	if w, err := p.Window(s, all[:2]); err != nil || len(w.Results) != 0 || w.Next != "" {
		t.Errorf("the rest is gone: %+v, %v", w, err)
	}
	if _, err := p.Window(s, all[2:]); err == nil || err.Error() != "the results have changed, search again" {
		t.Errorf("the last one is gone: %v", err)
	}
}

func TestWindow_token(t *testing.T) {
	s, p := asked(t, `,"page":{"limit":2}`)
	all := records(6)
	first, err := p.Window(s, all)
	if err != nil {
		t.Fatal(err)
	}
	f := func(changes, want string) {
		t.Helper()
		s, p := asked(t, changes)
		p.Token = first.Next
		if _, err := p.Window(s, all); fmt.Sprint(err) != want {
			t.Errorf("%s: %v, want %s", changes, err, want)
		}
	}
	f(``, `<nil>`)
	f(`,"page":{"limit":2,"token":"-"}`, `<nil>`)
	f(`,"page":{"limit":3,"token":"-"}`, `page.limit is another than the token's`)
	f(`,"context":{}`, `page.token is of another search`)
	other := func(from, to string) {
		t.Helper()
		body := strings.Replace(`{"subject":{"type":"user","id":"alice","properties":{"a":1,"b":[2]}},"action":{"name":"read"},"resource":{"type":"record"}}`, from, to, 1)
		s, _, err := ParseSearch(Resources, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Page{Token: first.Next, Continued: true}.Window(s, all)
		if err == nil || err.Error() != "page.token is of another search" {
			t.Errorf("%s: %v", body, err)
		}
	}
	other(`"alice"`, `"bob"`)
	other(`"user"`, `"group"`)
	other(`"read"`, `"write"`)
	other(`"record"`, `"file"`)
	other(`"a":1`, `"a":2`)
	other(`"name":"read"`, `"name":"read","properties":{}`)
}

// TestWindow_spelling: a client may write the same request otherwise.
func TestWindow_spelling(t *testing.T) {
	s, _ := asked(t, `,"context":{"x":{"p":"é","q":null}}`)
	again, _, err := ParseSearch(Resources, []byte(`{ "context" : {"x":{"q":null,"p":"\u00e9"}}, "resource":{"id":"ignored","type":"record"},
		"subject":{"properties":{"b":[ 2 ],"\u0061":1},"id":"\u0061lice","type":"user"},"action":{"name":"read"},"more":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if digestOf(s, 1) != digestOf(again, 1) {
		t.Error("the digests differ")
	}
}

func TestWindow_otherKind(t *testing.T) {
	body := []byte(`{` + whole + `}`)
	digests := map[digest]Kind{}
	for _, kind := range []Kind{Subjects, Resources, Actions} {
		s, _, err := ParseSearch(kind, body)
		if err != nil {
			t.Fatal(err)
		}
		digests[digestOf(s, 1)] = kind
	}
	if len(digests) != 3 {
		t.Errorf("%d digests of three kinds", len(digests))
	}
}

// TestWindow_forged: a token that was changed, cut, spelled otherwise or made up is refused.
func TestWindow_forged(t *testing.T) {
	s, p := asked(t, `,"page":{"limit":2}`)
	all := records(6)
	w, err := p.Window(s, all)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(w.Next)
	if err != nil {
		t.Fatal(err)
	}
	f := func(token string) {
		t.Helper()
		if w, err := (Page{Token: token, Continued: true}).Window(s, all); err == nil {
			t.Errorf("%q: %+v", token, w)
		}
	}
	for i := range raw {
		for bit := range 8 {
			forged := slices.Clone(raw)
			forged[i] ^= 1 << bit
			if 9 <= i && i < 17 && !slices.Equal(forged[9:17], make([]byte, 8)) {
				// Only where to look first is another, which moves nothing.
				got, err := Page{Token: base64.RawURLEncoding.EncodeToString(forged)}.Window(s, all)
				if err != nil || got.Results[0] != all[2] {
					t.Errorf("byte %d: %+v, %v", i, got, err)
				}
				continue
			}
			f(base64.RawURLEncoding.EncodeToString(forged))
		}
	}
	for i := range w.Next {
		f(w.Next[:i] + w.Next[i+1:])
		if i > 0 {
			f(w.Next[:i])
		}
	}
	f(w.Next + "=")
	f(w.Next + "\n")
	f(" " + w.Next)
	f(strings.Repeat("A", len(w.Next)))
	f(strings.Repeat("\x00", len(w.Next)))
	f(strings.Repeat("é", len(w.Next)/2))
	f(strings.Repeat("A", 1<<20))
	f(base64.StdEncoding.EncodeToString(slices.Repeat([]byte{0xff}, tokenLength)))
	// The last letter carries four bits of which two are of no use: they must be zero.
	last := w.Next[len(w.Next)-1]
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if byte(c) != last {
			f(w.Next[:len(w.Next)-1] + string(c))
		}
	}
}

// TestWindow_secrets: nothing of who asked and for what can be read from a token.
func TestWindow_secrets(t *testing.T) {
	const secret = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEifQ.c2lnbmF0dXJl"
	s := &Search{Kind: Resources, Evaluation: Evaluation{Subject: Entity{Type: SessionType, ID: secret}, Action: Action{Name: "read"}, Resource: Entity{Type: "record"}}}
	w, err := Page{Limited: true, Limit: 1}.Window(s, []Result{{Type: "record", ID: "secret-plan"}, {Type: "record", ID: "b"}})
	if err != nil || w.Next == "" {
		t.Fatal(w, err)
	}
	raw, _ := base64.RawURLEncoding.DecodeString(w.Next)
	for _, text := range []string{"eyJ", "user_1", "sub", "read", "record", "secret", "plan"} {
		if strings.Contains(string(raw), text) {
			t.Errorf("the token holds %q", text)
		}
	}
	if len(raw) != tokenLength {
		t.Errorf("%d bytes", len(raw))
	}
}

// TestWindow_count: numbers say what is there.
func TestWindow_count(t *testing.T) {
	s, p := asked(t, `,"page":{"limit":2}`)
	w, err := p.Window(s, records(3))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Page struct {
			Next  *string `json:"next_token"`
			Count int     `json:"count"`
			Total int     `json:"total"`
		} `json:"page"`
		Results []struct{ Type, ID string } `json:"results"`
	}
	text := w.AppendJSON(nil)
	if err := json.Unmarshal(text, &got); err != nil || *got.Page.Next != w.Next || got.Page.Count != 2 || got.Page.Total != 3 || len(got.Results) != 2 {
		t.Errorf("%s: %v", text, err)
	}
	if !strings.HasPrefix(string(text), `{"page":{"next_token":"`) {
		t.Errorf("%s: page is not first", text)
	}
}
