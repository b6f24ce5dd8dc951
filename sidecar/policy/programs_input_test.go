package policy_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"postern/sidecar/authzen"
	"postern/sidecar/policy"
	"postern/sidecar/request"
	"postern/sidecar/session"
)

// A case is what one input is made of: the members of the documents that a program looks
// into, by name, and who asks for what.
type programCase struct {
	documents []string
	tree      map[string]any
	role      string
	// signedIn is false for nobody.
	signedIn bool
	action   string
	path     string
}

// documentsOf are the documents of a case that programs look into. A proxy's context is
// headers.
func documentsOf(asked string) []string {
	switch asked {
	case "route":
		return []string{"body", "context", "metadata", "claims"}
	case "evaluate":
		return []string{"context", "resource", "subject", "metadata", "claims"}
	}
	return []string{"context", "resource", "metadata", "claims"}
}

// randomCases are n cases, each but the first a small change of an earlier one, in an order
// in which some come again.
func randomCases(rng *rand.Rand, n int, documents []string) []programCase {
	first := programCase{documents: documents, tree: map[string]any{"context": map[string]any{}}, role: "org:admin", signedIn: !oneIn(rng, 8), path: "/o/a/b"}
	for _, name := range documents {
		first.tree[name] = map[string]any{}
		for _, member := range programNames {
			if !oneIn(rng, 4) {
				first.tree[name].(map[string]any)[member] = randomValue(rng, 2)
			}
		}
	}
	all := []programCase{first}
	for len(all) < n {
		all = append(all, pick(rng, all).changed(rng))
	}
	return all
}

func randomValue(rng *rand.Rand, depth int) any {
	if depth == 0 || oneIn(rng, 2) {
		return raw(pick(rng, programConstants))
	}
	if oneIn(rng, 3) {
		list := make([]any, rng.IntN(3))
		for i := range list {
			list[i] = randomValue(rng, depth-1)
		}
		return list
	}
	object := map[string]any{}
	for _, name := range programNames {
		if oneIn(rng, 2) {
			object[name] = randomValue(rng, depth-1)
		}
	}
	return object
}

// changed is a copy with one difference, or two.
func (c programCase) changed(rng *rand.Rand) programCase {
	c.tree = copied(c.tree).(map[string]any)
	for range pick(rng, []int{1, 1, 1, 2}) {
		switch rng.IntN(16) {
		case 0:
			c.role = pick(rng, []string{"org:admin", "org:member"})
		case 1:
			c.signedIn = !c.signedIn
		case 2:
			c.action = pick(rng, []string{"", "a", "b"})
		case 3:
			c.path = pick(rng, []string{"/o/a/b", "/o/b/b", "/x", "/o/a/a"})
		default:
			change(rng, c.tree[pick(rng, c.documents)], 0)
		}
	}
	return c
}

// change makes one small difference somewhere in a value that can be changed in place.
func change(rng *rand.Rand, value any, depth int) {
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	name := pick(rng, programNames)
	if _, below := object[name].(map[string]any); below && !oneIn(rng, 3) {
		change(rng, object[name], depth+1)
		return
	}
	switch rng.IntN(10) {
	case 0:
		delete(object, name)
	case 1, 2: // another kind in the way of longer paths
		object[name] = raw(pick(rng, []string{`null`, `"a"`, `[]`, `{}`, `false`, `true`, `1`, `[{"a":1}]`}))
	case 6: // what it was, one deeper
		if old, there := object[name]; there {
			object[name] = map[string]any{pick(rng, programNames): old}
		}
	case 3: // the same by other digits, or as a text
		object[name] = raw(pick(rng, []string{`1`, `1.0`, `"1"`, `10e-1`}))
	case 4: // by another name
		if old, there := object[name]; there {
			delete(object, name)
			object[pick(rng, programNames)] = old
		}
	case 5: // beside what it was in
		if inner, below := object[name].(map[string]any); below {
			for other, value := range inner {
				if _, there := object[other]; !there {
					delete(inner, other)
					object[other] = value
				}
			}
		}
	default:
		object[name] = randomValue(rng, 2)
	}
}

func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		made := maps.Clone(v)
		for name := range made {
			made[name] = copied(made[name])
		}
		return made
	case []any:
		made := slices.Clone(v)
		for i := range made {
			made[i] = copied(made[i])
		}
		return made
	}
	return value
}

func (c programCase) json(name string) json.RawMessage { return raw(written(nil, c.tree[name])) }

// input is who asks.
func (c programCase) input(t testing.TB) policy.Input {
	t.Helper()
	if !c.signedIn {
		return policy.Input{Now: now, Credential: "token_expired"}
	}
	s := &session.Session{
		UserID: "user_1", Issuer: "https://a.example", Profile: session.ProfileClerk,
		Org:      &session.Org{ID: "org_a", Role: c.role},
		Metadata: []byte(c.json("metadata")), Claims: []byte(c.json("claims")),
	}
	sub, err := policy.NewSubject(s)
	if err != nil {
		t.Fatal(err)
	}
	return policy.Input{Now: now, Subject: sub}
}

// question is what an app asks.
func (c programCase) question(t testing.TB) *request.Question {
	t.Helper()
	document := map[string]any{"context": c.json("context"), "resource": c.json("resource")}
	if c.action != "" {
		document["action"] = c.action
	} else {
		document["role"] = "org:admin"
	}
	q := ask(t, written(nil, document))
	return &q
}

// evaluation is what an AuthZEN enforcement point asks, about the session or, for nobody,
// about a user that it does not vouch for.
func (c programCase) evaluation() *authzen.Evaluation {
	return &authzen.Evaluation{
		Subject:  authzen.Entity{Type: "session", ID: secretToken, Properties: []byte(c.json("subject"))},
		Action:   authzen.Action{Name: cmp.Or(c.action, "org:a:b"), Properties: []byte(c.json("context"))},
		Resource: authzen.Entity{Type: "a", ID: c.path, Properties: []byte(c.json("resource"))},
		Context:  []byte(c.json("context")),
	}
}

// proxied is what a proxy asks.
func (c programCase) proxied(t testing.TB) request.Proxied {
	t.Helper()
	r := proxied(t, "POST", c.path).WithField("Content-Type", "application/json")
	for _, name := range programNames {
		if text, ok := c.tree["context"].(map[string]any)[name].(json.RawMessage); ok && text[0] == '"' {
			r = r.WithField(name, string(text[1:len(text)-1]))
		}
	}
	r.Body = &request.Body{Raw: []byte(c.json("body"))}
	return r
}
