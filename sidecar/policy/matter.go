package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/authzen"
	"postern/sidecar/requirement"
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

// document is what the input says of the matter, as far as the entrypoint reads it. What it
// reads and cannot be read is an error: a rule that denies by it would find nothing.
func (m matter) document(e *entrypoint, in Input) (ast.Object, error) {
	object := ast.NewObject()
	for _, part := range []struct {
		name  string
		there bool
		term  func() (*ast.Term, error)
	}{
		{"subject", true, func() (*ast.Term, error) { return m.subject(in) }},
		{"action", m.seeks != authzen.Actions, m.action},
		{"resource", true, func() (*ast.Term, error) { return m.resource(in) }},
		{"context", m.Context != nil, func() (*ast.Term, error) { return optional(m.Context) }},
	} {
		if !part.there || !e.footprint.reads(part.name) {
			continue
		}
		term, err := part.term()
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errMalformed, part.name, err)
		}
		object.Insert(ast.InternedTerm(part.name), term)
	}
	if in.Subject != nil && m.ofOrganization() {
		object.Insert(ast.InternedTerm("user_id"), ast.StringTerm(in.Subject.Session.UserID))
	}
	return object, nil
}

// ofOrganization reports whether the action may be one of an organization. It is known by
// its name alone: the user is in the input only then, so that users share the rest.
func (m matter) ofOrganization() bool {
	return m.seeks == authzen.Actions || !strings.Contains(m.Action.Name, ":")
}

// subject is input.subject. The id of a session is its token, which no policy sees.
func (m matter) subject(in Input) (*ast.Term, error) {
	object := ast.NewObject(member("type", ast.StringTerm(m.Subject.Type)))
	if in.Trusted && m.seeks != authzen.Subjects {
		object.Insert(ast.InternedTerm("id"), ast.StringTerm(m.Subject.ID))
	}
	return withProperties(object, m.Subject.Properties)
}

// action is input.action.
func (m matter) action() (*ast.Term, error) {
	return withProperties(ast.NewObject(member("name", ast.StringTerm(m.Action.Name))), m.Action.Properties)
}

// resource is input.resource. About a session rules are asked that are written for POST
// /v1/check, and look for what is said of a resource directly in it: it stands there too.
func (m matter) resource(in Input) (*ast.Term, error) {
	object := ast.NewObject(member("type", ast.StringTerm(m.Resource.Type)))
	if m.seeks != authzen.Resources {
		object.Insert(ast.InternedTerm("id"), ast.StringTerm(m.Resource.ID))
	}
	term, err := withProperties(object, m.Resource.Properties)
	if err != nil || in.Trusted {
		return term, err
	}
	said := object.Get(ast.InternedTerm("properties"))
	if said == nil {
		return term, nil
	}
	return term, said.Value.(ast.Object).Iter(func(name, value *ast.Term) error {
		switch nameOf(name) {
		case "type", "id", "properties":
		default:
			object.Insert(name, value)
		}
		return nil
	})
}

// withProperties adds the properties, an object of JSON, where there are any.
func withProperties(object ast.Object, raw jsontext.Value) (*ast.Term, error) {
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

// matterDocument is the input of the evaluate and search entrypoints (DESIGN section 4,
// column evaluate, search), with what was read of the matter.
func matterDocument(e *entrypoint, in Input, read ast.Object) (ast.Value, error) {
	object, err := in.document(e)
	if err != nil {
		return nil, err
	}
	read.Foreach(func(name, value *ast.Term) { object.Insert(name, value) })
	return object, nil
}

// matter appends to a key what an entrypoint reads of who asks, and of the matter.
func (k *key) matter(e *entrypoint, in Input, read ast.Object, scope uint64) {
	for i := range e.footprint.parts {
		p := &e.footprint.parts[i]
		if k.none || k.who(e, p, in, scope, requirement.Asks{}) {
			continue
		}
		var value ast.Value
		if term := read.Get(ast.InternedTerm(p.name)); term != nil {
			value = term.Value
		}
		k.part(p, value)
	}
}
