package policy_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"postern/sidecar/policy"
	"postern/sidecar/session"
)

// populous is a model of n organizations, as JSON, some of which have verified a domain.
func populous(t testing.TB, n int) string {
	t.Helper()
	plans := []string{"free", "pro"}
	organizations := map[string]any{}
	for i := range n {
		o := map[string]any{"name": fmt.Sprintf("Organization %d", i), "plan": plans[i%2]}
		if i%10 == 3 {
			o["domains"] = map[string]any{fmt.Sprintf("d%d.example", i): "automatic_invitation"}
		}
		organizations[organizationID(i)] = o
	}
	text, err := json.Marshal(map[string]any{
		"roles":         map[string]any{"org:admin": map[string]any{"permissions": []string{"org:reports:read", "org:sys_memberships:manage", "org:sys_memberships:read", "org:sys_profile:delete"}}},
		"role_sets":     map[string]any{"starter": map[string]any{"roles": []string{"org:admin"}, "default_role": "org:admin", "creator_role": "org:admin"}},
		"plans":         map[string]any{"free": map[string]any{"features": []string{}, "role_set": "starter"}, "pro": map[string]any{"features": []string{"reports"}, "role_set": "starter"}},
		"organizations": organizations,
		"settings":      map[string]any{"permission_source": "both"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func organizationID(i int) string { return fmt.Sprintf("org_%06d", i) }

// adminOf is an admin of one of them.
func adminOf(t testing.TB, i int) *policy.Subject {
	t.Helper()
	s, err := policy.NewSubject(&session.Session{
		UserID: "user_1", SessionID: fmt.Sprint("sess_", i), Issuer: "https://clerk.example.com", Status: "active",
		Org: &session.Org{ID: organizationID(i), Role: "org:admin"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestNew_size: while a bundle is replaced there are two generations of it. Both together
// take at most five times the model's JSON each, with all that they compiled.
func TestNew_size(t *testing.T) {
	model := populous(t, 20_000)
	compiled(t, load(t, empty...)) // what is made once for all policies
	before := live()
	generations := []*policy.Policy{compiled(t, load(t, "model/data.json", model)), compiled(t, load(t, "model/data.json", model))}
	q := ask(t, `{"permission": "org:reports:read"}`)
	for _, p := range generations {
		for i := range 100 {
			answer, err := p.Check(t.Context(), policy.Input{Subject: adminOf(t, i), Now: now}, &q)
			if err != nil || answer.Allow != (i%2 == 1) {
				t.Fatalf("organization %d: %+v, %v", i, answer, err)
			}
		}
	}
	took := live() - before
	if most := int64(len(generations) * 5 * len(model)); took > most {
		t.Errorf("two generations take %d bytes, want at most %d for a model of %d", took, most, len(model))
	}
	runtime.KeepAlive(generations)
}

// live is the heap that is in use once it was collected. The second collection frees what
// the first one's finalizers held.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkCheck_organizations asks for sessions of many organizations: what is evaluated
// and what is remembered should cost the same in a large model as in a small one.
func BenchmarkCheck_organizations(b *testing.B) {
	q := ask(b, `{"permission": "org:reports:read"}`)
	for _, n := range []int{10, 100_000} {
		bundle := load(b, "model/data.json", populous(b, n))
		subjects := make([]*policy.Subject, 1000)
		for i := range subjects {
			subjects[i] = adminOf(b, i*7919%n)
		}
		for _, room := range []int{0, 16 << 20} {
			b.Run(fmt.Sprintf("%d/memo=%t", n, room > 0), func(b *testing.B) {
				p, err := policy.New(b.Context(), bundle, bound(), policy.Options{Memo: memo(b, room)})
				if err != nil {
					b.Fatal(err)
				}
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					i++
					if _, err := p.Check(b.Context(), policy.Input{Subject: subjects[i%len(subjects)], Now: now}, &q); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
