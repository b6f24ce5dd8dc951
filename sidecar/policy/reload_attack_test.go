package policy_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/policy"
	"postern/sidecar/request"
)

// A turn is one thing that differs between bundles: the forms that it takes, each a text that
// stands in a file in the place of its name.
var turns = map[string][]string{
	"PLAN":     {"plan: free", "plan: pro", "", "suspended: false, plan: free", "suspended: true"},
	"MANY":     {"", "many"}, // so many organizations that they are packed
	"FEATURES": {"invoices", "invoices, reports", ""},
	"MEMBER":   {`"org:invoices:read"`, `"org:invoices:read", "org:reports:export"`, ""},
	"INCLUDES": {"", `includes: ["org:member"], `},
	"SOURCE":   {"token", "roles", "both"},
	"REVOKED":  {"", "revoked: {users: {user_a: {}}}", "revoked: {organizations: {org_acme: {issued_before: 5}}}", "revoked: {organizations: {org_acme: {}}}"},
	"OPEN":     {`public: true`, `signed_in: true`, `require: {permission: "org:reports:export"}`, `require: {role: "org:owner", reverification: strict}, deny: {status: 404}`},
	"ORG":      {`organization: "{org}"`, `organization_slug: "{org}"`, `organization: org_acme`, `signed_in: true`},
	"LISTS":    {`{}`, `{"": {"": true}}`, `{"a\u0000b": {"on": true}}`, `{"a": {"on": true}}`, `{"a": {"on": false}}`, `{"a": ["on"]}`, `{"a": {"on": {"": null}}}`, `[{"on": true}]`, `{"0": {"on": true}}`, `true`, "table", "tablet"},
	"CHECK":    {"postern/check/decision", "own/first", "own/second"},
	"ROUTE":    {"postern/route/decision", "own/first"},
	"PLACE":    {"lists/data.json", "lists.json", "lists/data.yaml"},
	"RULE":     {"false", "true"},
}

// turned are the files of a bundle of some forms.
func turned(form map[string]string) []string {
	fill := func(text string) string {
		var pairs []string
		for name, value := range form {
			pairs = append(pairs, "$"+name, value)
		}
		return strings.NewReplacer(pairs...).Replace(text)
	}
	organizations := fill("  org_acme: {$PLAN}\n")
	if form["MANY"] != "" {
		for i := range 300 {
			organizations += fmt.Sprintf("  org_%d: {plan: free, suspended: %v}\n", i, i%2 == 0)
		}
	}
	lists := form["LISTS"]
	if strings.HasPrefix(lists, "table") {
		var members []string
		for i := range 300 {
			members = append(members, fmt.Sprintf(`"k%d": {"on": %v}`, i, i%2 == 0))
		}
		lists = `{"a": {"on": ` + fmt.Sprint(lists == "table") + `}, ` + strings.Join(members, ", ") + `}`
	}
	files := []string{
		"model/data.yaml", fill(`permissions: {"org:invoices:read": {}, "org:reports:export": {}}
roles:
  "org:owner": {$INCLUDESpermissions: ["org:sys_memberships:manage"]}
  "org:admin": {includes: ["org:member"]}
  "org:member": {permissions: [$MEMBER]}
  "org:auditor": {}
plans: {free: {features: [$FEATURES]}, pro: {features: [invoices, reports]}}
settings: {default_plan: free, permission_source: $SOURCE}
$REVOKED
routes:
  - {match: "/x/", $OPEN}
  - {match: "/o/{org}/", $ORG}
organizations:
`) + organizations,
		".manifest", fill(`{"metadata":{"postern":{"entrypoints":{"check":"$CHECK","route":"$ROUTE"}}}}`),
		"own.rego", `package own

default first := false

first if data.lists.a.on == true

first if data.lists[input.context.name][input.context.member]

default second := true

second := false if data.lists.a

second := false if data.model.organizations[input.session.org.id].suspended
`,
		"extend.rego", fill(`package postern.extend

deny contains "listed" if data.lists[input.session.user_id].on

deny contains {"code": "policy_denied", "message": json.marshal(data.lists["a\u0000b"])} if $RULE

deny contains "zero" if data.lists[0].on
`),
	}
	switch {
	case form["PLACE"] == "lists.json":
		files = append(files, "data.json", `{"lists": `+lists+`}`)
	case strings.HasPrefix(lists, "{") && !strings.Contains(lists, `\u0000`):
		files = append(files, form["PLACE"], lists)
	default:
		files = append(files, "data.json", `{"lists": `+lists+`}`)
	}
	return files
}

// TestReload_walk: through a long walk over bundles that differ in a few things at a time,
// and come back, what is remembered of the earlier ones never answers where the bundle alone
// would say something else. The sessions remember too.
func TestReload_walk(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	names := slices.Sorted(maps.Keys(turns))
	form := map[string]string{}
	for name, forms := range turns {
		form[name] = forms[0]
	}
	remembers := memo(t, 1<<20)
	subjects := map[string]*policy.Subject{}
	for who, claims := range people {
		if claims != "" {
			subjects[who] = subject(t, claims)
		}
	}
	var questions []request.Question
	for _, body := range []string{
		`{"permission":"org:invoices:read"}`, `{"permission":"org:reports:export"}`, `{"role":"org:admin"}`, `{"feature":"reports"}`, `{"plan":"org:free"}`,
		`{"role":"org:member","context":{"name":"","member":""}}`, `{"role":"org:member","context":{"name":"a","member":"on"}}`, `{"role":"org:member","context":{"name":"a\u0000b","member":"on"}}`,
		`{"role":"org:member","context":{"name":0,"member":"on"}}`, `{"action":"role.assign","resource":{"role":"org:member","organization":"org_acme"}}`,
	} {
		questions = append(questions, ask(t, body))
	}
	var requests []request.Proxied
	for _, target := range []string{"/x/1", "/o/org_acme/1", "/o/acme/1", "/none"} {
		requests = append(requests, proxied(t, "GET", target))
	}
	answers, allowed, loaded := 0, 0, 0
	for range rounds(100) {
		for range 1 + r.IntN(2) {
			name := names[r.IntN(len(names))]
			form[name] = turns[name][r.IntN(len(turns[name]))]
		}
		b, err := tryLoad(turned(form)...)
		if err != nil {
			t.Fatalf("%v: %v", form, err)
		}
		p, err := policy.New(t.Context(), b, bound(), policy.Options{Memo: remembers})
		if err != nil {
			t.Fatalf("%v: %v", form, err)
		}
		loaded++
		alone := p.Forgetful()
		compare := func(what string, got, want any) {
			t.Helper()
			if answers++; !reflect.DeepEqual(got, want) {
				t.Fatalf("%s in %v:\n%+v, alone\n%+v", what, form, got, want)
			}
		}
		for who := range people {
			in, fresh := policy.Input{Now: now, Credential: "token_expired"}, policy.Input{Now: now, Credential: "token_expired"}
			if subjects[who] != nil {
				in = policy.Input{Now: now, Subject: subjects[who]}
				fresh = policy.Input{Now: now, Subject: subject(t, people[who])}
			}
			for i := range questions {
				got, gotCause := p.Check(t.Context(), in, &questions[i])
				want, wantCause := alone.Check(t.Context(), fresh, &questions[i])
				compare(fmt.Sprintf("%s, question %d", who, i), []any{got.Decision, gotCause == nil}, []any{want.Decision, wantCause == nil})
				if got.Allow {
					allowed++
				}
			}
			for _, asked := range requests {
				got, _ := p.Route(t.Context(), in, asked)
				want, _ := alone.Route(t.Context(), fresh, asked)
				compare(who+" at "+asked.Target.Path, []any{got.Decision, got.Edits, got.Governs.Route}, []any{want.Decision, want.Edits, want.Governs.Route})
			}
			got, _, _ := p.Identity(t.Context(), in)
			want, _, _ := alone.Identity(t.Context(), fresh)
			compare("identity of "+who, got.Identity, want.Identity)
			effective, d, _ := p.Effective(t.Context(), in)
			effectiveAlone, dAlone, _ := alone.Effective(t.Context(), fresh)
			compare("session of "+who, []any{effective, d}, []any{effectiveAlone, dAlone})
		}
	}
	s := remembers.Stats()
	t.Logf("%d bundles, %d answers, %d checks allowed, %+v", loaded, answers, allowed, s)
	if !briefly() && (s.Hits < uint64(answers)/10 || allowed < answers/50) {
		t.Errorf("%d answers, %d allowed, %+v: the walk is too weak", answers, allowed, s)
	}
}
