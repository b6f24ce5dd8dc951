package policy

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/decision"
	"postern/sidecar/request"
	"postern/sidecar/requirement"
)

// The library decides evaluations of sessions as it decides checks. Where a bundle's own rule
// decides checks and none of its own evaluations, that rule is asked: whoever may not do
// something by one door may not by the other.

// actionNames is the library's rule of which names are organization actions.
const actionNames = "postern/action/names"

// ownActions are the names of organization actions, where an own rule decides checks and the
// library's evaluations; else nil.
func (c *compiled) ownActions(ctx context.Context) (map[string]bool, error) {
	if c.entrypoints.Check == libraryEntrypoints.Check || c.entrypoints.Evaluate != libraryEntrypoints.Evaluate {
		return nil, nil
	}
	query, err := c.query(ctx, actionNames, strict)
	if err != nil {
		return nil, err
	}
	results, err := query.Eval(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", actionNames, err)
	}
	names := map[string]bool{}
	for _, name := range texts(results[0].Expressions[0].Value) {
		names[name] = true
	}
	return names, nil
}

// checked asks about a session what POST /v1/check would be asked.
func (p *Policy) checked(ctx context.Context, in Input, m matter) (*decision.Answer, error) {
	if in.late() {
		return failed(errTimeout), errTimeout
	}
	q, err := m.question(in, p.actions)
	if err != nil {
		return failed(err), nil
	}
	return p.Check(ctx, in, q)
}

// question is the matter as a check says it: the action's name is an organization action or a
// permission, and the resource has its properties beside it.
func (m matter) question(in Input, actions map[string]bool) (*request.Question, error) {
	resource, err := m.part("resource", in)
	if err != nil {
		return nil, fmt.Errorf("%w: resource: %w", errMalformed, err)
	}
	q := &request.Question{Context: m.Context}
	if q.Resource, err = jsonOf(resource.Value); err != nil {
		return nil, fmt.Errorf("%w: resource: %w", errMalformed, err)
	}
	if actions[m.Action.Name] {
		q.Action = m.Action.Name
		return q, nil
	}
	permission, err := jsontext.AppendQuote([]byte(`{"permission":`), m.Action.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: action: %w", errMalformed, err)
	}
	if q.Require, err = requirement.Parse(append(permission, '}')); err != nil {
		return nil, fmt.Errorf("%w: action: %w", errMalformed, err)
	}
	return q, nil
}

// jsonOf is a value as JSON, its numbers with all their digits.
func jsonOf(value ast.Value) (jsontext.Value, error) {
	plain, err := ast.JSON(value)
	if err != nil {
		return nil, err
	}
	return json.Marshal(plain)
}
