package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/sidecar/failmode"
)

// TestSources_staleAnswered: what was allowed and is remembered is denied, in each door's own
// way, while the server of a bundle is out of reach for too long, and allowed again once it
// answers.
func TestSources_staleAnswered(t *testing.T) {
	at := publishing(t, tarball(t, map[string]string{
		".manifest":       `{"revision": "1", "metadata": {"postern": {"entrypoints": {"evaluate": "pdp/decision", "search": {"subject": "pdp/subjects", "resource": "pdp/resources", "action": "pdp/actions"}}}}}`,
		"model/data.yaml": "routes: [{match: \"/reports/{id}\", require: {permission: \"org:reports:read\"}}]\n",
		"pdp/pdp.rego": `package pdp

decision := true

subjects contains {"type": "user", "id": "user_1"}

resources contains {"type": "doc", "id": "1"}

actions contains {"name": "read"}
`,
	}))
	began := time.Now()
	var now clock
	now.set(began)
	s := startAt(t, remotely(t, at.URL, ", max_age: 1h, stale: deny", "doors: {authzen: true, opa: true}", "clients: {anonymous: loopback}"), now.now)
	token := sign(t, map[string]any{"exp": began.Add(100 * time.Hour).Unix()})
	o := trial{s: s, method: "GET", path: "/reports/7", question: `{"permission":"org:reports:read"}`, headers: []string{"Authorization", "Bearer " + token}}
	rows := failmode.Rows()
	row := rows[slices.IndexFunc(rows, func(r failmode.Row) bool { return r.Reason == "not_ready" && r.Answers.Check.HTTP != 0 })]
	doors := map[string]struct {
		ask  func(*testing.T) (reply, error)
		deny failmode.Answer
	}{
		"check":          {o.check, row.Answers.Check},
		"ext_authz gRPC": {o.envoyGRPC, row.Answers.EnvoyGRPC},
		"ext_authz HTTP": {o.envoyHTTP, row.Answers.EnvoyHTTP},
		"forward-auth":   {o.forwardAuth, row.Answers.ForwardAuth},
		"auth-request":   {o.authRequest, row.Answers.AuthRequest},
	}
	const entity = `{"type": "user", "id": "user_1"}`
	bodies := map[string]string{
		"search/subject":  `{"subject": {"type": "user"}, "action": {"name": "read"}, "resource": {"type": "doc", "id": "1"}}`,
		"search/resource": `{"subject": ` + entity + `, "action": {"name": "read"}, "resource": {"type": "doc"}}`,
		"search/action":   `{"subject": ` + entity + `, "resource": {"type": "doc", "id": "1"}}`,
		"evaluation":      `{"subject": ` + entity + `, "action": {"name": "read"}, "resource": {"type": "doc", "id": "1"}}`,
		"evaluations":     `{"subject": ` + entity + `, "action": {"name": "read"}, "evaluations": [{"resource": {"type": "doc", "id": "1"}}]}`,
	}
	all := func(denied bool) {
		t.Helper()
		for name, door := range doors {
			for range 3 { // the second and third come of what is remembered
				got, err := door.ask(t)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if want := door.deny; denied && (got.status != want.HTTP || got.decision != want.Decision || got.codes != "" && got.codes != "not_ready") {
					t.Errorf("%s: %+v, want %+v", name, got, want)
				}
				if !denied && (got.status != 200 || got.decision%200 != 0) {
					t.Errorf("%s: %+v, want an allow", name, got)
				}
			}
		}
		for endpoint, body := range bodies {
			want := map[bool]int{true: 503, false: 200}[denied]
			a := s.access(endpoint, body)
			if a.Code != want || denied && strings.Contains(a.Body, "user_1") || !denied && !strings.Contains(a.Body, `"id"`) && !strings.Contains(a.Body, "read") && !strings.Contains(a.Body, "true") {
				t.Errorf("%s: %d %s, want %d", endpoint, a.Code, a.Body, want)
			}
		}
	}
	all(false)
	for n := range 2 {
		at.down.Store(true)
		eventually(t, "the server is out of order", func() bool { return s.origins()[0].Server.Error != "" })
		now.set(began.Add(time.Duration(3*n+3) * time.Hour))
		eventually(t, "deny acts", func() bool { return s.do("GET", "admin:/readyz", "").Code == 503 })
		all(true)
		s.server.Reload(t.Context())
		all(true)
		at.down.Store(false)
		eventually(t, fmt.Sprintf("deny ends, %d", n), func() bool { return s.do("GET", "admin:/readyz", "").Code == 200 })
		all(false)
	}
}
