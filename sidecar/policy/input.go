package policy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/requirement"
)

// An Input is who asks and when. A nil Subject is no session, and Credential then says
// why.
type Input struct {
	Subject    *Subject
	Credential decision.Code
	// Trusted is whether whoever asks vouches for the subject of an evaluation or a search.
	// There is no session then, and no credential that would be missing.
	Trusted bool
	Now     time.Time
	// Until is when the caller waits no longer, by the process's clock; zero is as long as
	// an evaluation may take.
	Until time.Time
}

// bounded is a context that ends when the caller waits no longer. Only what is evaluated
// needs one.
func (in Input) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if in.Until.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, in.Until)
}

// late reports whether the caller waits no longer.
func (in Input) late() bool { return !in.Until.IsZero() && !time.Now().Before(in.Until) }

// document is what an entrypoint reads of the asking session: session, credential, now.
// What takes long to make and no rule reads is not in it.
func (in Input) document(e *entrypoint) (ast.Object, error) {
	session := null
	if in.Subject != nil {
		var err error
		if session, err = in.Subject.document(func(member string) bool { return e.footprint.reads("session", member) }); err != nil {
			return nil, err
		}
	}
	return ast.NewObject(
		member("now", ast.NumberTerm(jsonNumber(strconv.FormatInt(in.Now.Unix(), 10)))),
		member("session", session),
		member("credential", in.credential()),
	), nil
}

// checkDocument is the input of the check entrypoint (DESIGN section 4, column check).
func checkDocument(e *entrypoint, in Input, q *request.Question) (ast.Value, error) {
	object, err := in.document(e)
	if err != nil {
		return nil, err
	}
	if q.Action != "" {
		object.Insert(ast.InternedTerm("action"), ast.StringTerm(q.Action))
		// Whose action it is stands apart from the session, which most rules then need not
		// read the user of.
		if in.Subject != nil {
			object.Insert(ast.InternedTerm("user_id"), ast.StringTerm(in.Subject.Session.UserID))
		}
	} else if err := in.require(object, q.Require); err != nil {
		return nil, err
	}
	for _, part := range []struct {
		name string
		raw  jsontext.Value
	}{{"resource", q.Resource}, {"context", q.Context}} {
		if part.raw == nil {
			continue
		}
		v, err := valueOf(part.raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		object.Insert(ast.InternedTerm(part.name), ast.NewTerm(v))
	}
	return object, nil
}

// require adds what is asked for, and what only some of it needs.
func (in Input) require(object ast.Object, r requirement.Requirement) error {
	list, err := termList(r.Any)
	if err != nil {
		return fmt.Errorf("requirement: %w", err)
	}
	object.Insert(ast.InternedTerm("check"), ast.ObjectTerm(member("any", list)))
	if !r.Asks().Reverifies || in.Subject == nil {
		return nil
	}
	if age := in.Subject.factorAge(); age != nil {
		object.Insert(ast.InternedTerm("factor_age"), age)
	}
	return nil
}

func termList(terms []requirement.Term) (*ast.Term, error) {
	values := make([]*ast.Term, len(terms))
	for i := range terms {
		var err error
		if values[i], err = plainTerm(&terms[i]); err != nil {
			return nil, err
		}
	}
	return ast.ArrayTerm(values...), nil
}

// plainTerm is one term with the members that it asks for.
func plainTerm(t *requirement.Term) (*ast.Term, error) {
	object := ast.NewObject()
	if t.All != nil {
		all, err := termList(t.All)
		if err != nil {
			return nil, err
		}
		object.Insert(ast.InternedTerm("all"), all)
		return ast.NewTerm(object), nil
	}
	for _, part := range []struct {
		name string
		raw  jsontext.Value
	}{
		{"role", t.Role},
		{"permission", t.Permission},
		{"feature", t.Feature},
		{"plan", t.Plan},
		{"reverification", t.Reverification},
	} {
		if part.raw == nil {
			continue
		}
		v, err := valueOf(part.raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
		if part.name == "reverification" {
			v = doubled(v)
		}
		object.Insert(ast.InternedTerm(part.name), ast.NewTerm(v))
	}
	return ast.NewTerm(object), nil
}

// doubled reads the minutes of a reverification as JavaScript would, to a double: policies
// compare exactly, and would find 10.00000000000000001 to be more than 10.
func doubled(v ast.Value) ast.Value {
	object, ok := v.(ast.Object)
	if !ok {
		return v
	}
	key := ast.InternedTerm("afterMinutes")
	term := object.Get(key)
	if term == nil {
		return v
	}
	number, ok := term.Value.(ast.Number)
	if !ok {
		return v
	}
	f, ok := number.Float64()
	if !ok {
		return v
	}
	object.Insert(key, ast.NumberTerm(jsonNumber(strconv.FormatFloat(f, 'f', -1, 64))))
	return object
}
