package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// alternating is a bundle of a number: what even ones grant, odd ones do not. Its rules are
// always the same, so that decisions are carried from one to the next.
func alternating(n int) map[string]string {
	even := n%2 == 0
	when := func(even bool, yes, no string) string {
		if even {
			return yes
		}
		return no
	}
	return map[string]string{
		".manifest": fmt.Sprintf(`{"revision": "%d"}`, n),
		"model/data.yaml": `
permissions: {"org:docs:read": {}}
roles: {"org:owner": {}, "org:member": {permissions: [` + when(even, `"org:docs:read"`, "") + `]}}
settings: {permission_source: roles}
organizations: {org_0: {}, org_3: {suspended: ` + when(even, "false", "true") + `}, org_4: {` + when(even, "", "suspended: true") + `}}
revoked: {users: {` + when(even, "", "user_7: {}") + `}}
routes:
  - {match: "/docs/", require: {permission: "org:docs:read"}}
  - {match: "/o/{org}/", organization: "{org}", require: {role: "org:member"}}
  - {match: "/flip/", ` + when(even, "public: true", `require: {role: "org:owner"}, deny: {status: 404}`) + `}
`,
		"flags/data.json": when(even, `{"n1": {"on": false}}`, `{"n1": {"on": true}, "n0": {"on": false}}`),
		"extend.rego":     "package postern.extend\n\ndeny contains \"flagged\" if data.flags[input.request.headers[\"x-note\"]].on\n",
	}
}

// A guest is one of the sessions, of user, session and organization by its number.
type guest struct {
	number int
	token  string
}

func (c guest) user() string         { return fmt.Sprintf("user_%d", c.number) }
func (c guest) session() string      { return fmt.Sprintf("sess_%d", c.number) }
func (c guest) organization() string { return fmt.Sprintf("org_%d", c.number%5) }

// A wish is what one asks, at which door, with which note.
type wish struct {
	who        guest
	door, what string
	note       string
}

// granted is what the bundle of a number says to it.
func (w wish) granted(n int) bool {
	even := n%2 == 0
	closed := !even && (w.who.number == 7 || w.who.number%5 >= 3)
	if w.door != "check" && w.note == "n1" && !even {
		return false
	}
	switch w.what {
	case "permission", "/docs/x":
		return even
	case "role":
		return !closed
	case "/flip/x":
		return even
	case "/o/org_1/x":
		return !closed && w.who.organization() == "org_1"
	}
	panic(w.what)
}

// An outcome is what came of a wish: whether it was granted, the decision's id, and what an
// upstream is told.
type outcome struct {
	wish
	allow    bool
	id       string
	identity map[string]string
}

// A hammer asks a server at all its doors.
type hammer struct {
	s     *sidecar
	envoy authv3.AuthorizationClient
}

var identityNames = []string{"x-postern-user", "x-postern-session", "x-postern-org", "x-postern-role", "x-postern-permissions"}

func (h hammer) ask(w wish) (outcome, error) {
	o := outcome{wish: w, identity: map[string]string{}}
	bearer := "Bearer " + w.who.token
	if w.door == "grpc" {
		r, err := h.envoy.Check(context.Background(), envoyAsks("GET", w.what, "authorization", bearer, "x-note", w.note))
		if err != nil {
			return o, err
		}
		o.allow = told(r, nil) == "allow"
		o.id = r.GetDynamicMetadata().GetFields()["decision_id"].GetStringValue()
		for _, option := range r.GetOkResponse().GetHeaders() {
			o.identity[option.GetHeader().GetKey()] = option.GetHeader().GetValue()
		}
		return o, nil
	}
	method, url, body := "GET", h.s.url+"/ext_authz"+w.what, ""
	headers := []string{"X-Note", w.note}
	switch w.door {
	case "check":
		method, url, body = "POST", h.s.url+"/v1/check", map[string]string{"permission": `{"permission":"org:docs:read"}`, "role": `{"role":"org:member"}`}[w.what]
	case "forward":
		url, headers = h.s.url+"/forward-auth", append(headers, asked("GET", w.what)...)
	}
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return o, err
	}
	req.Header.Set("Authorization", bearer)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := h.s.client.Do(req)
	if err != nil {
		return o, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return o, err
	}
	o.id, o.allow = res.Header.Get("X-Decision-Id"), res.StatusCode == 200
	if w.door == "check" {
		var d struct{ Allow bool }
		err = json.Unmarshal(text, &d)
		o.allow = d.Allow
	}
	for _, name := range identityNames {
		if value := res.Header.Get(name); value != "" {
			o.identity[name] = value
		}
	}
	return o, err
}

// A loggedBy is what the decision log says about an outcome.
type loggedBy struct {
	ID            string `json:"decision_id"`
	Revision      string
	User, Session string
	Organization  string
	Path          string
	Allow         bool
	number        int
}

// judge compares an outcome with the bundle that the log says it is of.
func judge(t testing.TB, o outcome, by loggedBy) {
	t.Helper()
	if by.ID != o.id || by.Allow != o.allow {
		t.Errorf("%+v is logged as %+v", o, by)
	}
	if o.door != "check" && by.Path != o.what {
		t.Errorf("%s is logged with the path %s", o.what, by.Path)
	}
	revoked := by.number%2 == 1 && o.who.number == 7
	if known := by.User == o.who.user() && by.Session == o.who.session() && by.Organization == o.who.organization(); !known {
		t.Errorf("%+v is logged as another's: %+v", o, by)
	}
	if want := o.granted(by.number); o.allow != want {
		t.Errorf("revision %d answered %s at %s for %s of %s (note %s): %v, want %v", by.number, o.what, o.door, o.who.user(), o.who.organization(), o.note, o.allow, want)
	}
	if !o.allow || o.door == "check" || revoked {
		if len(o.identity) > 0 && !o.allow {
			t.Errorf("a denial says who it is: %+v", o)
		}
		return
	}
	want := map[string]string{"x-postern-user": o.who.user(), "x-postern-session": o.who.session(), "x-postern-org": o.who.organization(), "x-postern-role": "org:member"}
	if by.number%2 == 0 {
		want["x-postern-permissions"] = "org:docs:read"
	}
	if fmt.Sprint(o.identity) != fmt.Sprint(want) {
		t.Errorf("%s in revision %d: the upstream is told %v, want %v", o.who.user(), by.number, o.identity, want)
	}
}

// TestReload_hostileHammer: sessions of several organizations ask at all doors while bundles
// alternate that grant and withdraw, and keys are read again. Each answer is that of the
// revision that the log names, about the session that asked, and after the last reload none
// is of an earlier one.
func TestReload_hostileHammer(t *testing.T) {
	const clients, sessions = 8, 50
	lasting := 5 * time.Second
	if testing.Short() {
		lasting = 2 * time.Second
	}
	files := &configMap{t: t, dir: t.TempDir()}
	files.publish(alternating(0))
	path := filepath.Join(t.TempDir(), "decisions.jsonl")
	c := standard(t, files.dir, "decision_log: "+path)
	c.Watch.Settle, c.Watch.Poll = time.Hour, time.Hour
	s := start(t, c)
	h := hammer{s, authv3.NewAuthorizationClient(s.connect())}
	var guests []guest
	for i := range sessions {
		who := guest{number: i}
		who.token = sign(t, map[string]any{"sub": who.user(), "sid": who.session(), "fea": nil, "pla": nil,
			"o": map[string]any{"id": who.organization(), "slg": who.organization(), "rol": "member"}})
		guests = append(guests, who)
	}
	var wishes []wish
	for _, who := range guests {
		for _, what := range []string{"permission", "role"} {
			wishes = append(wishes, wish{who, "check", what, "n0"})
		}
		for _, door := range []string{"ext_authz", "forward", "grpc"} {
			for _, what := range []string{"/docs/x", "/flip/x", "/o/org_1/x"} {
				for _, note := range []string{"n0", "n1"} {
					wishes = append(wishes, wish{who, door, what, note})
				}
			}
		}
	}

	var mu sync.Mutex // guards outcomes
	var outcomes []outcome
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for i := range clients {
		asking.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				o, err := h.ask(wishes[r.IntN(len(wishes))])
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				mu.Lock()
				outcomes = append(outcomes, o)
				mu.Unlock()
				time.Sleep(time.Millisecond) // for the log to keep up, and the swaps
			}
		})
	}
	keys := c.Issuers.List[0].JWKS
	text, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	last := 0
	for began := time.Now(); time.Since(began) < lasting && !t.Failed(); {
		last++
		files.publish(alternating(last))
		if last%3 == 0 {
			replace(t, keys, strings.TrimSpace(string(text))+strings.Repeat("\n", last%7))
		}
		s.server.Reload(t.Context())
	}
	during := 0
	mu.Lock()
	during = len(outcomes)
	mu.Unlock()
	close(stop)
	asking.Wait()
	settled := map[string]bool{}
	for _, w := range wishes {
		o, err := h.ask(w)
		if err != nil {
			t.Fatal(err)
		}
		outcomes = append(outcomes, o)
		settled[o.id] = true
	}
	if err := s.stop(); err != nil { // which writes the log to its end
		t.Fatal(err)
	}
	records := recordsOf(t, path)
	if lost := len(outcomes) - len(records); lost != 0 {
		t.Errorf("%d outcomes, and %d records", len(outcomes), len(records))
	}
	allowed := 0
	for _, o := range outcomes {
		by, ok := records[o.id]
		if !ok {
			t.Errorf("%+v is not logged", o)
			continue
		}
		if settled[o.id] && by.number != last {
			t.Errorf("after revision %d, an answer of %d", last, by.number)
		}
		if o.allow {
			allowed++
		}
		if judge(t, o, by); t.Failed() {
			break
		}
	}
	t.Logf("%d answers, %d of them allowed, %d during %d reloads", len(outcomes), allowed, during, last)
	if last < 4 || during < 20*clients || allowed < len(outcomes)/10 || allowed > len(outcomes)*9/10 {
		t.Errorf("%d of %d allowed, %d during %d reloads: too weak", allowed, len(outcomes), during, last)
	}
}

// recordsOf reads a decision log by its ids.
func recordsOf(t testing.TB, path string) map[string]loggedBy {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all := map[string]loggedBy{}
	for dec := json.NewDecoder(file); dec.More(); {
		var r loggedBy
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(r.Revision, &r.number); err != nil {
			t.Fatalf("%+v: %v", r, err)
		}
		all[r.ID] = r
	}
	return all
}
