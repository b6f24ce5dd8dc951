package server_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/sidecar/config"
)

// interop is a bundle of the policies of three interop scenarios of the working group.
const interop = `package interop

default decision := false

# The todo application, and the gateway before it: roles are the decision point's.
people := {
	"CiRmZDA2": {"mail": "rick@the-citadel.com", "roles": {"admin", "evil_genius"}},
	"CiRmZDE2": {"mail": "morty@the-citadel.com", "roles": {"editor"}},
	"CiRmZDI2": {"mail": "summer@the-smiths.com", "roles": {"editor"}},
	"CiRmZDM2": {"mail": "beth@the-smiths.com", "roles": {"viewer"}},
	"CiRmZDQ2": {"mail": "jerry@the-smiths.com", "roles": {"viewer"}},
}

person := people[substring(input.subject.id, 0, 8)]

needs := {
	"can_create_todo": {"admin", "editor"}, "can_update_todo": {"evil_genius"}, "can_delete_todo": {"admin"},
	"POST /todos": {"admin", "editor"}, "PUT /todos/{todoId}": {"evil_genius", "editor"}, "DELETE /todos/{todoId}": {"admin", "editor"},
}

asked := input.action.name if input.resource.type != "route"

asked := sprintf("%s %s", [input.action.name, input.resource.id]) if input.resource.type == "route"

decision if {
	person
	asked in {"can_read_user", "can_read_todos", "GET /users/{userId}", "GET /todos"}
}

decision if needs[asked] & person.roles != set()

decision if {
	asked in {"can_update_todo", "can_delete_todo"}
	"editor" in person.roles
	input.resource.properties.ownerID == person.mail
}

# The search demo.
may(user, "view", record) if user.id == record.owner

may(user, "view", record) if user.department == record.department

may(user, "view", _) if user.role == "manager"

may(user, "edit", record) if user.id == record.owner

may(user, "edit", record) if {
	user.role == "manager"
	user.department == record.department
}

may(user, "delete", record) if user.id == record.owner

subjects := [{"type": "user", "id": user.id} |
	some user in data.users
	some record in data.records
	input.resource.id == sprintf("%d", [record.id])
	may(user, input.action.name, record)
]

resources := [{"type": "record", "id": sprintf("%d", [record.id])} |
	some record in data.records
	some user in data.users
	input.subject.id == user.id
	may(user, input.action.name, record)
]

actions := [{"name": name} |
	some name in ["view", "edit", "delete"]
	some user in data.users
	input.subject.id == user.id
	some record in data.records
	input.resource.id == sprintf("%d", [record.id])
	may(user, name, record)
]
`

// TestAuthZEN_interop replays the scenarios that decision points are shown with, and compares
// texts as their runners do.
func TestAuthZEN_interop(t *testing.T) {
	vectors := func(name string) []byte {
		text, err := os.ReadFile(filepath.Join("../../../shared/vectors/authzen", name))
		if err != nil {
			t.Skip("the vectors are not here")
		}
		return text
	}
	dir := t.TempDir()
	write(t, dir, "data.json", `{"users":`+string(vectors("search-users.json"))+`,"records":`+string(vectors("search-records.json"))+`}`)
	write(t, dir, "interop.rego", interop)
	c := authzen(standard(t, dir))
	c.Entrypoints = config.Entrypoints{Evaluate: "interop/decision", Search: config.Search{Subject: "interop/subjects", Resource: "interop/resources", Action: "interop/actions"}}
	s := start(t, c)
	replay := func(file, endpoint string, count int) {
		t.Helper()
		var all struct {
			Evaluation, Evaluations []struct{ Request, Expected json.RawMessage }
		}
		if err := json.Unmarshal(vectors(file), &all); err != nil {
			t.Fatal(err)
		}
		for _, one := range append(all.Evaluation, all.Evaluations...) {
			var want bytes.Buffer
			if err := json.Compact(&want, one.Expected); err != nil {
				t.Fatal(err)
			}
			at, text := endpoint, want.String()
			switch {
			case strings.HasPrefix(text, "["):
				at, text = "evaluations", `{"evaluations":`+text+`}`
			case endpoint == "evaluation":
				text = `{"decision":` + text + `}`
			}
			accessCase{file, string(one.Request), text}.run(t, s, at)
			count--
		}
		if count != 0 {
			t.Errorf("%s: %d cases more than expected", file, -count)
		}
	}
	replay("todo-decisions-authorization-api-1_0-02.json", "evaluation", 43)
	replay("gateway-decisions.json", "evaluation", 25)
	replay("search-subject-results.json", "search/subject", 60)
	replay("search-resource-results.json", "search/resource", 18)
	replay("search-action-results.json", "search/action", 120)
}

// TestAuthZEN_docs serves the policy that docs/authzen.md shows.
func TestAuthZEN_docs(t *testing.T) {
	page, err := os.ReadFile("../../docs/authzen.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```rego\n")
	policy, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the page shows no policy")
	}
	dir := t.TempDir()
	write(t, dir, "app/authzen.rego", policy)
	write(t, dir, "data.yaml", "records: {record-1: {readers: [alice]}}")
	c := authzen(standard(t, dir, "entrypoints: {evaluate: app/authzen/decision, search: {resource: app/authzen/records}}"))
	s := start(t, c)
	accessCase{"allow", aliceReads, yes}.run(t, s, "evaluation")
	accessCase{"deny", `{` + bob + `,` + reads + `,` + first + `}`, no}.run(t, s, "evaluation")
	accessCase{"find", accessBodies["search/resource"], `{"results":[{"type":"record","id":"record-1"}]}`}.run(t, s, "search/resource")
}
