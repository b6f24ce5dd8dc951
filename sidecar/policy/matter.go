package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/authzen"
)

// errMalformed: what is asked cannot be handed to a policy.
var errMalformed = errors.New("the question cannot be read")

// A matter is what an evaluation or a search is about.
type matter struct {
	*authzen.Evaluation
	// seeks is what a search looks for; an evaluation looks for nothing.
	seeks authzen.Kind
}

// asked is who asks, as far as that can be vouched for: nobody vouches for a session, and
// nobody need to for those that a search looks for.
func (m matter) asked(in Input) Input {
	in.Trusted = m.seeks == authzen.Subjects || in.Trusted && m.Subject.Type != authzen.SessionType
	return in
}

// document is the input of the evaluate and search entrypoints (DESIGN section 4, column
// evaluate, search), with as much of the matter as the entrypoint reads. What it reads and
// cannot be read is an error: a rule that denies by it would find nothing.
func (m matter) document(e *entrypoint, in Input) (ast.Object, error) {
	object, err := in.document(e)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"subject", "action", "resource", "context"} {
		if !e.footprint.reads(name) {
			continue
		}
		term, err := m.part(name, in)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errMalformed, name, err)
		}
		if term != nil {
			object.Insert(ast.InternedTerm(name), term)
		}
	}
	if user, ok := m.user(in); ok {
		object.Insert(ast.InternedTerm("user_id"), ast.StringTerm(user))
	}
	return object, nil
}

// part is a part of the input that is about the matter, nil where it is not there.
func (m matter) part(name string, in Input) (*ast.Term, error) {
	switch name {
	case "subject":
		return withProperties(m.subject(in), m.Subject.Properties)
	case "action":
		if m.seeks == authzen.Actions {
			return nil, nil
		}
		return withProperties(m.action(), m.Action.Properties)
	case "resource":
		term, err := withProperties(m.resource(), m.Resource.Properties)
		if err == nil && !in.Trusted {
			lift(term.Value.(ast.Object))
		}
		return term, err
	default:
		if m.Context == nil {
			return nil, nil
		}
		return optional(m.Context)
	}
}

// A said is a member of an entity or an action that is a text.
type said struct{ name, text string }

// subject is what input.subject says besides properties, by name. The id of a session is its
// token, which no policy sees.
func (m matter) subject(in Input) []said {
	kind := said{"type", m.Subject.Type}
	if in.Trusted && m.seeks != authzen.Subjects {
		return []said{{"id", m.Subject.ID}, kind}
	}
	return []said{kind}
}

func (m matter) action() []said { return []said{{"name", m.Action.Name}} }

func (m matter) resource() []said {
	kind := said{"type", m.Resource.Type}
	if m.seeks != authzen.Resources {
		return []said{{"id", m.Resource.ID}, kind}
	}
	return []said{kind}
}

// withProperties is an entity with its properties, an object of JSON, where there are any.
func withProperties(all []said, raw jsontext.Value) (*ast.Term, error) {
	object := ast.NewObject()
	for _, s := range all {
		object.Insert(ast.InternedTerm(s.name), ast.StringTerm(s.text))
	}
	if raw == nil {
		return ast.NewTerm(object), nil
	}
	value, err := valueOf(raw)
	if err != nil {
		return nil, err
	}
	if _, ok := value.(ast.Object); !ok {
		return nil, errors.New("properties are no object")
	}
	object.Insert(ast.InternedTerm("properties"), ast.NewTerm(value))
	return ast.NewTerm(object), nil
}

// lift puts a resource's properties beside them too: about a session rules are asked that are
// written for POST /v1/check, and look there for what is said of a resource. None of them
// takes the place of what the resource is.
func lift(resource ast.Object) {
	properties := resource.Get(ast.InternedTerm("properties"))
	if properties == nil {
		return
	}
	properties.Value.(ast.Object).Foreach(func(name, value *ast.Term) {
		switch nameOf(name) {
		case "type", "id", "properties":
		default:
			resource.Insert(name, value)
		}
	})
}

// user is input.user_id, which is there about an action of an organization. That is known by
// its name alone, so that users share all others.
func (m matter) user(in Input) (user string, ok bool) {
	if in.Subject == nil || m.seeks != authzen.Actions && strings.Contains(m.Action.Name, ":") {
		return "", false
	}
	return in.Subject.Session.UserID, true
}
