package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"postern/sidecar/config"
)

// serveBundle serves one of the bundles with the configuration that it brings, as its
// README says, with more flags.
func serveBundle(t *testing.T, name string, more ...string) *sidecar {
	t.Helper()
	dir := "../../bundles/" + name
	var flags config.Flags
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	flags.Register(set)
	if err := set.Parse(append([]string{
		"--config", dir + "/postern.yaml", "--bundle", dir, "--public-url", "https://pdp.example.com",
		"--listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
	}, more...)); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(&flags, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Policy.Deadline = 10 * time.Second // a busy machine denies nothing
	return start(t, c)
}

// wantText posts a message of the Authorization API and wants exactly this answer. Runners
// compare the text. The header is what one of them sends where it has no key.
func (s *sidecar) wantText(path, body, want string) {
	s.t.Helper()
	a := s.access(path, body, "Authorization", "undefined")
	if a.Code != http.StatusOK || a.Body != want {
		s.t.Errorf("%s %s = %d %s, want %s", path, body, a.Code, a.Body, want)
	}
}

const (
	userAlice      = `{"type":"user","id":"alice"}`
	userBob        = `{"type":"user","id":"bob"}`
	userAny        = `{"type":"user","id":"someone","properties":{"role":"admin"}}`
	recordActive   = `{"type":"record","id":"record-1"}`
	recordArchived = `{"type":"record","id":"record-2"}`
)

// stating is an entity for which a request states properties.
func stating(entity, properties string) string {
	return strings.TrimSuffix(entity, "}") + `,"properties":` + properties + `}`
}

// TestFixture_evaluations asks what the certification of the API asks first: its eight
// decisions, each with a context and without.
func TestFixture_evaluations(t *testing.T) {
	s := serveBundle(t, "authzen-fixture")
	f := func(subject, action, resource string, want bool) {
		t.Helper()
		body := fmt.Sprintf(`{"subject":%s,"action":%s,"resource":%s`, subject, action, resource)
		for _, context := range []string{"", `,"context":{}`, `,"context":{"time":"2026-10-26T01:22-07:00","role":"admin"}`} {
			s.wantText("evaluation", body+context+"}", fmt.Sprintf(`{"decision":%t}`, want))
		}
	}
	const read, write = `{"name":"read"}`, `{"name":"write"}`
	archived := func(resource string) string { return stating(resource, `{"status":"archived"}`) }
	f(userAlice, read, recordActive, true)
	f(userAlice, write, recordActive, true)
	f(userBob, read, recordActive, true)
	f(userBob, write, recordActive, false)
	f(userAlice, `{"name":"delete","properties":{"soft":true}}`, recordActive, true)
	f(userAlice, `{"name":"delete","properties":{"soft":false}}`, recordActive, false)
	for _, resource := range []string{recordActive, recordArchived, `{"type":"record","id":"another"}`} {
		f(userAlice, write, archived(resource), false)
		f(userAny, write, archived(resource), true)
		f(stating(userAlice, `{"role":"admin"}`), write, archived(resource), true)
		f(stating(userBob, `{"role":"admin"}`), write, archived(resource), true)
	}
	// What is unknown is denied, and is no fault of the request.
	f(`{"type":"user","id":"someone"}`, read, recordActive, false)
	f(`{"type":"robot","id":"alice"}`, read, recordActive, false)
	f(userAlice, read, `{"type":"record","id":"another"}`, false)
	f(userAlice, read, `{"type":"folder","id":"record-1"}`, false)
	f(userAlice, `{"name":"share"}`, recordActive, false)
	// A subject that is a session is none of the store's users, whatever its id is.
	f(`{"type":"session","id":"alice"}`, read, recordActive, false)
	f(`{"type":"session","id":"bob","properties":{"role":"admin"}}`, write, archived(recordArchived), false)
}

// searchBody is the body of a search: entities as members, those that are empty left out.
func searchBody(subject, action, resource string) string {
	var members []string
	for _, m := range [][2]string{{"subject", subject}, {"action", action}, {"resource", resource}} {
		if m[1] != "" {
			members = append(members, fmt.Sprintf("%q:%s", m[0], m[1]))
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func foundBody(results ...string) string {
	return `{"results":[` + strings.Join(results, ",") + `]}`
}

// TestFixture_searches asks the six searches of the certification, about what is
// unknown, and with an id in what is searched for, which has no effect.
func TestFixture_searches(t *testing.T) {
	s := serveBundle(t, "authzen-fixture")
	const (
		user, record = `{"type":"user"}`, `{"type":"record"}`
		read, write  = `{"name":"read"}`, `{"name":"write"}`
	)
	admin, archived := stating(userBob, `{"role":"admin"}`), stating(recordArchived, `{"status":"archived"}`)
	both := foundBody(read, write)
	s.wantText("search/subject", searchBody(user, read, recordActive), foundBody(userAlice, userBob))
	s.wantText("search/resource", searchBody(userAlice, read, record), foundBody(recordActive, recordArchived))
	s.wantText("search/action", searchBody(userAlice, "", recordActive), both)
	for _, resource := range []string{recordArchived, archived} {
		s.wantText("search/subject", searchBody(user, write, resource), foundBody(userBob))
		for _, subject := range []string{userBob, admin} {
			s.wantText("search/resource", searchBody(subject, write, record), foundBody(recordArchived))
			s.wantText("search/action", searchBody(subject, "", resource), both)
		}
	}
	for _, id := range []string{"alice", "bob", "someone", ""} {
		s.wantText("search/subject", searchBody(fmt.Sprintf(`{"type":"user","id":%q}`, id), write, recordActive), foundBody(userAlice))
	}
	for _, id := range []string{"record-1", "another", ""} {
		s.wantText("search/resource", searchBody(userBob, write, fmt.Sprintf(`{"type":"record","id":%q}`, id)), foundBody(recordArchived))
	}
	for _, unknown := range []string{`{"type":"record","id":"another"}`, `{"type":"folder","id":"record-1"}`, `{"type":"record","id":""}`} {
		s.wantText("search/subject", searchBody(user, read, unknown), foundBody())
		s.wantText("search/action", searchBody(userAlice, "", unknown), foundBody())
	}
	for _, unknown := range []string{userAny, `{"type":"robot","id":"alice"}`, `{"type":"user","id":""}`, `{"type":"session","id":"alice"}`} {
		s.wantText("search/resource", searchBody(unknown, write, record), foundBody())
		s.wantText("search/action", searchBody(unknown, "", recordArchived), foundBody())
	}
	s.wantText("search/subject", searchBody(`{"type":"robot"}`, read, recordActive), foundBody())
	s.wantText("search/resource", searchBody(userAlice, read, `{"type":"folder"}`), foundBody())
	s.wantText("search/subject", searchBody(user, `{"name":"share"}`, recordActive), foundBody())
	s.wantText("search/resource", searchBody(userAlice, `{"name":"share"}`, record), foundBody())
}

// TestFixture_agrees holds searches and evaluations to each other: what is found is
// allowed, and what is allowed of what is known is found.
func TestFixture_agrees(t *testing.T) {
	s := serveBundle(t, "authzen-fixture")
	for _, subject := range []string{userAlice, userBob} {
		for _, resource := range []string{recordActive, recordArchived} {
			for _, name := range []string{"read", "write", "delete", "share"} {
				action := fmt.Sprintf(`{"name":%q}`, name)
				allowed := s.accessed(t, "evaluation", searchBody(subject, action, resource)).Decision
				for path, asked := range map[string][2]string{
					"search/subject":  {searchBody(`{"type":"user"}`, action, resource), subject},
					"search/resource": {searchBody(subject, action, `{"type":"record"}`), resource},
					"search/action":   {searchBody(subject, "", resource), action},
				} {
					if got := slices.Contains(s.accessed(t, path, asked[0]).results(), asked[1]); got != allowed {
						t.Errorf("%s %s finds %s: %t, an evaluation says %t", path, asked[0], asked[1], got, allowed)
					}
				}
			}
		}
	}
}

// An authzenAnswer is what the API answers.
type authzenAnswer struct {
	Decision bool
	Results  []json.RawMessage
	Page     *struct {
		Next *string `json:"next_token"`
	}
}

func (m authzenAnswer) results() []string {
	all := make([]string, len(m.Results))
	for i, result := range m.Results {
		all[i] = string(result)
	}
	return all
}

func (s *sidecar) accessed(t *testing.T, path, body string) authzenAnswer {
	t.Helper()
	a := s.access(path, body)
	var m authzenAnswer
	if err := json.Unmarshal([]byte(a.Body), &m); err != nil || a.Code != http.StatusOK {
		t.Fatalf("%s %s = %d %s, %v", path, body, a.Code, a.Body, err)
	}
	return m
}

// TestFixture_pages walks through searches by pages, with the limit said again and not,
// and wants what a search without pages finds.
func TestFixture_pages(t *testing.T) {
	f := func(bundle, path, body string) {
		t.Helper()
		s := serveBundle(t, bundle)
		whole := s.accessed(t, path, body)
		if len(whole.Results) < 2 || whole.Page != nil && whole.Page.Next != nil && *whole.Page.Next != "" {
			t.Fatalf("%s %s: %d results, page %v", path, body, len(whole.Results), whole.Page)
		}
		paged := func(page string) string { return strings.TrimSuffix(body, "}") + `,"page":` + page + "}" }
		for limit := 1; limit <= len(whole.Results)+1; limit++ {
			for _, again := range []string{"", fmt.Sprintf(`,"limit":%d`, limit)} {
				var got []string
				page := fmt.Sprintf(`{"limit":%d}`, limit)
				for {
					m := s.accessed(t, path, paged(page))
					got = append(got, m.results()...)
					if len(m.Results) > limit || len(got) > len(whole.Results) {
						t.Fatalf("%s %s: %d results on a page of %d, %d in all", path, body, len(m.Results), limit, len(got))
					}
					if m.Page == nil || m.Page.Next == nil {
						t.Fatalf("%s %s: an answer to page %s without next_token", path, body, page)
					}
					if *m.Page.Next == "" {
						break
					}
					if len(m.Results) == 0 {
						t.Fatalf("%s %s: an empty page is not the last", path, body)
					}
					page = fmt.Sprintf(`{"token":%q%s}`, *m.Page.Next, again)
				}
				if !slices.Equal(got, whole.results()) {
					t.Errorf("%s %s by %d: %v, want %v", path, body, limit, got, whole.results())
				}
			}
		}
	}
	const read, user, record = `{"name":"read"}`, `{"type":"user"}`, `{"type":"record"}`
	f("authzen-fixture", "search/subject", searchBody(user, read, recordActive))
	f("authzen-fixture", "search/resource", searchBody(userAlice, read, record))
	f("authzen-fixture", "search/action", searchBody(userAlice, "", recordActive))
	f("authzen-interop", "search/resource", searchBody(userAlice, `{"name":"view"}`, record))
	// These are not in the alphabet's order.
	f("authzen-interop", "search/action", searchBody(userAlice, "", `{"type":"record","id":"101"}`))
}
