package session

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"postern/sidecar/decision"
	"postern/sidecar/token"
)

// read decodes payload in the manner of d, as claims of one subject.
func read(t testing.TB, d Decoder, payload string) (*Session, error) {
	t.Helper()
	var head struct {
		Sub any    `json:"sub"`
		Iss string `json:"iss"`
		Iat int64  `json:"iat"`
	}
	if err := json.Unmarshal([]byte(payload), &head); err != nil {
		t.Fatalf("payload %s: %v", payload, err)
	}
	c := &token.Claims{Issuer: head.Iss, IssuedAt: head.Iat, Payload: jsontext.Value(payload)}
	c.Subject, _ = head.Sub.(string)
	s, err := FromClaims(c, d)
	if err == nil {
		if !bytes.Equal(s.Claims, c.Payload) || s.Issuer != c.Issuer || s.IssuedAt != c.IssuedAt {
			t.Fatalf("session of %s: claims %s, issuer %q, issued at %d", payload, s.Claims, s.Issuer, s.IssuedAt)
		}
		return s, nil
	}
	if s != nil {
		t.Fatalf("session of %s: %+v beside the error %v", payload, s, err)
	}
	if refusal, ok := errors.AsType[*token.Error](err); !ok || refusal.Code != decision.TokenClaims {
		t.Fatalf("session of %s: error %#v, want one with token_claims", payload, err)
	}
	return nil, err
}

// mustRead is read for claims that are good.
func mustRead(t testing.TB, d Decoder, payload string) *Session {
	t.Helper()
	s, err := read(t, d, payload)
	if err != nil {
		t.Fatalf("session of %s: %v", payload, err)
	}
	return s
}

// lines calls f with each line of a vector file.
func lines(t *testing.T, name string, f func(t *testing.T, line []byte)) {
	file, err := os.Open("../../testdata/clerk/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	n := 0
	for scanner := bufio.NewScanner(file); scanner.Scan(); n++ {
		line := slices.Clone(scanner.Bytes())
		var id struct{ ID, Tag string }
		if err := json.Unmarshal(line, &id); err != nil {
			t.Fatalf("%s:%d: %v", name, n+1, err)
		}
		t.Run(id.ID+"/"+id.Tag, func(t *testing.T) { f(t, line) })
	}
	if n < 90 {
		t.Fatalf("%s has %d lines", name, n)
	}
}

// TestFromClaims_clerkDecode compares with what Clerk's decoder made of the claims.
func TestFromClaims_clerkDecode(t *testing.T) {
	type properties struct {
		UserID, SessionID       *string
		SessionStatus           any
		OrgID, OrgRole, OrgSlug *string
		OrgPermissions          []string
		FactorVerificationAge   []float64
	}
	lines(t, "decode.jsonl", func(t *testing.T, line []byte) {
		var v struct{ Claims, Want json.RawMessage }
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		got, err := read(t, Clerk(), string(v.Claims))
		if string(v.Want) == `"throws"` {
			if err == nil {
				t.Fatalf("session %+v, want an error", got)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var want properties
		if err := json.Unmarshal(v.Want, &want); err != nil {
			t.Fatal(err)
		}
		value := func(s *string) string {
			if s == nil {
				return ""
			}
			return *s
		}
		if got.UserID != value(want.UserID) || got.SessionID != value(want.SessionID) {
			t.Errorf("user %q, session %q, want %s", got.UserID, got.SessionID, v.Want)
		}
		if status, _ := want.SessionStatus.(string); got.Status != status {
			t.Errorf("status %q, want %q", got.Status, status)
		}
		if got.FactorAge == nil || !slices.Equal(got.FactorAge[:], want.FactorVerificationAge) {
			t.Errorf("factor age %v, want %v", got.FactorAge, want.FactorVerificationAge)
		}
		if value(want.OrgID) == "" {
			if got.Org != nil {
				t.Errorf("organization %+v, want none", got.Org)
			}
			return
		}
		wantOrg := &Org{ID: value(want.OrgID), Role: value(want.OrgRole), Slug: value(want.OrgSlug)}
		wantOrg.Permissions = append(wantOrg.Permissions, want.OrgPermissions...)
		if !reflect.DeepEqual(got.Org, wantOrg) {
			t.Errorf("organization %+v, want %+v", got.Org, wantOrg)
		}
	})
}

// TestFromClaims_clerkHas answers Clerk's has() from the session alone: all that it
// reads of a token is there, and reads the same.
func TestFromClaims_clerkHas(t *testing.T) {
	lines(t, "has.jsonl", func(t *testing.T, line []byte) {
		var v struct {
			Tag           string
			Claims, Check json.RawMessage
			Opts          struct{ TreatPendingAsSignedOut *bool }
			Throws        string
			Want          bool
		}
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		s, err := read(t, Clerk(), string(v.Claims))
		if v.Throws == "decode" || v.Tag == "no-user" {
			if err == nil {
				t.Fatalf("session %+v, want an error", s)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		var check map[string]any
		if json.Unmarshal(v.Check, &check) != nil {
			return
		}
		signedOut := s.Status == "pending" && v.Opts.TreatPendingAsSignedOut == nil
		if got := has(s, check) && !signedOut; got != v.Want {
			t.Fatalf("has(%s) = %v, want %v; session %+v, organization %+v", v.Check, got, v.Want, s, s.Org)
		}
	})
}

// has is Clerk's check, as facts about it were written down, on a session.
func has(s *Session, check map[string]any) bool {
	asked, passed := 0, 0
	ask := func(key string, holds func(value any) bool) {
		if value, ok := check[key]; ok {
			asked++
			if holds(value) {
				passed++
			}
		}
	}
	normal := func(name string) string {
		for strings.HasPrefix(name, "org:") {
			name = name[len("org:"):]
		}
		return "org:" + name
	}
	ask("role", func(value any) bool {
		role, ok := value.(string)
		return ok && s.Org != nil && s.Org.Role != "" && normal(role) == normal(s.Org.Role)
	})
	ask("permission", func(value any) bool {
		permission, ok := value.(string)
		return ok && s.Org != nil && slices.Contains(s.Org.Permissions, normal(permission))
	})
	ask("feature", func(value any) bool { return inScope(s.Features, value) })
	ask("plan", func(value any) bool { return inScope(s.Plans, value) })
	ask("reverification", func(value any) bool { return fresh(s.FactorAge, value) })
	return asked > 0 && asked == passed
}

// inScope is has() on a feature or plan.
func inScope(have *Scoped, value any) bool {
	name, ok := value.(string)
	if !ok || have == nil {
		return false
	}
	segments := strings.Split(name, ":")
	if len(segments) == 1 {
		return slices.Contains(have.Org, name) || slices.Contains(have.User, name)
	}
	scope, id := segments[0], segments[1]
	if id == "" {
		id = scope
	}
	switch scope {
	case "o", "org", "organization":
		return slices.Contains(have.Org, id)
	case "u", "user":
		return slices.Contains(have.User, id)
	}
	return false
}

// fresh is has() on a reverification.
func fresh(age *[2]float64, value any) bool {
	level, minutes := "", 0.0
	switch v := value.(type) {
	case string:
		preset := map[string]struct {
			level   string
			minutes float64
		}{
			"strict_mfa": {"multi_factor", 10}, "strict": {"second_factor", 10},
			"moderate": {"second_factor", 60}, "lax": {"second_factor", 1440},
		}[v]
		level, minutes = preset.level, preset.minutes
	case map[string]any:
		level, _ = v["level"].(string)
		minutes, _ = v["afterMinutes"].(float64)
	}
	if age == nil || age[0] == -1 && age[1] == -1 || !(minutes > 0) || math.IsNaN(minutes) {
		return false
	}
	first := age[0] != -1 && minutes > age[0]
	second := age[1] != -1 && minutes > age[1]
	if age[1] == -1 {
		second = first
	}
	switch level {
	case "first_factor":
		return first
	case "second_factor":
		return second
	case "multi_factor":
		return first && second
	}
	return false
}
