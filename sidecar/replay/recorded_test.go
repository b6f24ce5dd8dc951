package replay_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/sidecar/bundle"
	"postern/sidecar/config"
	"postern/sidecar/policy"
	"postern/sidecar/replay"
	"postern/sidecar/server"
	"postern/testdata/harness"
)

var update = flag.Bool("update", false, "record the logs anew")

// record drives a server with a decision log that has inputs, and returns the log.
func (r *recording) record(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "decisions.jsonl")
	c := harness.Load(t, harness.Write(t, dir, "postern.yaml", `
http: {listen: "127.0.0.1:0"}
admin: {listen: "127.0.0.1:0"}
bundles: [{path: ../../bundles/`+r.bundle+`}]
issuers: [{issuer: "`+harness.Issuer+`", jwks: `+harness.JWKS(t, t.TempDir(), harness.Key())+`, authorized_parties: any, claims: `+r.claims+`}]
doors: {ext_authz: false, authzen: true, opa: true}
clients: {anonymous: loopback}
policy: {deadline: 10s}
decision_log: {to: `+log+`, input: true}
`))
	serving := make(chan string, 1)
	s, err := server.New(server.Options{Config: c, Serving: func(at map[string]string) { serving <- at["http"] }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var address string
	select {
	case address = <-serving:
	case err := <-ended:
		t.Fatal(err)
	}
	r.ask(t, "http://"+address)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (r *recording) ask(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	send := func(method, path, body string, headers ...string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	for _, claims := range append(r.sessions(t), nil) {
		var bearer []string
		if claims != nil {
			token := harness.Sign(t, claims)
			bearer = []string{"Authorization", "Bearer " + token, "Cookie", "theme=dark"}
			for range r.evaluations {
				send("POST", "/access/v1/evaluations", `{"subject":{"type":"session","id":"`+token+`"},"resource":{"type":"report","id":"1"},"evaluations":[{"action":{"name":"org:reports:export"}},{"action":{}}]}`, "Content-Type", "application/json")
			}
		}
		for _, body := range r.checks {
			send("POST", "/v1/checks", body, bearer...)
		}
		for _, target := range r.targets {
			method, uri, _ := strings.Cut(target, " ")
			send("GET", "/forward-auth", "", append([]string{"X-Forwarded-Method", method, "X-Forwarded-Uri", uri, "X-Forwarded-Host", "app.example.com", "X-Forwarded-Proto", "https"}, bearer...)...)
		}
	}
	for _, body := range r.evaluations {
		send("POST", "/access/v1/evaluation", body, "Content-Type", "application/json")
	}
	for _, line := range r.data {
		path, body, _ := strings.Cut(line, " ")
		send("POST", "/v1/data/"+path, body, "Content-Type", "application/json")
	}
	send("GET", "/v1/session", "")
}

// loaded is a bundle for replays.
func loaded(t testing.TB, path string) replay.Bundle {
	t.Helper()
	b, err := bundle.Load(t.Context(), bundle.DefaultLimits(), path)
	if err != nil {
		t.Fatal(err)
	}
	memo, err := policy.NewMemo(16 << 20)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.New(t.Context(), b, &policy.Bound{Deadline: time.Minute, Abandoned: 8}, policy.Options{Memo: memo})
	if err != nil {
		t.Fatal(err)
	}
	return replay.Bundle{Policy: p, Version: replay.Version{Revision: b.Revision, Digest: b.Digest}}
}

func run(t testing.TB, text string, o replay.Options) *replay.Report {
	t.Helper()
	o.Answers, o.Examples = server.ProxyAnswers(config.Default()), 3
	report, err := replay.Run(t.Context(), []replay.Log{{Name: "log", Reader: strings.NewReader(text)}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestRecorded: what a server decides is what its log comes to again, and so is what one
// decided when the logs of testdata were recorded.
func TestRecorded(t *testing.T) {
	for _, r := range recordings {
		t.Run(r.bundle, func(t *testing.T) {
			golden := filepath.Join("testdata", r.bundle+".jsonl")
			fresh := r.record(t)
			if strings.Contains(fresh, "eyJ") || strings.Contains(fresh, "theme=dark") {
				t.Error("a token or a cookie is in the log")
			}
			if *update {
				if err := os.WriteFile(golden, []byte(fresh), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			recorded, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			b := loaded(t, "../../bundles/"+r.bundle)
			for _, text := range []string{fresh, string(recorded)} {
				got := run(t, text, replay.Options{New: b})
				if n := strings.Count(text, "\n"); got.Read != n || got.Same != got.Replayed || got.Replayed < n/2 || !accounted(got, n) {
					t.Errorf("%d lines: %s", n, table(t, got))
				}
			}
			if a, b := strings.Count(fresh, "\n"), strings.Count(string(recorded), "\n"); a != b {
				t.Errorf("%d records, and %d are recorded; -update records anew", a, b)
			}
		})
	}
}

// accounted reports whether all that was not decided again is no decision, or no question.
func accounted(r *replay.Report, n int) bool {
	for _, s := range r.Skipped {
		if s.Cause == replay.OtherDoor && s.Count == 1 || s.Cause == replay.Unasked {
			n -= s.Count
		}
	}
	return r.Replayed == n
}

func table(t testing.TB, r *replay.Report) string {
	t.Helper()
	var text strings.Builder
	if err := r.WriteTable(&text); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// mutated is a copy of a bundle with changes of its model, old and new in turn.
func mutated(t *testing.T, name string, changes ...string) replay.Bundle {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../bundles/"+name)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model", "data.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(string(text), changes[i]) != 1 {
			t.Fatalf("%q is not there once", changes[i])
		}
		text = []byte(strings.Replace(string(text), changes[i], changes[i+1], 1))
	}
	if err := os.WriteFile(path, text, fs.FileMode(0o644)); err != nil {
		t.Fatal(err)
	}
	return loaded(t, dir)
}

// TestRecorded_mutated: a change of a bundle changes these decisions, and no others.
func TestRecorded_mutated(t *testing.T) {
	f := func(name string, allowed, denied, reasons []string, changes ...string) {
		t.Helper()
		recorded, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		next := mutated(t, name, changes...)
		before := loaded(t, "../../bundles/"+name)
		for _, old := range []*replay.Bundle{nil, &before} { // nothing else has changed since, so that both are the same
			got := run(t, string(recorded), replay.Options{New: next, Old: old})
			for _, side := range []struct {
				name string
				got  *replay.Changes
				want []string
			}{{"newly allowed", got.Allowed, allowed}, {"newly denied", got.Denied, denied}, {"other reasons", got.Reasons, reasons}} {
				var groups []string
				n := 0
				for _, g := range side.got.Groups {
					groups = append(groups, fmt.Sprintf("%s: %s -> %s: %d", g.What, g.Before, g.After, g.Count))
					n += g.Count
				}
				if !slices.Equal(groups, side.want) || n != side.got.Count {
					t.Errorf("%s, %s:\n%s\nwant\n%s", name, side.name, strings.Join(groups, "\n"), strings.Join(side.want, "\n"))
				}
			}
			if got.Same+got.Allowed.Count+got.Denied.Count+got.Reasons.Count != got.Replayed {
				t.Errorf("%s: the numbers do not add up: %s", name, table(t, got))
			}
		}
	}
	f("demo", nil, nil, nil)
	f("demo", []string{
		"org:reports:export on report: permission_gated_by_feature -> allow: 3",
		"permission org:reports:export: permission_gated_by_feature -> allow: 3",
		"route /reports/: permission_gated_by_feature -> allow: 3",
		`{"any":[{"role":"org:admin"},{"feature":"reports","plan":"pro"}]}: feature_required, plan_required, role_required -> allow: 1`,
	}, nil, nil, "org_acme: {name: Acme, plan: free}", "org_acme: {name: Acme, plan: pro}")
	f("demo", nil, []string{
		"route /health: allow -> token_expired: 1",
		"route /health: allow -> token_missing: 1",
	}, nil, `{match: "/health", public: true}`, `{match: "/health", signed_in: true}`)
	f("portal", []string{
		"permission projects:delete: permission_not_granted -> allow: 6",
		"route DELETE /o/{org}/projects/: permission_not_granted -> allow: 3",
	}, []string{
		"permission reports:export: allow -> permission_not_granted: 8",
		"route GET /o/{org}/reports/: allow -> permission_not_granted: 5",
	}, []string{
		"route DELETE /o/{org}/projects/: organization_required, permission_not_granted -> organization_required: 3",
		"route GET /o/{org}/reports/: organization_required -> organization_required, permission_not_granted: 3",
	}, `permissions: [projects:write, reports:export, "org:sys_memberships:read"]`, `permissions: [projects:write, projects:delete, "org:sys_memberships:read"]`)
}
