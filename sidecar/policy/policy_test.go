package policy_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/policies"
	"postern/sidecar/bundle"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

var now = time.Unix(1_767_225_600, 0)

// load makes a bundle of file names and texts in turn.
func load(t testing.TB, files ...string) *bundle.Bundle {
	t.Helper()
	b, err := tryLoad(files...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tryLoad(files ...string) (*bundle.Bundle, error) {
	tree := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		tree[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return bundle.FromFS(tree)
}

func bound() *policy.Bound {
	return &policy.Bound{Deadline: time.Second, Abandoned: 4}
}

func compiled(t testing.TB, b *bundle.Bundle) *policy.Policy {
	t.Helper()
	p, err := policy.New(t.Context(), b, bound(), policy.Options{Memo: memo(t, 16<<20)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// empty is the smallest bundle: it says nothing about anything.
var empty = []string{"other/data.json", `{}`}

// subject reads a Clerk session from claims.
func subject(t testing.TB, claims string) *policy.Subject {
	t.Helper()
	var known struct {
		Subject  string `json:"sub"`
		IssuedAt int64  `json:"iat"`
	}
	if err := json.Unmarshal([]byte(claims), &known); err != nil {
		t.Fatal(err)
	}
	s, err := session.FromClaims(&token.Claims{
		Issuer:   "https://clerk.example.com",
		Subject:  known.Subject,
		IssuedAt: known.IssuedAt,
		Payload:  []byte(claims),
	}, session.Clerk())
	if err != nil {
		t.Fatal(err)
	}
	sub, err := policy.NewSubject(s)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func ask(t testing.TB, body string) request.Question {
	t.Helper()
	q, err := request.ParseCheck([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

const admin = `{"sub":"user_1","sid":"sess_1","iat":1767225000,"v":2,"o":{"id":"org_acme","rol":"admin","per":"read,export","fpm":"3"},"fea":"o:reports","fva":[3,-1]}`

// TestCheck_has runs Clerk's has() cases against the library without a model. The
// server's test runs them once more with signed tokens.
func TestCheck_has(t *testing.T) {
	p := compiled(t, load(t, empty...))
	file, err := os.Open("../../testdata/clerk/has.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	equal, unknown := 0, 0
	for lines.Scan() {
		var c struct {
			ID, Tag string
			Claims  json.RawMessage
			Check   json.RawMessage
			Opts    struct{ TreatPendingAsSignedOut *bool }
			Want    bool
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		q, err := request.ParseCheck(c.Check)
		if err != nil {
			// has() ignores a key that it does not know; here it is an error.
			if !strings.Contains(err.Error(), "unknown key") {
				t.Errorf("%s (%s): %s is no question: %v", c.ID, c.Tag, c.Check, err)
			}
			unknown++
			continue
		}
		var known struct {
			Sub any
			Sts any
		}
		if err := json.Unmarshal(c.Claims, &known); err != nil {
			t.Fatal(err)
		}
		in := policy.Input{Now: now}
		if sub, ok := known.Sub.(string); ok && sub != "" {
			s, err := session.FromClaims(&token.Claims{Issuer: "i", Subject: sub, Payload: []byte(c.Claims)}, session.Clerk())
			if err == nil && (s.Status != "pending" || c.Opts.TreatPendingAsSignedOut != nil && !*c.Opts.TreatPendingAsSignedOut) {
				if in.Subject, err = policy.NewSubject(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		equal++
		got, err := decide(t, p, in, q)
		if err != nil || got.Allow != c.Want {
			t.Errorf("%s (%s): Check(%s) = %v, %v, want %v\nclaims %s", c.ID, c.Tag, c.Check, got, err, c.Want, c.Claims)
		}
	}
	if equal != 581 || unknown != 19 {
		t.Errorf("%d answered and %d refused, want 581 and 19", equal, unknown)
	}
}

func TestCheck_denials(t *testing.T) {
	in := policy.Input{Subject: subject(t, admin), Now: now}
	f := func(in policy.Input, p *policy.Policy, body string, want ...decision.Code) {
		t.Helper()
		d, err := decide(t, p, in, ask(t, body))
		if err != nil {
			t.Fatal(err)
		}
		var got []decision.Code
		for _, r := range d.Reasons {
			got = append(got, r.Code)
		}
		if d.Allow != (len(want) == 0) || !equalCodes(got, want) {
			t.Errorf("Check(%s) = %+v, want %v", body, d, want)
		}
	}
	p := compiled(t, load(t, empty...))
	f(in, p, `{"role":"admin"}`)
	f(in, p, `{"role":"owner"}`, decision.RoleRequired)
	f(in, p, `{"any":[{"role":"owner"},{"permission":"org:reports:read"}]}`)
	f(in, p, `{"all":[{"permission":"org:reports:export"},{"permission":"org:reports:read"}]}`)
	f(in, p, `{"all":[{"permission":"org:reports:delete"},{"permission":"org:reports:read"}]}`, decision.PermissionNotGranted)
	f(in, p, `{}`, decision.NothingAsked)
	f(in, p, `{"all":[{"role":"admin"},{}]}`, decision.NothingAsked)
	f(in, p, `{"action":"organization.delete"}`, decision.ActionNotAllowed, decision.PermissionNotGranted)
	f(in, p, `{"action":"organization.raze"}`, decision.ActionNotAllowed)
	f(in, p, `{"action":"organization.create"}`, decision.ActionIncomplete)
	f(in, p, `{"action":"organization.create","resource":{"owned":3}}`)
	f(in, p, `{"reverification":{"level":"first_factor","afterMinutes":4}}`)
	f(in, p, `{"reverification":{"level":"first_factor","afterMinutes":3}}`, decision.ReverificationRequired)
	f(in, p, `{"reverification":{"level":"first_factor","afterMinutes":3.00000000000000001}}`, decision.ReverificationRequired)
	f(policy.Input{Now: now}, p, `{"role":"admin"}`, decision.TokenMissing)
	f(policy.Input{Now: now, Credential: decision.TokenExpired}, p, `{"role":"admin"}`, decision.TokenExpired)
	f(policy.Input{Now: now, Credential: decision.TokenExpired}, p, `{}`, decision.NothingAsked, decision.TokenExpired)
}

func equalCodes(got, want []decision.Code) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if got[i] != want[i] {
			return false
		}
	}
	return true
}

func TestCheck_revoked(t *testing.T) {
	in := policy.Input{Subject: subject(t, admin), Now: now}
	f := func(revoked string, want bool) {
		t.Helper()
		p := compiled(t, load(t, "model/data.yaml", "revoked: "+revoked))
		d, err := decide(t, p, in, ask(t, `{"role":"admin"}`))
		if err != nil {
			t.Fatal(err)
		}
		if d.Allow == want {
			t.Errorf("revoked %s: %+v, want revoked %v", revoked, d, want)
		}
		if want && (d.Status != 401 || d.Reasons[0].Code != decision.SessionRevoked) {
			t.Errorf("revoked %s: %+v, want 401 session_revoked", revoked, d)
		}
		if _, effective, _ := p.Effective(t.Context(), in); effective.Allow == want {
			t.Errorf("revoked %s: Effective = %+v, want revoked %v", revoked, effective, want)
		}
	}
	f(`{users: {user_1: {}}}`, true)
	f(`{users: {user_2: {}}}`, false)
	f(`{sessions: {sess_1: {}}}`, true)
	f(`{organizations: {org_acme: {}}}`, true)
	f(`{organizations: {org_other: {}}}`, false)
	f(`{users: {user_1: {issued_before: 1767225001}}}`, true)
	f(`{users: {user_1: {issued_before: 1767225000}}}`, false)
	f(`{users: {user_1: {until: 1767225601}}}`, true)
	f(`{users: {user_1: {until: 1767225600}}}`, false)
	f(`{users: {user_1: {until: 1767225601, issued_before: 1767225000}}}`, false)
}

// TestCheck_revokedActor: who is revoked cannot go on in another's place.
func TestCheck_revokedActor(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", "revoked: {users: {user_staff: {}}, sessions: {sess_staff: {}}}"))
	for actor, want := range map[string]bool{
		`{"sub":"user_staff"}`:                     true,
		`{"sub":"user_other","sid":"sess_staff"}`:  true,
		`{"sub":"user_other","sid":"sess_other"}`:  false,
		`{"sub":["user_staff"],"sid":{"a":1}}`:     false,
		`"user_staff"`:                             false,
		`null`:                                     false,
		`{"sub":"user_\u0073taff","type":"agent"}`: true,
	} {
		claims := strings.Replace(admin, `{"sub"`, `{"act":`+actor+`,"sub"`, 1)
		d, err := decide(t, p, policy.Input{Subject: subject(t, claims), Now: now}, ask(t, `{"role":"admin"}`))
		if err != nil || d.Allow == want {
			t.Errorf("actor %s: %+v, %v, want revoked %v", actor, d, err, want)
		}
	}
}

func TestEffective(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", "plans: {pro: {features: [reports]}, free: {features: []}}\norganizations: {org_acme: {plan: free}}"))
	e, d, err := p.Effective(t.Context(), policy.Input{Subject: subject(t, admin), Now: now})
	if err != nil || !d.Allow {
		t.Fatal(d, err)
	}
	if e.Role == nil || *e.Role != "org:admin" || len(e.Permissions) != 0 || len(e.Features) != 0 {
		t.Errorf("Effective = %+v, want the role and nothing that plan free lacks", e)
	}
	if _, d, _ := p.Effective(t.Context(), policy.Input{Now: now}); d.Allow || d.Status != 401 {
		t.Errorf("Effective without session = %+v, want 401", d)
	}
}

// TestEffective_equalsCheck asks for everything that the effective session lists.
func TestEffective_equalsCheck(t *testing.T) {
	p := compiled(t, load(t, "model/data.yaml", `
roles: {"org:admin": {permissions: ["org:sys_memberships:manage"]}}
plans: {pro: {features: [reports]}}
settings: {default_plan: pro}
`))
	in := policy.Input{Subject: subject(t, admin), Now: now}
	e, _, err := p.Effective(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Permissions) != 3 || len(e.Features) != 1 {
		t.Fatalf("Effective = %+v, want three permissions and a feature", e)
	}
	for _, permission := range e.Permissions {
		if d, _ := decide(t, p, in, ask(t, `{"permission":"`+permission+`"}`)); !d.Allow {
			t.Errorf("%s is listed and not granted: %+v", permission, d)
		}
	}
}

func TestNew_refuses(t *testing.T) {
	f := func(name, want string, files ...string) {
		t.Helper()
		b, err := tryLoad(files...)
		if err == nil {
			_, err = policy.New(t.Context(), b, bound(), policy.Options{})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", name, err, want)
		}
	}
	rego := func(body string) []string { return []string{"acme/p.rego", "package acme\n\n" + body + "\n"} }
	for _, call := range []string{
		`http.send({"method": "get", "url": "http://127.0.0.1"})`,
		`net.lookup_ip_addr("localhost")`,
		`opa.runtime()`,
		`rand.intn("a", 5)`,
		`uuid.rfc4122("a")`,
		`json.match_schema({}, {"$ref": "http://127.0.0.1/"})`,
		`json.verify_schema({"$ref": "http://127.0.0.1/"})`,
		`bits.lsh(1, 100000000000)`,
		`io.jwt.encode_sign({}, {}, {})`,
		`io.jwt.encode_sign_raw("", "", "")`,
		`io.jwt.decode_verify("", {})`,
		`crypto.x509.parse_and_verify_certificates("")`,
		`rego.parse_module("", "")`,
		`time.now_ns()`,
	} {
		builtin, _, _ := strings.Cut(call, "(")
		f(call, builtin, rego("x := "+call)...)
		f(call+" through with", builtin, rego("y := 1\nx if y == 1 with count as "+builtin)...)
		f(call+" mocked", builtin, rego("y := 1\nx if y == 1 with "+builtin+" as 1")...)
	}
	f("trace", "trace", rego(`x := trace("secret")`)...)
	f("unsafe variable", "p.rego:3", rego(`x := y`)...)
	f("recursion", "recursive", rego("x := y\ny := x")...)
	f("arity", "arity", rego(`x := count(1, 2, 3)`)...)
	f("data at a rule", "acme/allow", "acme/p.rego", "package acme\n\nallow := true\n", "acme/allow/data.json", `{"a": 1}`)
	manifest := func(entry string) []string {
		return append(rego("allow := true\nf(x) := x"), ".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"`+entry+`"}}}}`)
	}
	f("missing entrypoint", `acme/deny`, manifest("acme/deny")...)
	f("function entrypoint", `function`, manifest("acme/f")...)
	f("package entrypoint", `acme`, manifest("acme")...)
	f("strange entrypoint", `entrypoint`, manifest("acme//allow")...)
	f("model by rules", "model", "m.rego", "package model\n\nrevoked := {}\n")
	f("library by rules", "postern", "m.rego", "package postern.session\n\nsigned_in := true\n")
}

func TestNew_builtinsByName(t *testing.T) {
	b := load(t, "acme/p.rego", "package acme\n\nx := time.now_ns()\n")
	if _, err := policy.New(t.Context(), b, bound(), policy.Options{Builtins: []string{"time.now_ns"}}); err != nil {
		t.Error(err)
	}
	if _, err := policy.New(t.Context(), b, bound(), policy.Options{Builtins: []string{"http.send"}}); err == nil {
		t.Error("http.send was allowed by name")
	}
}

// own compiles a bundle whose own rule answers checks.
func own(t *testing.T, body string) *policy.Policy {
	t.Helper()
	return compiled(t, load(t,
		"acme/p.rego", "package acme\n\n"+body+"\n",
		".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/answer"}}}}`,
	))
}

func TestCheck_shapes(t *testing.T) {
	f := func(body string, want decision.Code) {
		t.Helper()
		d, cause := decide(t, own(t, body), policy.Input{Now: now}, ask(t, `{"role":"admin"}`))
		if want == "" {
			if !d.Allow || cause != nil {
				t.Errorf("%s: %+v, %v, want an allow", body, d, cause)
			}
			return
		}
		if d.Allow || len(d.Reasons) != 1 || d.Reasons[0].Code != want {
			t.Errorf("%s: %+v, want %s", body, d, want)
		}
	}
	f(`answer := true`, "")
	f(`answer := {"allow": true, "reasons": []}`, "")
	f(`answer := false`, decision.PolicyDenied)
	f(`answer := {"allow": false, "reasons": []}`, decision.PolicyDenied)
	f(`answer := {"allow": false, "reasons": ["no"]}`, decision.PolicyDenied)
	f(`answer := {"allow": false, "reasons": [{"code": "plan_required", "plan": "pro"}]}`, decision.PlanRequired)
	f(`answer := {"allow": false, "reasons": {"a"}}`, decision.PolicyDenied)
	f(`answer := {"allow": false, "reasons": [{"code": "made_up"}]}`, decision.PolicyError)
	f(`answer := {"allow": true, "reasons": ["no"]}`, decision.PolicyError)
	f(`answer := {"allow": true}`, decision.PolicyError)
	f(`answer := {"allow": "true", "reasons": []}`, decision.PolicyError)
	f(`answer := {"allow": 1, "reasons": []}`, decision.PolicyError)
	f(`answer := {"allow": true, "reasons": [], "more": 1}`, decision.PolicyError)
	f(`answer := {"allow": true, "reasons": null}`, decision.PolicyError)
	f(`answer := "true"`, decision.PolicyError)
	f(`answer := 1`, decision.PolicyError)
	f(`answer := null`, decision.PolicyError)
	f(`answer := [true]`, decision.PolicyError)
	f(`answer contains true`, decision.PolicyError)
	f(`answer if input.never`, decision.PolicyUndefined)
	f("answer := true if input.check\nanswer := false if input.now", decision.PolicyError)
	f(`answer := 1 / (input.now - input.now)`, decision.PolicyError)
	f(`answer if not to_number("x")`, decision.PolicyError)
}

func TestCheck_extension(t *testing.T) {
	p := compiled(t, load(t, "ext.rego", `package postern.extend

deny contains "no Mondays" if input.context.day == "Monday"

deny contains {"code": "reverification_required", "message": "big"} if input.resource.amount > 100
`))
	in := policy.Input{Subject: subject(t, admin), Now: now}
	f := func(body string, want ...decision.Code) {
		t.Helper()
		d, err := decide(t, p, in, ask(t, body))
		if err != nil || d.Allow != (len(want) == 0) {
			t.Fatalf("Check(%s) = %+v, %v, want %v", body, d, err, want)
		}
		for i, c := range want {
			if d.Reasons[i].Code != c {
				t.Errorf("Check(%s) = %+v, want %v", body, d, want)
			}
		}
	}
	f(`{"role":"admin"}`)
	f(`{"role":"admin","context":{"day":"Monday"}}`, decision.PolicyDenied)
	f(`{"role":"admin","resource":{"amount":101}}`, decision.ReverificationRequired)
	f(`{"role":"owner","context":{"day":"Monday"}}`, decision.PolicyDenied, decision.RoleRequired)
}

// TestCheck_extensionBesideOwn: denials narrow whatever entrypoint decides.
func TestCheck_extensionBesideOwn(t *testing.T) {
	p := compiled(t, load(t,
		"acme/p.rego", "package acme\n\nanswer := true\n",
		"ext.rego", "package postern.extend\n\ndeny contains \"frozen\" if input.context.frozen\n\ndeny contains \"n\" if to_number(input.context.n) > 5\n",
		".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/answer"}}}}`,
	))
	f := func(body string, want ...decision.Code) {
		t.Helper()
		d, _ := decide(t, p, policy.Input{Now: now}, ask(t, body))
		if d.Allow != (len(want) == 0) || len(want) > 0 && d.Reasons[0].Code != want[0] {
			t.Errorf("Check(%s) = %+v, want %v", body, d, want)
		}
	}
	f(`{"role":"a"}`)
	f(`{"role":"a","context":{"frozen":true}}`, decision.PolicyDenied)
	f(`{"role":"a","context":{"n":"6"}}`, decision.PolicyDenied)
	f(`{"role":"a","context":{"n":"six"}}`, decision.PolicyError)
}

// TestCheck_discreet: an error for the log says where, and not what the caller sent.
func TestCheck_discreet(t *testing.T) {
	for _, body := range []string{
		`answer if to_number(input.context.s) == 1`,
		`answer if time.parse_rfc3339_ns(input.context.s) == 1`,
		`answer := {"allow": false, "reasons": [{"code": input.context.s}]}`,
	} {
		d, cause := decide(t, own(t, body), policy.Input{Now: now}, ask(t, `{"role":"a","context":{"s":"eyJhbGciOiJSUzI1NiJ9"}}`))
		if d.Allow || d.Reasons[0].Code != decision.PolicyError || cause == nil || strings.Contains(cause.Error(), "eyJ") {
			t.Errorf("%s: %+v, %v", body, d, cause)
		}
	}
	_, cause := decide(t, own(t, `answer if to_number(input.context.s) == 1`), policy.Input{Now: now}, ask(t, `{"role":"a","context":{"s":"x"}}`))
	if cause == nil || cause.Error() != "acme/p.rego:3:11: eval_builtin_error" {
		t.Errorf("the error is %v, want its place and kind", cause)
	}
}

// An extension that cannot be evaluated must not let a question through.
func TestCheck_extensionThatFails(t *testing.T) {
	p := compiled(t, load(t, "ext.rego", "package postern.extend\n\ndeny contains \"x\" if to_number(input.context.n) > 5\n"))
	d, cause := decide(t, p, policy.Input{Subject: subject(t, admin), Now: now}, ask(t, `{"role":"admin","context":{"n":"many"}}`))
	if d.Allow || cause == nil {
		t.Errorf("Check = %+v, %v, want policy_error", d, cause)
	}
}

// TestCheck_runaway: multiplying huge numbers ignores its context. The answer comes at
// the deadline, and abandoned evaluations are bounded.
func TestCheck_runaway(t *testing.T) {
	squares := "x0 := 7777777777777777777\n"
	for i := range 19 {
		squares += fmt.Sprintf("\tx%d := x%d * x%d\n", i+1, i, i)
	}
	b := load(t,
		"acme/p.rego", "package acme\n\nanswer if {\n\t"+squares+"\tx19 == input.now\n}\n",
		".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/answer"}}}}`,
	)
	limit := &policy.Bound{Deadline: 100 * time.Millisecond, Abandoned: 1}
	p, err := policy.New(t.Context(), b, limit, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	q := ask(t, `{"role":"admin"}`)
	start := time.Now()
	d, cause := decide(t, p, policy.Input{Now: now}, q)
	if d.Allow || d.Reasons[0].Code != decision.PolicyTimeout || cause == nil {
		t.Fatalf("Check = %+v, %v, want policy_timeout", d, cause)
	}
	if waited := time.Since(start); waited > 5*time.Second {
		t.Errorf("the caller waited %v", waited)
	}
	if running := limit.Running(); running != 1 {
		t.Fatalf("%d evaluations are running on, want 1", running)
	}
	d, _ = decide(t, p, policy.Input{Now: now}, q)
	if d.Allow || d.Status != 503 || d.Reasons[0].Code != decision.Overloaded {
		t.Errorf("beyond the bound: %+v, want overloaded", d)
	}
	for deadline := time.Now().Add(60 * time.Second); limit.Running() > 0 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if limit.Running() != 0 {
		t.Errorf("%d evaluations are still counted as running", limit.Running())
	}
}

func TestCheck_deadline(t *testing.T) {
	p, err := policy.New(t.Context(), load(t,
		"acme/p.rego", "package acme\n\nanswer if {\n\tsome i in numbers.range(1, 100000)\n\tsome j in numbers.range(1, 100000)\n\ti * j == -1\n}\n",
		".manifest", `{"metadata":{"postern":{"entrypoints":{"check":"acme/answer"}}}}`,
	), &policy.Bound{Deadline: 30 * time.Millisecond, Abandoned: 4}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d, _ := decide(t, p, policy.Input{Now: now}, ask(t, `{"role":"admin"}`))
	if d.Allow || d.Reasons[0].Code != decision.PolicyTimeout {
		t.Errorf("Check = %+v, want policy_timeout", d)
	}
}

// TestCapabilities: what policies may call is a list of its own, so that a new OPA cannot
// add to it unseen. Update with -update after reading what is new.
func TestCapabilities(t *testing.T) {
	caps, err := policy.Capabilities(nil)
	if err != nil {
		t.Fatal(err)
	}
	if caps.AllowNet == nil || len(caps.AllowNet) != 0 {
		t.Errorf("AllowNet = %#v, want an empty list, which allows no host", caps.AllowNet)
	}
	allowed := map[string]bool{}
	for _, b := range caps.Builtins {
		allowed[b.Name] = true
	}
	var got strings.Builder
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		word := "refused"
		if allowed[b.Name] {
			word = "allowed"
		}
		fmt.Fprintf(&got, "%s %s\n", word, b.Name)
	}
	const golden = "testdata/builtins.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the built-ins differ from %s:\n%s", golden, got.String())
	}
}

var update = flag.Bool("update", false, "write golden files")

// TestPrint_isSilent: what a policy prints goes nowhere, since it may be a secret.
func TestPrint_isSilent(t *testing.T) {
	read, written, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = written, written
	p := own(t, "answer if {\n\tprint(\"secret\", input)\n\tcount(x) == 1\n}\n\nx contains 1 if print(\"secret\")")
	d, cause := decide(t, p, policy.Input{Now: now}, ask(t, `{"role":"a"}`))
	os.Stdout, os.Stderr = stdout, stderr
	written.Close()
	text, err := io.ReadAll(read)
	if err != nil || !d.Allow || cause != nil || len(text) > 0 {
		t.Errorf("Check = %+v, %v and printed %q, %v", d, cause, text, err)
	}
}

func BenchmarkCheck(b *testing.B) {
	p := compiled(b, load(b, empty...))
	in := policy.Input{Subject: subject(b, admin), Now: now}
	q := ask(b, `{"permission":"org:reports:read"}`)
	b.ReportAllocs()
	for b.Loop() {
		if d, _ := decide(b, p, in, q); !d.Allow {
			b.Fatal(d)
		}
	}
}

// TestNew_libraryStands: no file of a bundle takes the place of a module of the library,
// whatever its name.
func TestNew_libraryStands(t *testing.T) {
	in := policy.Input{Subject: subject(t, admin), Now: now}
	for path := range policies.Modules() {
		for _, name := range []string{"library:" + path, "library/" + path, path, "x/" + path} {
			b, err := tryLoad("model/data.yaml", "organizations: {org_acme: {suspended: true}}", name, "package acme\n\nx := 1\n")
			if err != nil {
				continue
			}
			d, err := decide(t, compiled(t, b), in, ask(t, `{"any":[{"feature":"reports"},{"role":"admin"}]}`))
			if err != nil || d.Allow {
				t.Errorf("with %s: %+v, %v, want organization_suspended", name, d, err)
			}
		}
	}
}

// BenchmarkNew compiles the library beside a bundle that says nothing: what a reload costs
// at the least.
func BenchmarkNew(b *testing.B) {
	nothing := load(b, empty...)
	for b.Loop() {
		if _, err := policy.New(b.Context(), nothing, bound(), policy.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// decide is the decision of a policy about one question.
func decide(t testing.TB, p *policy.Policy, in policy.Input, q request.Question) (decision.Decision, error) {
	answer, cause := p.Check(t.Context(), in, &q)
	return answer.Decision, cause
}

// memo is room to remember decisions in.
func memo(t testing.TB, bytes int) *policy.Memo {
	t.Helper()
	m, err := policy.NewMemo(bytes)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
