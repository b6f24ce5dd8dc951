package policy_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/authzen"
	"postern/sidecar/decision"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/session"
	"postern/sidecar/token"
)

// readers are rules of which each reads its paths, as entrypoints whose keys are compared
// with their documents. The last part of each name is what it is about.
var readers = []string{
	"input.check; input.action; input.user_id; input.factor_age; input.credential; input.resource; input.context",
	"input.check.any[0].role; input.action.x; input.user_id.x; input.factor_age[0]; input.credential.code.x; input.resource.amount; input.context.a.b.c",
	"input.session; input.resource.owner.id; input.context.a; input.request; input.route; input.attributes",
	"input.session.org; input.session.claims; input.session.metadata.a.b; input.session.actor.sub; input.request.path",
	"input.session.org.id; input.session.org.role.x; input.session.features.org; input.session.plans; input.session.nothing.at.all",
	"input.session.user_id; input.session.session_id; input.session.issuer; input.session.profile; input.session.status; input.nothing; input.parsed_path",
}

// routeReaders read what there is of a route and a proxied request besides.
var routeReaders = append([]string{
	"input.route; input.request; input.attributes; input.parsed_query; input.parsed_body",
	"input.route.params; input.request.headers; input.parsed_path; input.truncated_body; input.version",
	"input.route.params.org; input.route.params.rest; input.route.params.nothing; input.route.params.org.x; input.route.organization",
	"input.route.organization.x; input.route.pattern; input.request.query.q",
	"input.route.organization_slug.x.y; input.route.pattern.x; input.request.body.a.b",
	"input.route.organization_slug; input.route.public; input.route.signed_in.x; input.route.nothing.x; input.request.path; input.source_principal",
	`input.route.params[""]; input.route.params[""].x; input.request.segments[0]; input.attributes.request.http.method`,
}, readers...)

// matterReaders read what there is of an evaluation or a search besides.
var matterReaders = append([]string{
	"input.subject; input.action; input.check; input.user_id",
	"input.subject.type; input.subject.id; input.action.name; input.resource.type; input.resource.id; input.resource.properties",
	"input.subject.id.x; input.subject.properties.a.b; input.subject.name; input.action.name.x; input.action.properties.a; input.action.id",
	"input.resource.a; input.resource.owner.id; input.resource.properties.owner.id; input.resource.id.x; input.resource.nothing",
}, readers...)

// reading is a policy whose own entrypoints read paths.
func reading(t testing.TB, entrypoint, paths string) *policy.Policy {
	t.Helper()
	named := fmt.Sprintf(`{%q:"acme/answer"}`, entrypoint)
	if kind, ok := strings.CutPrefix(entrypoint, "search."); ok {
		named = fmt.Sprintf(`{"search":{%q:"acme/answer"}}`, kind)
	}
	return compiled(t, load(t, "model/data.yaml", keyRoutes,
		".manifest", `{"metadata":{"postern":{"entrypoints":`+named+`}}}`,
		"acme.rego", "package acme\n\nanswer if { "+strings.ReplaceAll(paths, "input.", "_ = input.")+" }\n"))
}

const keyRoutes = `
roles: {"org:admin": {}, "org:member": {}}
revoked: {users: {user_revoked: {}}}
routes:
  - {match: "/", signed_in: true}
  - {match: "/health", public: true}
  - {match: "/o/{org}/", organization: "{org}", require: {role: "org:member"}}
  - {match: "/o/{org}/twice/{org2}", organization: "{org2}"}
  - {match: "/o/{org}/files/{rest...}", require: {any: [{role: "org:admin", reverification: strict}, {permission: "org:reports:read"}]}}
  - {match: "/s/{slug}/{$}", organization_slug: "{slug}"}
  - {match: "/fixed/", organization: org_a, require: {reverification: {level: first_factor, afterMinutes: 10.50}}}
  - {match: "POST /s/{slug}/x", organization_slug: "{slug}", require: {all: [{role: "org:admin"}, {role: "org:member"}]}}
`

// randomInput is of all kinds: sessions with and without what a token may say, revoked
// ones, and every reason for which there is none.
func randomInput(t testing.TB, rng *rand.Rand) policy.Input {
	if oneIn(rng, 4) {
		return policy.Input{Now: now, Credential: pick(rng, append(decision.Codes(), "", "no_code"))}
	}
	b := randomBearer(rng)
	payload := b.claims
	if oneIn(rng, 2) {
		payload["metadata"] = raw(randomJSON(rng, 3))
	}
	if oneIn(rng, 3) {
		payload["act"] = map[string]any{"sub": pick(rng, []string{"user_2", "user_revoked", ""})}
	}
	user := pick(rng, []string{"user_1", "user_2", "user_revoked", "user"})
	if s, ok := payload["o"].(map[string]any); ok && oneIn(rng, 2) {
		s["slg"] = pick(rng, []string{"a", "b", ""})
	}
	s, err := session.FromClaims(&token.Claims{Issuer: pick(rng, []string{"https://a.example", "https://b.example"}), Subject: user, Payload: []byte(written(nil, payload))}, b.decoder)
	if err != nil {
		return policy.Input{Now: now, Credential: "token_claims"}
	}
	if s.SessionID = pick(rng, []string{"", "s1", "s2"}); oneIn(rng, 5) {
		s.Status = "pending"
	}
	sub, err := policy.NewSubject(s)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Input{Now: now, Subject: sub}
}

// randomJSON is a small object of few names, so that paths of readers lead into it.
func randomJSON(rng *rand.Rand, depth int) string {
	var b strings.Builder
	b.WriteByte('{')
	first := true
	for _, name := range []string{"a", "b", "c", "owner", "id", "amount"} {
		if !oneIn(rng, 2) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(&b, "%q:", name)
		if depth > 0 && oneIn(rng, 2) {
			b.WriteString(randomJSON(rng, depth-1))
		} else {
			b.WriteString(pick(rng, scalars))
		}
	}
	b.WriteByte('}')
	return b.String()
}

var scalars = []string{"null", "true", "false", "0", "1", "1.0", "-0", "1e2", `""`, `"a"`, `"1"`, "[]", "[1]", `["a",[]]`, "{}", `[{"a":1}]`}

// randomQuestion is a requirement or an action, with and without documents.
func randomQuestion(t testing.TB, rng *rand.Rand, in policy.Input) request.Question {
	document := map[string]any{}
	if oneIn(rng, 3) {
		document["action"] = pick(rng, []string{"membership.leave", "a", "domain.enroll"})
	} else {
		document = holdingsOf(in).question(rng, 2, oneIn(rng, 2)).document()
	}
	asked := map[string]any{}
	for name, value := range document {
		asked[name] = value
	}
	for _, name := range []string{"resource", "context"} {
		if oneIn(rng, 2) {
			asked[name] = raw(randomJSON(rng, 3))
		}
	}
	q, err := request.ParseCheck([]byte(written(rng, asked)))
	if err != nil {
		return ask(t, `{}`)
	}
	return q
}

// randomEvaluation is about a session, or about anybody else; in then says that whoever asks
// vouches for that.
func randomEvaluation(rng *rand.Rand, in policy.Input) (policy.Input, *authzen.Evaluation) {
	properties := func() []byte {
		if oneIn(rng, 2) {
			return nil
		}
		return []byte(strings.Replace(randomJSON(rng, 3), `"b":`, pick(rng, []string{`"b":`, `"type":`, `"properties":`}), 1))
	}
	e := &authzen.Evaluation{
		Subject:  authzen.Entity{Type: "session", ID: secretToken, Properties: properties()},
		Action:   authzen.Action{Name: pick(rng, []string{"read", "org:reports:read", "membership.leave", "", ":"}), Properties: properties()},
		Resource: authzen.Entity{Type: pick(rng, []string{"report", "a", ""}), ID: pick(rng, []string{"a", "1", ""}), Properties: properties()},
		Context:  properties(),
	}
	if in.Trusted = oneIn(rng, 4); in.Trusted {
		e.Subject.Type, e.Subject.ID = pick(rng, []string{"user", "session", "a", ""}), pick(rng, []string{"a", "b", ""})
	}
	return in, e
}

// secretToken is the id of a session: no input, key or message may have it.
const secretToken = "eyJhbGciOiJSUzI1NiJ9.secret-payload.secret-signature"

// randomProxied is a request that some route lists, or none.
func randomProxied(t testing.TB, rng *rand.Rand) request.Proxied {
	path := pick(rng, []string{"/", "/health", "/o/x/", "/o/y/z", "/o/x/twice/y", "/o/y/twice/x", "/o/x/files/a/b", "/o/x/files/", "/s/a/", "/s/a/x", "/s/b/", "/fixed/x", "/nowhere", "/s/a"})
	r := proxied(t, pick(rng, []string{"GET", "POST", "DELETE"}), path+pick(rng, []string{"", "?q=1", "?q=1&q=2", "?"}))
	if oneIn(rng, 2) {
		r = r.WithField("x-a", pick(rng, []string{"", "1"}))
	}
	if oneIn(rng, 2) {
		r = r.WithField("Content-Type", "application/json")
		r.Body = &request.Body{Raw: []byte(randomJSON(rng, 2))}
	}
	return r
}

// TestKey_document: what is appended to a key without making a document is what would be
// appended of the document, part by part.
func TestKey_document(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 0))
	seen := tally{}
	requirements := map[string]ast.Value{}
	for _, by := range []struct {
		entrypoint string
		readers    []string
		rounds     int
	}{
		{"check", readers, 600},
		{"route", routeReaders, 600},
		{"evaluate", matterReaders, 400},
		{"search.subject", matterReaders, 100},
		{"search.resource", matterReaders, 100},
		{"search.action", matterReaders, 100},
	} {
		for _, paths := range by.readers {
			p := reading(t, by.entrypoint, paths)
			for range rounds(by.rounds) {
				made, err := randomKey(t, rng, p, by.entrypoint)
				if err != nil {
					seen["refused"]++
					continue
				}
				seen["keys"]++
				seen.add(strings.HasPrefix(by.entrypoint, "e") || strings.HasPrefix(by.entrypoint, "s"), "matters")
				if !made.Shared || made.Key == nil {
					t.Fatalf("%s with %s has no key", by.entrypoint, paths)
				}
				compareParts(t, made, requirements, seen)
			}
		}
	}
	seen.atLeast(t, "matters", 30, "somebody", "a session's properties")
	seen.atLeast(t, "keys", 30, "no session", "session", "missing", "governed", "parameters", "check there", "document there", "revoked")
	seen.atLeast(t, "keys", 200, "no route", "factor age")
	if seen["refused"]*5 > seen["keys"] {
		t.Errorf("%d of %d documents cannot be made", seen["refused"], seen["keys"])
	}
}

// randomKey is the key of anything that an entrypoint may be asked.
func randomKey(t *testing.T, rng *rand.Rand, p *policy.Policy, entrypoint string) (policy.Keyed, error) {
	t.Helper()
	in := randomInput(t, rng)
	switch entrypoint {
	case "check":
		q := randomQuestion(t, rng, in)
		return p.KeyCheck(in, &q)
	case "route":
		return p.KeyRoute(in, randomProxied(t, rng))
	}
	in, e := randomEvaluation(rng, in)
	var made policy.Keyed
	var err error
	if entrypoint == "evaluate" {
		made, err = p.KeyEvaluate(in, e)
	} else {
		made, err = p.KeySearch(in, &authzen.Search{Kind: authzen.Kind(strings.TrimPrefix(entrypoint, "search.")), Evaluation: *e})
	}
	if err == nil && strings.Contains(string(made.Key)+made.Document.String(), "secret") {
		t.Fatalf("a session's token is in %v or in its key", made.Document)
	}
	return made, err
}

func compareParts(t *testing.T, made policy.Keyed, requirements map[string]ast.Value, seen tally) {
	t.Helper()
	// The number of the entrypoint begins a key in the memo; here it has none.
	whole := []byte{}
	for _, part := range made.Parts {
		whole = append(whole, part.Made...)
		seen.add(part.Value == nil, "missing")
		switch part.Name {
		case "session":
			seen.add(part.Value == ast.NullValue, "no session")
			seen.add(part.Value != ast.NullValue, "session")
		case "credential":
			seen.add(part.Value.String() == `{"code": "session_revoked"}`, "revoked")
		case "factor_age":
			seen.add(part.Value != nil, "factor age")
		case "route":
			seen.add(part.Value == ast.NullValue, "no route")
			seen.add(part.Value != nil && part.Value != ast.NullValue, "governed")
			seen.add(part.Value != nil && strings.Contains(part.Value.String(), `"org"`), "parameters")
		case "resource", "context":
			seen.add(part.Value != nil, "document there")
			seen.add(part.Value != nil && below(part.Value, "owner") != nil && below(part.Value, "type") != nil, "a session's properties")
		case "subject":
			seen.add(below(part.Value, "id") != nil, "somebody")
		case "check":
			seen.add(part.Value != nil, "check there")
			known, twice := requirements[string(part.Made)]
			if twice && !sameText(known, part.Value) {
				t.Fatalf("one key %q for the requirements %v and %v", part.Made, known, part.Value)
			}
			requirements[string(part.Made)] = part.Value
			continue
		}
		if !bytes.Equal(part.Made, part.Expected) {
			t.Fatalf("the key of input.%s is\n%q, and of its document\n%q\n%v", part.Name, part.Made, part.Expected, part.Value)
		}
	}
	if !bytes.Equal(whole, made.Key) {
		t.Fatalf("the parts are\n%q, and together\n%q", whole, made.Key)
	}
}

// sameText reports whether two values are equal and written alike, numbers too.
func sameText(a, b ast.Value) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return a.Compare(b) == 0 && a.String() == b.String()
}
