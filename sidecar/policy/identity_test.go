package policy_test

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"postern/sidecar/decision"
	"postern/sidecar/policy"
)

// identified is who an upstream is told the session of claims is, nobody for none.
func identified(t testing.TB, p *policy.Policy, claims string) decision.Identity {
	t.Helper()
	in := policy.Input{Now: now, Credential: decision.TokenExpired}
	if claims != "" {
		in = policy.Input{Now: now, Subject: subject(t, claims)}
	}
	for range 2 { // the second is remembered
		identity, d, err := p.Identity(t.Context(), in)
		if err != nil || !d.Allow {
			t.Fatalf("Identity of %s = %+v, %v", claims, d, err)
		}
		if in.Subject == nil {
			return identity.Identity
		}
		again, _, err := p.Identity(t.Context(), in)
		if err != nil || !reflect.DeepEqual(identity.Identity, again.Identity) {
			t.Fatalf("Identity of %s = %+v, then %+v, %v", claims, identity, again, err)
		}
	}
	identity, _, _ := p.Identity(t.Context(), in)
	return identity.Identity
}

func TestIdentity(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", company))
	f := func(who, want string) {
		t.Helper()
		i := identified(t, p, people[who])
		got := strings.Join([]string{i.User, i.Session, i.Org, i.Role, strings.Join(i.Permissions, ",")}, " ")
		if got != want {
			t.Errorf("Identity of %s = %q, want %q", who, got, want)
		}
	}
	f("nobody", "    ")
	f("revoked", "    ")
	f("personal", "user_p s   ")
	f("member", "user_m s org_acme org:member org:invoices:create,org:invoices:read")
	// A permission whose feature the plan lacks is not told, and what the role brings is.
	f("admin", "user_a s org_acme org:admin org:invoices:read,org:sys_memberships:manage,org:sys_memberships:read,org:sys_profile:delete")
	// A role outside the organization's role set, and any in a suspended one, is none.
	f("auditor", "user_u s org_acme  ")
	f("gone", "user_g s org_gone  ")
}

// TestIdentity_reload: what is remembered is one policy's word, not another's, and does not
// keep an old policy.
func TestIdentity_reload(t *testing.T) {
	before := compiled(t, load(t, "model/data.yaml", company))
	after := compiled(t, load(t, "model/data.yaml", strings.Replace(company, "features: [invoices]", "features: [invoices, reports]", 1)))
	in := policy.Input{Now: now, Subject: subject(t, people["admin"])}
	has := func(p *policy.Policy) bool {
		t.Helper()
		identity, d, err := p.Identity(t.Context(), in)
		if err != nil || !d.Allow {
			t.Fatalf("Identity = %+v, %v", d, err)
		}
		return strings.Contains(fmt.Sprint(identity.Permissions), "org:reports:export")
	}
	for range 3 {
		if has(before) || !has(after) {
			t.Error("a policy answers with what is remembered of another")
		}
	}
	has(before)
	old := weak.Make(before)
	before = nil
	runtime.GC()
	if old.Value() != nil {
		t.Error("the subject keeps the policy")
	}
	runtime.KeepAlive(in.Subject)
}

// TestIdentity_revoked: what is remembered of a session does not outlive its revocation.
func TestIdentity_revoked(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", "revoked: {users: {user_1: {until: 1767225600}}}"))
	in := policy.Input{Now: now, Subject: subject(t, admin)}
	if i, _, err := p.Identity(t.Context(), in); err != nil || i.User != "user_1" {
		t.Fatalf("Identity = %+v, %v", i, err)
	}
	in.Now = now.Add(-1)
	if i, d, err := p.Identity(t.Context(), in); err != nil || !d.Allow || !reflect.DeepEqual(i.Identity, decision.Identity{}) {
		t.Errorf("Identity of a revoked session = %+v, %v", i, err)
	}
}

// TestIdentity_concurrent: one subject is asked about under two policies at once.
func TestIdentity_concurrent(t *testing.T) {
	in := policy.Input{Now: now, Subject: subject(t, people["member"])}
	with := compiled(t, load(t, "model/data.yaml", company))
	without := compiled(t, load(t, "model/data.yaml", `plans: {free: {features: []}}`+"\n"+`settings: {default_plan: free}`))
	var all sync.WaitGroup
	for i := range 8 {
		p, want := with, 2
		if i%2 == 1 {
			p, want = without, 0
		}
		all.Go(func() {
			for range 200 {
				identity, d, err := p.Identity(t.Context(), in)
				if err != nil || !d.Allow || len(identity.Permissions) != want {
					t.Errorf("Identity = %+v, %+v, %v; want %d permissions", identity, d, err, want)
					return
				}
			}
		})
	}
	all.Wait()
}

// TestIdentity_remembered: the second time costs no evaluation.
func TestIdentity_remembered(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", company))
	in := policy.Input{Now: now, Subject: subject(t, people["admin"])}
	allocs := testing.AllocsPerRun(100, func() {
		if _, d, _ := p.Identity(t.Context(), in); !d.Allow {
			t.Error("denied")
		}
	})
	if allocs > 5 {
		t.Errorf("a remembered identity takes %v allocations", allocs)
	}
}
