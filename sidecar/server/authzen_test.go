package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/sidecar/config"
)

// certified is the bundle that the certification scenario of AuthZEN 1.0 asks about: two
// users, two records, and who may do what.
func certified(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "data.yaml", `
users: {alice: {}, bob: {role: admin}}
records: {record-1: {status: active}, record-2: {status: archived}}
`)
	write(t, dir, "pdp.rego", `package pdp

default decision := false

decision if allowed(input.subject, input.action, input.resource)

allowed(subject, action, resource) if {
	action.name == "read"
	data.users[subject.id]
	status(resource)
}

allowed(subject, action, resource) if {
	action.name == "write"
	subject.id == "alice"
	status(resource) == "active"
}

allowed(subject, action, resource) if {
	action.name == "write"
	role(subject) == "admin"
	status(resource) == "archived"
}

allowed(subject, action, _) if {
	action.name == "delete"
	subject.id == "alice"
	action.properties.soft == true
}

# What the caller says wins over what is stored.
role(subject) := object.get(data.users, [subject.id, "role"], "") if not subject.properties.role

role(subject) := subject.properties.role

status(resource) := data.records[resource.id].status if not resource.properties.status

status(resource) := resource.properties.status

subjects contains {"type": "user", "id": id} if {
	input.subject.type == "user"
	some id, _ in data.users
	allowed({"type": "user", "id": id}, input.action, input.resource)
}

resources contains {"type": "record", "id": id} if {
	input.resource.type == "record"
	some id, _ in data.records
	allowed(input.subject, input.action, {"type": "record", "id": id})
}

actions contains {"name": name} if {
	some name in ["read", "write", "delete"]
	allowed(input.subject, {"name": name}, input.resource)
}
`)
	return dir
}

// authzen opens AuthZEN's door of a configuration to clients on this machine.
func authzen(c *config.Config) *config.Config {
	c.Doors.AuthZEN = true
	c.Clients.Anonymous = config.AnonymousLoopback
	return c
}

// startCertified starts a server of the certification's bundle, with more lines.
func startCertified(t testing.TB, more ...string) *sidecar {
	t.Helper()
	c := authzen(standard(t, certified(t), more...))
	c.Entrypoints = config.Entrypoints{Evaluate: "pdp/decision", Search: config.Search{Subject: "pdp/subjects", Resource: "pdp/resources", Action: "pdp/actions"}}
	return start(t, c)
}

// access asks one of AuthZEN's endpoints, by what follows /access/v1/.
func (s *sidecar) access(endpoint, body string, headers ...string) answer {
	s.t.Helper()
	return s.do("POST", "/access/v1/"+endpoint, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

// Bodies that every endpoint answers, and their parts.
const (
	alice    = `"subject":{"type":"user","id":"alice"}`
	bob      = `"subject":{"type":"user","id":"bob"}`
	admin    = `"subject":{"type":"user","id":"bob","properties":{"role":"admin"}}`
	reads    = `"action":{"name":"read"}`
	writes   = `"action":{"name":"write"}`
	first    = `"resource":{"type":"record","id":"record-1"}`
	archived = `"resource":{"type":"record","id":"record-2","properties":{"status":"archived"}}`

	aliceReads = `{` + alice + `,` + reads + `,` + first + `}`
)

// accessBodies are a good body for each endpoint.
var accessBodies = map[string]string{
	"evaluation":      aliceReads,
	"evaluations":     `{` + alice + `,` + reads + `,"evaluations":[{` + first + `}]}`,
	"search/subject":  `{"subject":{"type":"user"},` + reads + `,` + first + `}`,
	"search/resource": `{` + alice + `,` + reads + `,"resource":{"type":"record"}}`,
	"search/action":   `{` + alice + `,` + first + `}`,
}

const (
	yes = `{"decision":true}`
	no  = `{"decision":false}`
)

// An accessCase is one request of the certification scenario or beside it.
type accessCase struct{ id, body, want string }

func (c accessCase) run(t *testing.T, s *sidecar, endpoint string) {
	t.Helper()
	a := s.access(endpoint, c.body)
	switch want, refused := strings.CutPrefix(c.want, "400 "); {
	case refused:
		if a.Code != 400 || !strings.Contains(a.Body, want) || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %.200s: %d %s, want 400 with %q", c.id, c.body, a.Code, a.Body, want)
		}
	case a.Code != 200 || a.Body != c.want || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("X-Decision-Id") == "":
		t.Errorf("%s: %.200s: %d %s %v, want %s", c.id, c.body, a.Code, a.Body, a.Header, c.want)
	}
}

func TestAuthZEN_evaluation(t *testing.T) {
	s := startCertified(t)
	for _, c := range []accessCase{
		{"c-2-2-1", aliceReads, yes},
		{"c-2-2-1", `{` + alice + `,` + writes + `,` + first + `}`, yes},
		{"c-2-2-1", `{` + bob + `,` + reads + `,` + first + `}`, yes},
		{"c-2-2-2", `{` + bob + `,` + writes + `,` + first + `}`, no},
		{"c-2-2-3", `{` + alice + `,` + reads + `,` + first + `,"context":{"time":"1985-10-26T01:22-07:00"}}`, yes},
		{"c-2-2-3", `{` + bob + `,` + writes + `,` + first + `,"context":{}}`, no},
		{"c-2-2-4", `{` + alice + `,` + writes + `,` + archived + `}`, no},
		{"c-2-2-5", `{` + admin + `,` + writes + `,` + archived + `}`, yes},
		{"c-2-2-5", `{"subject":{"type":"user","id":"carol","properties":{"role":"admin"}},` + writes + `,` + archived + `}`, yes},
		{"c-2-2-6", `{` + alice + `,"action":{"name":"delete","properties":{"soft":true}},` + first + `}`, yes},
		{"c-2-2-7", `{` + alice + `,"action":{"name":"delete","properties":{"soft":false}},` + first + `}`, no},
		{"c-2-2-8", `{"subject":{"type":"user","id":"alice","properties":{"a":null,"b":[{"c":1e2}],"d":{}}},` + reads + `,` + first + `}`, yes},
		{"c-2-2-9", `{` + alice + `,` + reads + `,` + first + `,"more":1,"evaluations":null,"options":7}`, yes},
		{"c-5", `{"subject":{"more":null,"type":"user","id":"alice"},"action":{"more":[],"name":"read"},"resource":{"type":"record","id":"record-1","more":{}}}`, yes},
		{"members in another order", `{` + first + `,` + reads + `,"context":{},` + alice + `}`, yes},
		{"unknown subject", `{"subject":{"type":"robot","id":"r"},` + reads + `,` + first + `}`, no},
		{"empty texts", `{"subject":{"type":"","id":""},"action":{"name":""},"resource":{"type":"","id":""}}`, no},

		{"c-2-4-1", `{` + reads + `,` + first + `}`, "400 subject is missing"},
		{"c-2-4-1", `{` + alice + `,` + first + `}`, "400 action is missing"},
		{"c-2-4-1", `{` + alice + `,` + reads + `}`, "400 resource is missing"},
		{"c-2-4-1", `{"subject":{"id":"alice"},` + reads + `,` + first + `}`, "400 subject.type is missing"},
		{"c-2-4-1", `{"subject":{"type":"user"},` + reads + `,` + first + `}`, "400 subject.id is missing"},
		{"c-2-4-1", `{` + alice + `,"action":{},` + first + `}`, "400 action.name is missing"},
		{"c-2-4-1", `{` + alice + `,` + reads + `,"resource":{"id":"record-1"}}`, "400 resource.type is missing"},
		{"c-2-4-1", `{` + alice + `,` + reads + `,"resource":{"type":"record"}}`, "400 resource.id is missing"},
		{"c-2-4-2", `{"subject":`, "400 JSON"},
		{"c-2-4-4", ``, "400 empty"},
		{"s-type-1", `[` + aliceReads + `]`, "400 no object"},
		{"s-type-2", `"` + alice + `"`, "400 "},
		{"s-type-3", `{"subject":"alice",` + reads + `,` + first + `}`, "400 subject is no object"},
		{"s-type-4", `{"subject":{"type":"user","id":"alice","properties":null},` + reads + `,` + first + `}`, "400 subject.properties is no object"},
		{"s-type-4", `{` + alice + `,` + reads + `,` + first + `,"context":null}`, "400 context is no object"},
		{"s-type-5", `{"subject":{"type":"user","id":17},` + reads + `,` + first + `}`, "400 subject.id is no text"},
		{"s-json-1", `{` + bob + `,` + alice + `,` + reads + `,` + first + `}`, "400 duplicate"},
		{"s-json-1", `{"subject":{"type":"user","id":"bob","id":"alice"},` + reads + `,` + first + `}`, "400 duplicate"},
		{"s-json-2", `{"subject":{"type":"user","id":"alice` + "\xff" + `"},` + reads + `,` + first + `}`, "400 UTF-8"},
		{"s-json-2", `{"subject":{"type":"user","id":"\udc00"},` + reads + `,` + first + `}`, "400 surrogate"},
		{"s-dos-1", `{` + alice + `,` + reads + `,` + first + `,"context":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000) + `}`, "400 nests"},
		{"s-dos-2", strings.Repeat("[", 60_000), "400 nests"},
		{"s-dos-3", `{` + alice + `,` + reads + `,` + first + `,"context":{"n":` + strings.Repeat("9", 50_000) + `}}`, "400 number"},
		{"s-dos-4", `{` + alice + `,` + reads + `,` + first + `,"context":{"n":1e400}}`, "400 number"},
	} {
		c.run(t, s, "evaluation")
	}
	for range 3 { // c-2-6
		accessCase{"c-2-6", aliceReads, yes}.run(t, s, "evaluation")
	}
}

func TestAuthZEN_evaluations(t *testing.T) {
	s := startCertified(t, "limits: {batch: 20}")
	all := func(items ...string) string { return `{"evaluations":[` + strings.Join(items, ",") + `]}` }
	fault := func(message string) string {
		return fmt.Sprintf(`{"decision":false,"context":{"error":{"status":400,"message":%q}}}`, message)
	}
	const second = `"resource":{"type":"record","id":"record-2"}`
	ending := func(semantic string) string {
		return `{` + alice + `,"options":{"evaluations_semantic":"` + semantic + `"},"evaluations":[`
	}
	const (
		may, mayNot = `{` + reads + `,` + first + `}`, `{` + writes + `,` + archived + `}`
		broken      = `{` + reads + `}`
	)
	missing := fault("resource is missing")
	for _, c := range []accessCase{
		{"c-3-4-2", aliceReads, yes},
		{"c-3-4-3", `{` + bob + `,` + writes + `,` + first + `,"evaluations":[]}`, no},
		{"c-3-2-1", all(aliceReads), all(yes)},
		{"c-3-2-2", all(aliceReads, `{`+bob+`,`+writes+`,`+first+`}`, aliceReads), all(yes, no, yes)},
		{"c-3-2-5", `{` + alice + `,"resource":{},"evaluations":[` + may + `]}`, all(yes)},
		{"s-def-1", `{"evaluations":[{` + second + `},{` + first + `}],` + alice + `,` + reads + `,"resource":{}}`, all(yes, yes)},
		// A default is replaced whole: bob without a role of the caller's is no admin for record-1.
		{"s-def-2", `{"subject":{"type":"user","id":"carol","properties":{"role":"admin"}},` + writes + `,"evaluations":[{` + archived + `},{"subject":{"type":"user","id":"carol"},` + archived + `}]}`, all(yes, no)},
		{"s-def-3", `{` + alice + `,` + writes + `,` + archived + `,"evaluations":[{},{` + first + `},{"resource":{"id":"record-1"}}]}`, all(no, yes, fault("resource.type is missing"))},
		{"c-3-2-7", `{` + alice + `,"action":{"name":"delete","properties":{"soft":true}},` + first + `,"evaluations":[{},{"action":{"name":"delete"}}]}`, all(yes, no)},
		{"c-3-3-4", `{` + alice + `,` + reads + `,` + first + `,"evaluations":[{}]}`, all(yes)},
		{"c-3-4-1", `{` + alice + `,` + reads + `,"evaluations":[{` + first + `},{},{` + second + `}]}`, all(yes, missing, yes)},
		{"item of a wrong type", all(aliceReads, `null`, `[]`, `{"subject":null}`), all(yes, fault("the item is no object"), fault("the item is no object"), fault("subject is no object"))},
		{"s-sem-0", ending("execute_all") + mayNot + `,` + may + `,` + broken + `,` + may + `]}`, all(no, yes, missing, yes)},
		{"s-sem-1", ending("deny_on_first_deny") + may + `,` + mayNot + `,` + may + `]}`, all(yes, no)},
		{"s-sem-2", ending("deny_on_first_deny") + may + `,` + may + `]}`, all(yes, yes)},
		{"s-sem-3", ending("deny_on_first_deny") + may + `,` + broken + `,` + may + `]}`, all(yes, missing)},
		{"s-sem-4", ending("permit_on_first_permit") + mayNot + `,` + may + `,` + may + `]}`, all(no, yes)},
		{"s-sem-5", ending("permit_on_first_permit") + mayNot + `,` + mayNot + `]}`, all(no, no)},
		{"s-sem-6", ending("permit_on_first_permit") + broken + `,` + may + `,` + may + `]}`, all(missing, yes)},
		{"s-sem-7", ending("execute_all") + broken + `]}`, all(missing)},
		{"s-sem-8", ending("first_come") + may + `]}`, "400 none of"},
		{"s-sem-9", ending("") + may + `]}`, "400 none of"},
		{"options of a wrong type", `{` + alice + `,"options":[],"evaluations":[` + may + `]}`, "400 options is no object"},
		{"unknown options", `{` + alice + `,"options":{"more":null},"evaluations":[` + may + `]}`, all(yes)},
		{"items of a wrong type", `{` + alice + `,"evaluations":{}}`, "400 evaluations is no array"},
		{"default of a wrong type", `{"subject":7,"evaluations":[` + aliceReads + `]}`, "400 subject is no object"},
		{"alone and incomplete", `{` + alice + `,"evaluations":[]}`, "400 action is missing"},
		{"s-dos-5", all(strings.Split(strings.TrimSuffix(strings.Repeat(`{} `, 10_000), " "), " ")...), "400 more than 20"},
		{"s-json-1", `{` + alice + `,"evaluations":[` + aliceReads + `],"evaluations":[]}`, "400 duplicate"},
		{"c-2-4-4", ``, "400 empty"},
	} {
		c.run(t, s, "evaluations")
	}
	// s-ord-1: answers stand in the order of their questions.
	var items, want []string
	for i := range 20 {
		items, want = append(items, []string{may, mayNot}[i%2]), append(want, []string{yes, no}[i%2])
	}
	accessCase{"s-ord-1", ending("execute_all") + strings.Join(items, ",") + `]}`, all(want...)}.run(t, s, "evaluations")
}

// TestAuthZEN_contexts: by default an answer is a decision and nothing else, since interop
// runners compare texts (s-wire-2); what a policy tells is told.
func TestAuthZEN_contexts(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "pdp.rego", `package pdp

decision := {"allow": true, "reasons": [], "context": {"b": 1.50, "a": {"advice": "<&>"}}} if input.action.name == "told"

decision := {"allow": false, "reasons": [{"code": "plan_required", "plan": "pro", "message": "buy"}]} if input.action.name == "denied"

decision := {"allow": false, "reasons": [{"code": "policy_denied"}], "context": {"a": 1}} if input.action.name == "both"

decision := {"allow": false, "reasons": [], "context": {"reasons": "mine"}} if input.action.name == "own"

decision := {"allow": true, "reasons": []} if input.action.name == "allowed"
`)
	f := func(reasons bool, want map[string]string) {
		t.Helper()
		c := authzen(standard(t, dir))
		c.Entrypoints.Evaluate = "pdp/decision"
		c.AuthZEN.Reasons = reasons
		s := start(t, c)
		for name, body := range want {
			accessCase{name, `{` + alice + `,"action":{"name":"` + name + `"},` + first + `}`, body}.run(t, s, "evaluation")
			accessCase{name, `{` + alice + `,` + first + `,"evaluations":[{"action":{"name":"` + name + `"}}]}`, `{"evaluations":[` + body + `]}`}.run(t, s, "evaluations")
		}
	}
	told := `{"decision":true,"context":{"a":{"advice":"<&>"},"b":1.50}}`
	f(false, map[string]string{
		"told": told, "denied": no, "both": `{"decision":false,"context":{"a":1}}`,
		"own": `{"decision":false,"context":{"reasons":"mine"}}`, "allowed": yes, "undefined": no,
	})
	f(true, map[string]string{
		"told": told, "allowed": yes,
		"denied":    `{"decision":false,"context":{"reasons":[{"code":"plan_required","plan":"pro","message":"buy"}]}}`,
		"both":      `{"decision":false,"context":{"a":1,"reasons":[{"code":"policy_denied","message":"the policy denies it"}]}}`,
		"own":       `{"decision":false,"context":{"reasons":"mine"}}`,
		"undefined": `{"decision":false,"context":{"reasons":[{"code":"policy_undefined","message":"the policy says nothing about this question"}]}}`,
	})
}

// accessEndpoints are all of them, sorted.
func accessEndpoints() []string {
	var all []string
	for endpoint := range accessBodies {
		all = append(all, endpoint)
	}
	slices.Sort(all)
	return all
}
