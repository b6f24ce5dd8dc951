package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/sidecar/config"
	"postern/sidecar/token/mint"
)

// organized is a bundle with a model: roles, a revoked user, and a rule of its own that looks
// into what is said of a resource.
func organized(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `
roles: {"org:admin": {permissions: ["org:sys_memberships:manage", "org:sys_profile:delete"]}}
settings: {organization_creation: {allowed: true, limit: 2}}
revoked: {users: {user_9: {}}}
`)
	write(t, dir, "deny.rego", `package postern.extend

deny contains {"code": "policy_denied", "message": "the report is sealed"} if input.resource.sealed == true
`)
	return dir
}

// ofSession is an evaluation about a session.
func ofSession(token, action, properties string) string {
	return fmt.Sprintf(`{"subject":{"type":"session","id":%q},"action":{"name":%q},"resource":{"type":"report","id":"7","properties":%s}}`, token, action, properties)
}

// sessions are tokens that are good or bad in one way each, by what is wrong.
func sessions(t testing.TB) map[string]string {
	t.Helper()
	stranger, err := mint.NewKey("ins_1")
	if err != nil {
		t.Fatal(err)
	}
	forged, err := stranger.Sign(claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, nil)
	head, rest, _ := strings.Cut(good, ".")
	payload, _, _ := strings.Cut(rest, ".")
	return map[string]string{
		"good":        good,
		"of another":  sign(t, map[string]any{"sub": "user_2", "sid": "sess_2", "o": nil}),
		"expired":     sign(t, map[string]any{"exp": time.Now().Unix() - 60}),
		"not yet":     sign(t, map[string]any{"nbf": time.Now().Unix() + 600}),
		"revoked":     sign(t, map[string]any{"sub": "user_9"}),
		"pending":     sign(t, map[string]any{"sts": "pending"}),
		"forged":      forged,
		"unsigned":    head + "." + payload + ".",
		"no issuer":   sign(t, map[string]any{"iss": "https://evil.example"}),
		"garbage":     "not-a-token-but-secret",
		"empty":       "",
		"with scheme": "Bearer " + good,
		"with space":  good + " ",
		"long":        good + strings.Repeat("A", 20_000),
	}
}

// TestAuthZEN_agrees: about a session, AuthZEN and POST /v1/check say the same.
func TestAuthZEN_agrees(t *testing.T) {
	s := start(t, authzen(standard(t, organized(t))))
	allowed := 0
	for name, token := range sessions(t) {
		for _, q := range []struct{ action, properties string }{
			{"org:reports:read", `{}`},
			{"org:reports:export", `{"sealed":false}`},
			{"org:reports:read", `{"sealed":true}`},
			{"org:reports:delete", `{}`},
			{"org:sys_memberships:manage", `{}`},
			{"organization.create", `{"owned":1}`},
			{"organization.create", `{"owned":2}`},
			{"organization.create", `{}`},
			{"organization.delete", `{}`},
			{"membership.invite", `{"role":"org:admin","members":1,"pending":0,"email":"a@b.example"}`},
			{"no.such.action", `{}`},
			{"", `{}`},
		} {
			what := fmt.Sprintf(`{"permission":%q,"resource":%s}`, q.action, q.properties)
			if strings.Contains(q.action, ".") && q.action != "no.such.action" {
				what = fmt.Sprintf(`{"action":%q,"resource":%s}`, q.action, q.properties)
			}
			check := s.ask(token, what)
			if name == "with scheme" || name == "with space" {
				check.Allow = false // which a header's value may have, and a token not
			}
			want := fmt.Sprintf(`{"decision":%v}`, check.Allow)
			accessCase{name, ofSession(token, q.action, q.properties), want}.run(t, s, "evaluation")
			if check.Allow {
				allowed++
				if name != "good" && name != "of another" {
					t.Errorf("%s may %s", name, what)
				}
			}
		}
	}
	if allowed < 5 {
		t.Errorf("%d were allowed: the questions say nothing", allowed)
	}
}

// TestAuthZEN_ownSession: the session that a request itself carries is nobody here, and no
// subject but one of the type session is a session.
func TestAuthZEN_ownSession(t *testing.T) {
	s := start(t, authzen(standard(t, organized(t))))
	good := sign(t, nil)
	for _, carried := range [][]string{nil, {"Authorization", "Bearer " + good}, {"Cookie", "__session=" + good}} {
		f := func(subject, want string) {
			t.Helper()
			body := `{"subject":` + subject + `,"action":{"name":"org:reports:read"},"resource":{"type":"report","id":"7"}}`
			a := s.access("evaluation", body, carried...)
			if a.Code != 200 || a.Body != want {
				t.Errorf("%v, %s: %d %s, want %s", carried, subject, a.Code, a.Body, want)
			}
		}
		f(`{"type":"session","id":"`+good+`"}`, yes)
		f(`{"type":"session","id":""}`, no)
		f(`{"type":"session","id":"x"}`, no)
		f(`{"type":"Session","id":"`+good+`"}`, no)
		f(`{"type":"user","id":"user_1"}`, no)
		f(`{"type":"user","id":"user_1","properties":{"session":{"user_id":"user_1"}}}`, no)
	}
	// Each item of a batch is its own session.
	a := s.access("evaluations", `{"action":{"name":"org:reports:read"},"resource":{"type":"report","id":"7"},"evaluations":[{"subject":{"type":"session","id":"`+good+`"}},`+
		`{"subject":{"type":"session","id":"x"}},{"subject":{"type":"user","id":"user_1"}},{},{"subject":{"type":"session","id":"`+good+`"}}]}`, "Authorization", "Bearer "+good)
	want := `{"evaluations":[` + strings.Join([]string{yes, no, no, `{"decision":false,"context":{"error":{"status":400,"message":"subject is missing"}}}`, yes}, ",") + `]}`
	if a.Body != want {
		t.Errorf("%s\nwant %s", a.Body, want)
	}
}

// TestAuthZEN_actionsOfSession: the library lists what a session may do, and nothing for one
// that is none.
func TestAuthZEN_actionsOfSession(t *testing.T) {
	s := start(t, authzen(standard(t, organized(t))))
	for name, token := range sessions(t) {
		a := s.access("search/action", fmt.Sprintf(`{"subject":{"type":"session","id":%q},"resource":{"type":"report","id":"7"}}`, token))
		listed := strings.Contains(a.Body, `{"name":"org:reports:read"}`)
		if a.Code != 200 || listed != (name == "good") || !listed && name != "of another" && a.Body != `{"results":[]}` {
			t.Errorf("%s: %d %s", name, a.Code, a.Body)
		}
	}
}

// TestAuthZEN_keysMissing: a session of which nothing can be known yet is not a session that
// may not, and what it may do is not nothing.
func TestAuthZEN_keysMissing(t *testing.T) {
	c := authzen(standard(t, organized(t)))
	c.Issuers.List[0].JWKS = filepath.Join(t.TempDir(), "missing.json")
	s := start(t, c)
	token := sign(t, nil)
	if a := s.access("evaluation", ofSession(token, "org:reports:read", "{}")); a.Code != 503 {
		t.Errorf("evaluation: %d %s", a.Code, a.Body)
	}
	if a := s.access("search/action", ofSession(token, "", "{}")); a.Code != 503 {
		t.Errorf("search: %d %s", a.Code, a.Body)
	}
	a := s.access("evaluations", `{"evaluations":[`+ofSession(token, "org:reports:read", "{}")+`,`+aliceReads+`]}`)
	want := `{"evaluations":[{"decision":false,"context":{"error":{"status":503,"message":"nothing can be decided now: try again"}}},{"decision":false}]}`
	if a.Code != 200 || a.Body != want {
		t.Errorf("evaluations: %d %s, want %s", a.Code, a.Body, want)
	}
}

// TestAuthZEN_secrets: the token of a session is in no log, metric, answer, header or page
// token, whatever it is asked about and whatever the policy tells of what it sees.
func TestAuthZEN_secrets(t *testing.T) {
	dir := certified(t)
	write(t, dir, "tell.rego", `package tell

decision := {"allow": false, "reasons": [{"code": "policy_denied", "message": sprintf("%v", [input])}], "context": {"input": input}} if input.action.name == "tell"

decision := input.subject.id == "nobody" if input.action.name == "read"

results := [{"type": "record", "id": sprintf("%v %d", [input, n])} | some n in numbers.range(1, 3)]

failing if sprintf("%d", [to_number(json.marshal(input))])
`)
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	c := authzen(standard(t, dir, "decision_log: "+log))
	c.AuthZEN.Reasons = true
	c.Entrypoints = config.Entrypoints{Evaluate: "tell/decision", Search: config.Search{Resource: "tell/results", Action: "tell/failing"}}
	s := start(t, c)
	var seen strings.Builder
	ask := func(endpoint, body string) string {
		a := s.access(endpoint, body)
		fmt.Fprintln(&seen, a.Code, a.Body, a.Header)
		return a.Body
	}
	tokens, pages := sessions(t), 0
	for _, token := range tokens {
		subject := fmt.Sprintf(`"subject":{"type":"session","id":%q}`, token)
		for _, action := range []string{"tell", "read"} {
			ask("evaluation", `{`+subject+`,"action":{"name":"`+action+`"},`+first+`}`)
			ask("evaluations", `{`+subject+`,"action":{"name":"`+action+`"},"evaluations":[{`+first+`},{},{"resource":7}]}`)
		}
		search := `{` + subject + `,` + reads + `,"resource":{"type":"record"},"page":{"limit":1%s}}`
		page := ask("search/resource", fmt.Sprintf(search, ""))
		_, next, _ := strings.Cut(page, `"next_token":"`)
		if next, _, _ = strings.Cut(next, `"`); next != "" {
			pages++
			if len(next) != 66 || strings.Contains(token, next) {
				t.Errorf("page token %q", next)
			}
			ask("search/resource", fmt.Sprintf(search, `,"token":"`+next+`"`))
		}
		ask("search/action", `{`+subject+`,`+first+`}`)
		ask("evaluation", `{`+subject+`,`+subject+`}`)
		ask("evaluation", `{`+subject+`}`)
		ask("evaluation", `{`+subject+`,"action":{"name":{`+subject+`}}}`)
		ask("evaluation", fmt.Sprintf(`{%q:1,%q:2}`, token, token))
	}
	for _, told := range []string{`"context":{"input":{"action":`, `"message":"{\"action\":`, `"id":"{\"action\":`, `500 the search failed`, "user_1"} {
		if !strings.Contains(seen.String(), told) {
			t.Errorf("no answer tells %s", told)
		}
	}
	if pages == 0 {
		t.Error("no search had a second page")
	}
	metrics := s.do("GET", "admin:/metrics", "").Body
	status := s.do("GET", "admin:/v1/status", "").Body
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	decisions, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(decisions), `"question":{"subject":{"type":"session"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}`) {
		t.Fatalf("the decision log: %v\n%.3000s", err, decisions)
	}
	for where, text := range map[string]string{"an answer": seen.String(), "the metrics": metrics, "the status": status, "the log": s.log.String(), "the decision log": string(decisions)} {
		for name, token := range tokens {
			for i := 0; i+16 <= len(token); i += 16 {
				part := token[i : i+16]
				if strings.Trim(part, "A") != "" && strings.Contains(text, part) {
					t.Errorf("%s holds %q of the token that is %s", where, part, name)
				}
			}
		}
	}
}

// TestAuthZEN_decisionLog: every item is a record, under the id that the answer states.
func TestAuthZEN_decisionLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "decisions.jsonl")
	s := startCertified(t, "decision_log: "+log)
	ids := []string{
		s.access("evaluation", `{"subject":{"type":"user","id":"alice","properties":{"secret":"hunter2"}},`+reads+`,`+first+`,"context":{"secret":"hunter2"}}`).Header.Get("X-Decision-Id"),
		s.access("evaluations", `{`+bob+`,`+first+`,"evaluations":[{`+reads+`},{`+writes+`},{}]}`).Header.Get("X-Decision-Id"),
		s.access("search/subject", `{"subject":{"type":"user","id":"ignored"},`+reads+`,`+first+`}`).Header.Get("X-Decision-Id"),
		s.access("search/action", `{`+alice+`,`+first+`}`).Header.Get("X-Decision-Id"),
		s.access("evaluation", ofSession(sign(t, nil), "read", "{}")).Header.Get("X-Decision-Id"),
	}
	metrics := s.do("GET", "admin:/metrics", "").Body
	for _, want := range []string{`postern_decisions_total{door="evaluation",outcome="allow"} 1`, `postern_decisions_total{door="evaluations",outcome="deny"} 2`, `postern_decisions_total{door="search_subject",outcome="other"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil || strings.Contains(string(text), "hunter2") {
		t.Fatalf("%v\n%s", err, text)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		var r struct {
			ID       string `json:"decision_id"`
			Door     string
			Item     *int
			Question json.RawMessage
			User     string
			Allow    bool
			Reasons  []struct{ Code string }
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		item, reason := "-", ""
		if r.Item != nil {
			item = fmt.Sprint(*r.Item)
		}
		if len(r.Reasons) > 0 {
			reason = r.Reasons[0].Code
		}
		for i, id := range ids {
			if id == r.ID {
				r.ID = fmt.Sprint(i)
			}
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %v %s %s", r.ID, r.Door, item, r.User, r.Allow, reason, r.Question))
	}
	want := []string{
		`0 evaluation -  true  {` + alice + `,` + reads + `,` + first + `}`,
		`1 evaluations 0  true  {` + bob + `,` + reads + `,` + first + `}`,
		`1 evaluations 1  false policy_denied {` + bob + `,` + writes + `,` + first + `}`,
		`1 evaluations 2  false request_malformed `,
		`2 search_subject -  false  {"subject":{"type":"user"},` + reads + `,` + first + `}`,
		`3 search_action -  false  {` + alice + `,` + first + `}`,
		`4 evaluation - user_1 false policy_denied {"subject":{"type":"session"},` + reads + `,"resource":{"type":"report","id":"7"}}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("records:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
