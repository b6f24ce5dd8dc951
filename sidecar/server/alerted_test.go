package server_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestMetrics_alerted: what alerts count is there before it happens, since the first value of
// a series is no increase to Prometheus. Doors that are closed show nothing.
func TestMetrics_alerted(t *testing.T) {
	s := start(t, standard(t, plain(t)))
	for _, door := range []string{"check", "checks", "session", "forward_auth", "auth_request", "ext_authz_http", "ext_authz_grpc"} {
		for _, outcome := range []string{"allow", "deny"} {
			if got := s.metric(fmt.Sprintf("postern_decisions_total{door=%q,outcome=%q}", door, outcome)); got != "0" {
				t.Errorf("%s, %s: %q, want 0", door, outcome, got)
			}
		}
		for _, reason := range []string{"not_ready", "overloaded", "policy_error", "policy_timeout"} {
			if got := s.metric(fmt.Sprintf("postern_denial_reasons_total{door=%q,reason=%q}", door, reason)); got != "0" {
				t.Errorf("%s, %s: %q, want 0", door, reason, got)
			}
		}
	}
	if got := s.metric(fmt.Sprintf("postern_key_reloads_total{issuer=%q,result=\"error\"}", issuer)); got != "0" {
		t.Errorf("failed loads of keys: %q, want 0", got)
	}
	if got := s.metric("postern_decision_log_failing"); got != "0" {
		t.Errorf("the log fails: %q, want 0", got)
	}
	if all := s.do("GET", "admin:/metrics", "").Body; strings.Contains(all, `door="evaluation"`) || strings.Contains(all, `door="data"`) {
		t.Error("a closed door is in the metrics")
	}
}
