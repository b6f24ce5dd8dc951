package server_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// shadowed are lines for a shadow that every decision is put to, with the file of their log.
func shadowed(t testing.TB, shadow string) (lines []string, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "decisions.jsonl")
	return []string{"shadow: {bundles: [{path: " + shadow + "}], sample: 1, deadline: 10s}", "decision_log: {to: " + log + ", input: true}"}, log
}

// denying writes a bundle that denies by a rule.
func denying(t testing.TB, dir, rule string) {
	t.Helper()
	write(t, dir, ".next", "package postern.extend\n\ndeny contains \"shadow\" if "+rule+"\n")
	if err := os.Rename(filepath.Join(dir, ".next"), filepath.Join(dir, "rules.rego")); err != nil {
		t.Fatal(err)
	}
}

// compared waits until the shadow has come to n results of a kind.
func (s *sidecar) compared(result string, n float64) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("%v times %s", n, result), func() bool {
		return number(s.families(), "postern_shadow_decisions_total", "result", result) == n
	})
}

// loadedShadow waits until the shadow decides.
func (s *sidecar) loadedShadow() {
	s.t.Helper()
	eventually(s.t, "the shadow is loaded", func() bool { return len(s.families()["postern_shadow_bundle_info"].GetMetric()) == 1 })
}

func TestShadow(t *testing.T) {
	dir := t.TempDir()
	denying(t, dir, `input.check.any[0].permission == "org:reports:read"`)
	more, log := shadowed(t, dir)
	s := start(t, standard(t, plain(t), more...))
	s.loadedShadow()
	good := sign(t, nil)
	if a := s.ask(good, `{"role":"org:admin"}`); !a.Allow {
		t.Fatalf("live: %s", a.Body)
	}
	s.compared("same", 1)
	differs := s.ask(good, `{"permission":"org:reports:read"}`)
	if !differs.Allow {
		t.Fatalf("the shadow decided: %s", differs.Body)
	}
	s.compared("allow_to_deny", 1)
	var status struct {
		Shadow struct {
			Sources []string
			Bundle  struct{ Digest string }
		}
	}
	if err := json.Unmarshal([]byte(s.do("GET", "admin:/v1/status", "").Body), &status); err != nil || len(status.Shadow.Sources) != 1 || status.Shadow.Bundle.Digest == "" {
		t.Errorf("status: %+v, %v", status, err)
	}

	// The divergence is in the log beside the decision, under its id.
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	id, live, divergent := differs.Header.Get("X-Decision-Id"), 0, 0
	for line := range strings.Lines(string(text)) {
		var r struct {
			ID     string `json:"decision_id"`
			Door   string
			Allow  bool
			User   string
			Shadow *struct {
				Allow   bool
				Reasons []struct{ Code string }
				Digest  string
			}
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Shadow == nil:
			live++
		case r.ID == id && r.Allow && r.Door == "check" && r.User != "" && !r.Shadow.Allow && r.Shadow.Reasons[0].Code == "policy_denied" && r.Shadow.Digest == status.Shadow.Bundle.Digest:
			divergent++
		default:
			t.Errorf("a record of a shadow that should not be there: %s", line)
		}
	}
	if live != 2 || divergent != 1 {
		t.Errorf("%d records and %d of the shadow, want 2 and 1:\n%s", live, divergent, text)
	}
}

// TestShadow_bad: a shadow that cannot be loaded changes nothing, not even readiness, and one
// that has become good is taken up.
func TestShadow_bad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "rules.rego", "package broken\n\nx := \n")
	more, _ := shadowed(t, dir)
	s := start(t, standard(t, plain(t), more...))
	eventually(t, "the shadow is refused", func() bool {
		return number(s.families(), "postern_shadow_bundle_reloads_total", "result", "error") == 1
	})
	good := sign(t, nil)
	if a := s.do("GET", "admin:/readyz", ""); a.Code != 200 {
		t.Errorf("readiness: %d %s", a.Code, a.Body)
	}
	if a := s.ask(good, `{"role":"org:admin"}`); !a.Allow {
		t.Errorf("live: %s", a.Body)
	}
	eventually(t, "the status says what is wrong", func() bool {
		return strings.Contains(s.do("GET", "admin:/v1/status", "").Body, "rules.rego:")
	})
	families := s.families()
	if number(families, "postern_shadow_dropped_total") != 1 || number(families, "postern_bundle_reloads_total", "result", "error") != 0 {
		t.Errorf("metrics: %v", families)
	}
	denying(t, dir, "true")
	s.loadedShadow()
	s.ask(good, `{"role":"org:admin"}`)
	s.compared("allow_to_deny", 1)
}

// TestShadow_runaway: a shadow that never ends, and one that fails, cost no live answer.
func TestShadow_runaway(t *testing.T) {
	c := standard(t, plain(t), "shadow: {bundles: [{path: "+runaway(t)+"}], sample: 1, deadline: 20ms}")
	s := start(t, c)
	s.loadedShadow()
	good := sign(t, nil)
	for range 50 {
		if a := s.ask(good, slow); !a.Allow {
			t.Fatalf("live: %s", a.Body)
		}
		if a := s.ask(good, `{"role":"org:owner"}`); a.Allow || a.codes() != "role_required" {
			t.Fatalf("live: %s", a.Body)
		}
	}
	eventually(t, "the shadow has failed", func() bool {
		return number(s.families(), "postern_shadow_decisions_total", "result", "error") > 0
	})
	if n := number(s.families(), "postern_shadow_abandoned_evaluations"); n > 8 {
		t.Errorf("%v evaluations of the shadow run on, want at most 8", n)
	}
	families := s.families()
	if number(families, "postern_abandoned_evaluations") != 0 || s.do("GET", "admin:/readyz", "").Code != 200 {
		t.Error("the shadow's evaluations count as those of the policy that decides")
	}
}

// TestShadow_copies: what the shadow reads of a request is that request's, though its memory
// serves the next ones meanwhile. The bundles are the same, so that nothing differs.
func TestShadow_copies(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", "routes: [{match: \"/open/{id}\", public: true}]\n")
	write(t, dir, "rules.rego", "package postern.extend\n\ndeny contains input.request.path if endswith(input.request.path, input.request.headers[\"x-tail\"])\n")
	more, _ := shadowed(t, dir)
	s := start(t, standard(t, dir, more...))
	s.loadedShadow()
	var askers sync.WaitGroup
	const each = 60
	for asker := range 4 {
		askers.Go(func() {
			for n := range each {
				path := fmt.Sprintf("/open/%d-%d-%s", asker, n, strings.Repeat("x", n))
				a, err := s.try("GET", "/forward-auth", "", "X-Forwarded-Method", "GET", "X-Forwarded-Uri", path, "X-Forwarded-Host", "a.example", "X-Forwarded-Proto", "https", "X-Tail", []string{"x", "y"}[n%2])
				if err != nil || a.Code != 200 && a.Code != 403 {
					t.Errorf("%s: %d, %v", path, a.Code, err)
				}
			}
		})
	}
	askers.Wait()
	eventually(t, "all were compared, or dropped", func() bool {
		families := s.families()
		return number(families, "postern_shadow_decisions_total", "result", "same")+number(families, "postern_shadow_dropped_total") == 4*each
	})
	for _, result := range []string{"allow_to_deny", "deny_to_allow", "reasons", "error"} {
		s.compared(result, 0)
	}
}

// TestShadow_hammer: both bundles are replaced under traffic. Every live answer is one of the
// policy that decides, and the drain ends it all.
func TestShadow_hammer(t *testing.T) {
	live, other := t.TempDir(), t.TempDir()
	revision(t, live, 0)
	denying(t, other, "false")
	more, _ := shadowed(t, other)
	s := start(t, standard(t, live, more...))
	good := sign(t, nil)
	s.says(good, "revision 0")
	s.loadedShadow()
	done := make(chan struct{})
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				a, err := s.try("POST", "/v1/checks", `{"checks":[{"role":"org:admin"},{"permission":"org:reports:read"}]}`, "Authorization", "Bearer "+good)
				if err != nil || len(a.Results) != 2 {
					t.Errorf("answer %d %s, %v", a.Code, a.Body, err)
					return
				}
				for _, d := range a.Results {
					if d.Allow || len(d.Reasons) != 1 || !strings.HasPrefix(d.Reasons[0].Message, "revision ") {
						t.Errorf("an answer of the shadow: %s", a.Body)
					}
				}
				time.Sleep(time.Millisecond) // the swaps need a processor, too
			}
		})
	}
	swaps := 30
	if raced {
		swaps = 8
	}
	for n := 1; n <= swaps; n++ {
		revision(t, live, n)
		denying(t, other, fmt.Sprintf("input.never == %d", n))
		s.says(good, fmt.Sprintf("revision %d", n))
	}
	close(done)
	askers.Wait()
	eventually(t, "the shadow has compared", func() bool {
		return number(s.families(), "postern_shadow_decisions_total", "result", "deny_to_allow") > 0
	})
}
