package server_test

import (
	"strings"
	"testing"
)

// TestComplain_id: what the server's log says about a policy that fails is found by the id
// that the caller was given.
func TestComplain_id(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "extend.rego", "package postern.extend\n\ndeny contains \"a\" if to_number(input.context.n) == 1\n")
	s := start(t, standard(t, dir))
	a := s.ask(sign(t, nil), `{"role":"admin","context":{"n":"many"}}`)
	id := a.Header.Get("X-Decision-Id")
	if !strings.Contains(a.Body, "policy_error") || id == "" {
		t.Fatalf("%+v", a)
	}
	if !strings.Contains(s.log.String(), `"msg":"policy","decision":"`+id+`"`) {
		t.Errorf("no line of the log is about %s", id)
	}
}
