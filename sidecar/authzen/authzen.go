// Package authzen is the messages of the AuthZEN Authorization API 1.0: what is asked, and
// how it is answered. It decides nothing and knows no transport.
package authzen

import "github.com/go-json-experiment/json/jsontext"

// SessionType is the type of a subject whose id is a session token. Whoever asks does not
// vouch for it: the token is verified like any other.
const SessionType = "session"

// An Evaluation asks whether a subject may do something to a resource.
type Evaluation struct {
	Subject  Entity
	Action   Action
	Resource Entity
	// Context is an object, nil where there is none.
	Context jsontext.Value
}

// An Entity is a subject or a resource.
type Entity struct {
	Type, ID string
	// Properties is an object, nil where there are none.
	Properties jsontext.Value
}

// An Action is what a subject may do.
type Action struct {
	Name string
	// Properties is an object, nil where there are none.
	Properties jsontext.Value
}

// A Kind is what a search looks for.
type Kind string

// The kinds of searches.
const (
	Subjects  Kind = "subject"
	Resources Kind = "resource"
	Actions   Kind = "action"
)

// A Search asks for all entities of a kind for which an evaluation would be true. What it
// looks for has no id and no name in it, whatever the caller sent.
type Search struct {
	Kind Kind
	Evaluation
}

// A Result is an entity that a search found: a Type and an ID, or for actions a Name.
type Result struct {
	Type, ID, Name string
}
