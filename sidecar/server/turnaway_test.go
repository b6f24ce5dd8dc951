package server_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestTurnAway: what is refused before a door has seen it is refused in words to an app,
// and to a proxy by a status alone, which denies.
func TestTurnAway(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	doors := []string{"/v1/check", "/nowhere", "/ext_authzz", "/forward-auth", "/ext_authz", "/ext_authz/v1/check", "/auth-request"}
	proxies := func(door string) bool { return slices.Index(doors, door) > 2 }
	f := func(name, request string, want map[string]string, silent func(door string) bool) {
		t.Helper()
		for _, door := range doors {
			status, ok := want[door]
			if !ok {
				status = want[""]
			}
			conn := s.dial()
			_, _ = io.WriteString(conn, strings.Replace(request, "DOOR", door, 1))
			all := answers(t, conn)
			if len(all) != 1 || fmt.Sprint(all[0].Code) != status {
				t.Errorf("%s to %s: %s, want %s", name, door, summary(all), status)
				continue
			}
			if (all[0].Body == "") != silent(door) {
				t.Errorf("%s to %s: %d %q", name, door, all[0].Code, all[0].Body)
			}
			if control := all[0].Header.Get("Cache-Control"); control != "no-store" {
				t.Errorf("%s to %s: Cache-Control %q", name, door, control)
			}
		}
	}
	const line = "POST DOOR HTTP/1.1\r\nHost: a\r\n"
	f("too many headers", line+strings.Repeat("A: b\r\n", 300)+"\r\n", map[string]string{"": "431", "/auth-request": "403"}, proxies)
	f("two lengths", line+"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", map[string]string{"": "400", "/auth-request": "403"}, proxies)
	f("a folded header", line+"A: b\r\n c\r\n\r\n", map[string]string{"": "400", "/auth-request": "403"}, proxies)
	f("another version", "POST DOOR HTTP/1.2\r\nHost: a\r\n\r\n", map[string]string{"": "505", "/ext_authz": "400", "/ext_authz/v1/check": "400", "/auth-request": "403"}, proxies)
	long := strings.Repeat("a", 20<<10)
	f("long headers", line+"A: "+long+"\r\n\r\n", map[string]string{"": "431", "/auth-request": "403"}, proxies)
	f("a long target", "POST DOOR?"+long+" HTTP/1.1\r\nHost: a\r\n\r\n", map[string]string{"": "431", "/auth-request": "403"}, proxies)
	f("no header", line+"A\r\n\r\n", map[string]string{"": "400", "/auth-request": "403"}, proxies)
	// Two of the doors read no body, and refuse none.
	doors = slices.DeleteFunc(doors, func(door string) bool { return door == "/forward-auth" || door == "/auth-request" })
	f("a long body that is asked for", line+"Expect: 100-continue\r\nContent-Length: 1073741824\r\n\r\n", map[string]string{"": "413"}, proxies)
	f("a long body", line+"Content-Length: 1073741824\r\n\r\n", map[string]string{"": "413"}, proxies)
}

// TestTurnAway_keptAlive: each request on a connection is refused as it is meant.
func TestTurnAway_keptAlive(t *testing.T) {
	s := start(t, standard(t, gated(t)))
	c := s.dial()
	good := "GET /forward-auth HTTP/1.1\r\nHost: a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Uri: /public/x\r\n\r\n"
	if _, err := io.WriteString(c, good); err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, begun); err != nil || string(begun) != "HTTP/1.1 200" {
		t.Fatalf("%q, %v", begun, err)
	}
	_, _ = io.WriteString(c, "GET /v1/session HTTP/1.1\r\nHost: a\r\nA\r\n\r\n")
	rest, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(rest), "HTTP/1.1 400") || !strings.Contains(string(rest), `"request_malformed"`) {
		t.Errorf("behind it: %q, %v", rest, err)
	}
}

// TestTurnAway_counted: what clients send and is not read counts at the door that it was for.
func TestTurnAway_counted(t *testing.T) {
	t.Parallel()
	c := authzen(standard(t, gated(t), "limits: {body: 1KiB}"))
	c.Doors.OPA = true
	s := start(t, c)
	long := `"` + strings.Repeat("a", 1<<10) + `"`
	for path, door := range map[string]string{
		"/access/v1/evaluation": "evaluation", "/access/v1/evaluations": "evaluations", "/access/v1/search/action": "search_action",
		"/.well-known/authzen-configuration": "http", "/v1/batch/data/app": "batch_data", "/v1/data/app": "data",
	} {
		if a := s.do("POST", path, long); a.Code != 413 {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
		want := fmt.Sprintf("postern_decisions_total{door=%q,outcome=\"deny\"} 1\n", door)
		if metrics := s.do("GET", "admin:/metrics", "").Body; !strings.Contains(metrics, want) {
			t.Errorf("%s: the metrics lack %s", path, want)
		}
	}
}

// TestTurnAway_clients: whoever is no client counts alike at every door that is for clients.
func TestTurnAway_clients(t *testing.T) {
	t.Parallel()
	c := tokenClients(t, authzen(standard(t, gated(t))))
	c.Doors.OPA = true
	s := start(t, c)
	for path, door := range map[string]string{"/access/v1/evaluation": "evaluation", "/access/v1/search/subject": "search_subject", "/v1/batch/data/app": "batch_data", "/v1/data/app": "data"} {
		if a := s.do("POST", path, `{}`, "Content-Type", "application/json"); a.Code != 401 {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
		want := fmt.Sprintf("postern_denial_reasons_total{door=%q,reason=\"token_missing\"} 1\n", door)
		if metrics := s.do("GET", "admin:/metrics", "").Body; !strings.Contains(metrics, want) {
			t.Errorf("%s: the metrics lack %s", path, want)
		}
	}
}
