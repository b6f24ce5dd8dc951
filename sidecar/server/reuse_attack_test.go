package server_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
)

// TestReuse_abandonedQuestions: a question that is given up is evaluated on as it was asked,
// by whom it was asked, when others have taken its place on the connection.
func TestReuse_abandonedQuestions(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "hold.rego", `package postern.extend

deny contains "never" if {
	input.resource.hold
	test.hold([input.resource.note, input.context.note, input.check.any[0].role, input.session.user_id, input.session.session_id, input.session.claims.note, input.session.org.permissions])
}
`)
	s := start(t, standard(t, dir, "policy: {deadline: 700ms}"))
	signed := func(note string) string {
		return sign(t, map[string]any{"sub": "user_" + note, "sid": "sess_" + note, "note": note})
	}
	original, other := signed("original"), signed("replaced")
	k := s.talk()
	post := func(token, body string) string {
		return fmt.Sprintf("POST /v1/check HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", token, len(body), body)
	}
	question := `{"role":"NOTE","resource":{"hold":true,"note":"NOTE"},"context":{"note":"NOTE"}}`
	k.send(post(original, strings.ReplaceAll(question, "NOTE", "original")))
	select {
	case <-held.entered:
	case <-time.After(20 * time.Second):
		t.Fatal("the policy was not asked")
	}
	if status, body := k.answer(); status != 200 || !strings.Contains(body, "policy_timeout") {
		t.Errorf("%d %s, want policy_timeout", status, body)
	}
	for range 20 {
		k.send(post(other, strings.ReplaceAll(strings.Replace(question, `"hold":true,`, "", 1), "NOTE", "replaced")))
		if status, body := k.answer(); status != 200 || strings.Contains(body, "policy_timeout") {
			t.Errorf("afterwards %d %s", status, body)
		}
	}
	held.let <- ""
	want := `["original", "original", "original", "user_original", "sess_original", "original", ["org:reports:read", "org:reports:export"]]`
	if got := <-held.saw; got != want {
		t.Errorf("the evaluation saw %s, want %s", got, want)
	}
}

// TestReuse_abandonedCalls: so is a call of Envoy's.
func TestReuse_abandonedCalls(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", `routes: [{match: "/o/{org}/", public: true}]`)
	write(t, dir, "hold.rego", `package postern.extend

deny contains "never" if {
	input.attributes.request.http.headers["x-hold"]
	test.hold([input.attributes.request.http.headers["x-note"], input.attributes.request.http.path, input.parsed_path[1], input.parsed_body.note, input.route.params.org, input.request.headers["x-note"]])
}
`)
	s := start(t, standard(t, dir, "policy: {deadline: 700ms}"))
	envoy := authv3.NewAuthorizationClient(s.connect())
	call := func(note string, more ...string) string {
		r := envoyAsks("POST", "/o/"+note+"/x", append(more, "x-note", note, "content-type", "application/json", "x-envoy-auth-partial-body", "false")...)
		r.Attributes.Request.Http.Body = `{"note":"` + note + `"}`
		return told(envoy.Check(context.Background(), r))
	}
	answered := make(chan string)
	go func() { answered <- call("original", "x-hold", "yes") }()
	select {
	case <-held.entered:
	case <-time.After(20 * time.Second):
		t.Fatal("the policy was not asked")
	}
	if got := <-answered; !strings.Contains(got, "policy_timeout") {
		t.Errorf("%s, want policy_timeout", got)
	}
	for range 50 {
		if got := call("replaced"); got != "allow" {
			t.Errorf("afterwards %s", got)
		}
	}
	held.let <- ""
	if got, want := <-held.saw, `["original", "/o/original/x", "original", "original", "original", "original"]`; got != want {
		t.Errorf("the evaluation saw %s, want %s", got, want)
	}
}
