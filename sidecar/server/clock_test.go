package server_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// A clock is set by hand.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) set(t time.Time) { c.at.Store(&t) }

func (c *clock) now() time.Time { return *c.at.Load() }

// TestClock_expiry: a token that is remembered expires at exp plus the skew, to the
// nanosecond, and is good from nbf minus the skew.
func TestClock_expiry(t *testing.T) {
	epoch := time.Unix(1_767_225_600, 0)
	var c clock
	c.set(epoch)
	s := startAt(t, standard(t, plain(t)), c.now)
	token := sign(t, map[string]any{"iat": epoch.Unix(), "nbf": epoch.Unix(), "exp": epoch.Unix() + 60})
	f := func(at time.Duration, want string) {
		t.Helper()
		c.set(epoch.Add(at))
		if a := s.ask(token, question); a.Code != 200 || a.codes() != want || a.Allow != (want == "") {
			t.Errorf("at %v: %s, want %q", at, a.Body, want)
		}
	}
	f(-5*time.Second-time.Nanosecond, "token_not_yet_valid")
	f(-5*time.Second, "")
	f(0, "")
	f(60*time.Second, "")
	f(65*time.Second-time.Nanosecond, "")
	f(65*time.Second, "token_expired")
	f(time.Hour, "token_expired")
	f(65*time.Second-time.Nanosecond, "")
	f(-5*time.Second-time.Nanosecond, "token_not_yet_valid")
	m := s.families()
	if hits, misses := number(m, "postern_token_cache_hits_total"), number(m, "postern_token_cache_misses_total"); hits != 7 || misses != 2 {
		t.Errorf("%v hits and %v misses, want 7 and 2: all but the first two answers are the cache's", hits, misses)
	}
}

// TestClock_revocation: a revocation ends at its second, and one that asks for the time
// of issue looks at the second of iat.
func TestClock_revocation(t *testing.T) {
	epoch := time.Unix(1_767_225_600, 0)
	var c clock
	c.set(epoch)
	dir := t.TempDir()
	write(t, dir, "model/data.yaml", fmt.Sprintf(`revoked:
  users: {user_until: {until: %d}, user_before: {issued_before: %[1]d}, user_for_good: {}}
  sessions: {sess_until: {until: %[1]d}}
  organizations: {org_until: {until: %[1]d}}
`, epoch.Unix()))
	s := startAt(t, standard(t, dir), c.now)
	f := func(name string, at time.Duration, want string, changes map[string]any) {
		t.Helper()
		c.set(epoch.Add(at))
		all := map[string]any{"iat": epoch.Unix() - 10, "nbf": epoch.Unix() - 10, "exp": epoch.Unix() + 60}
		for k, v := range changes {
			all[k] = v
		}
		token := sign(t, all)
		for _, when := range []string{"", ", remembered"} {
			if a := s.ask(token, question); a.codes() != want || a.Allow != (want == "") {
				t.Errorf("%s%s at %v: %s, want %q", name, when, at, a.Body, want)
			}
		}
	}
	org := map[string]any{"id": "org_until", "rol": "admin"}
	for name, changes := range map[string]map[string]any{"user": {"sub": "user_until"}, "session": {"sid": "sess_until"}, "organization": {"o": org}} {
		f(name, -time.Nanosecond, "session_revoked", changes)
		f(name, 0, "", changes)
		f(name, time.Nanosecond, "", changes)
	}
	f("issued before", 0, "session_revoked", map[string]any{"sub": "user_before", "iat": epoch.Unix() - 1})
	f("issued then", 0, "", map[string]any{"sub": "user_before", "iat": epoch.Unix()})
	f("for good", 0, "session_revoked", map[string]any{"sub": "user_for_good"})
	f("nobody", 0, "", nil)
	if a := s.do("GET", "/v1/session", "", "Authorization", "Bearer "+sign(t, map[string]any{"sub": "user_for_good", "iat": epoch.Unix(), "nbf": epoch.Unix(), "exp": epoch.Unix() + 60})); a.Code != 401 || a.codes() != "session_revoked" {
		t.Errorf("session: %d %s", a.Code, a.Body)
	}
}
