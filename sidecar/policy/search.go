package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/open-policy-agent/opa/v1/rego"

	"postern/sidecar/authzen"
)

// A searchRule is an entrypoint that lists entities of one kind.
type searchRule struct {
	entrypoint
	query rego.PreparedEvalQuery
	// sift is whether each entity is only found if an evaluation is true for it: where a rule
	// of the bundle decides evaluations, the library only knows what to ask it about.
	sift bool
}

// errNoSearch: nothing lists what is looked for.
var errNoSearch = errors.New("there is no entrypoint for this search")

// Searches reports whether there is an entrypoint that lists entities of a kind.
func (p *Policy) Searches(kind authzen.Kind) bool { return p.searches[kind] != nil }

// Search answers an AuthZEN search: the entities for which an evaluation would be true, as
// the entrypoint lists them, and each once. The subject is as in [Policy.Evaluate]; of a
// session that is none nothing is found. What it returns is shared: nobody may change it. With
// an error it finds nothing; the error is for the log, and [Refusal] says what a caller may
// know of it.
func (p *Policy) Search(ctx context.Context, in Input, s *authzen.Search) ([]authzen.Result, error) {
	by := p.searches[s.Kind]
	if by == nil {
		return nil, errNoSearch
	}
	ctx, cancel := context.WithTimeout(ctx, p.bound.Deadline)
	defer cancel()
	found, err := p.found(ctx, in, by, s)
	if err != nil || !by.sift {
		return found, err
	}
	return p.sifted(ctx, in, s, found)
}

// found is what the entrypoint lists.
func (p *Policy) found(ctx context.Context, in Input, by *searchRule, s *authzen.Search) ([]authzen.Result, error) {
	m := matter{&s.Evaluation, s.Kind}
	if in = p.gated(m.asked(in)); in.Credential != "" {
		return nil, nil
	}
	k := p.key(&by.entrypoint)
	defer p.done(k)
	k.matter(&by.entrypoint, in, m, p.scope)
	if known, ok := p.find(k); ok {
		return known.found, nil
	}
	document, err := m.document(&by.entrypoint, in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := in.bounded(ctx)
	defer cancel()
	reading := p.store.Reading()
	result, err := p.eval(ctx, by.query, document, reading, in.Now)
	if err != nil {
		return nil, err
	}
	found, err := resultsOf(s, result)
	if err != nil {
		return nil, err
	}
	p.keep(k, &kept{found: found}, reading)
	return found, nil
}

// sifted is what of the actions that were found an evaluation allows.
func (p *Policy) sifted(ctx context.Context, in Input, s *authzen.Search, found []authzen.Result) ([]authzen.Result, error) {
	allowed := make([]authzen.Result, 0, len(found))
	for _, action := range found {
		e := s.Evaluation
		e.Action = authzen.Action{Name: action.Name}
		answer, cause := p.Evaluate(ctx, in, &e)
		if cause != nil && !errors.Is(cause, errUndefined) {
			return nil, cause
		}
		if answer.Allow {
			allowed = append(allowed, action)
		}
	}
	return allowed, nil
}

// resultsOf reads the result of a search entrypoint: a set, which comes sorted, or an array
// of exactly {type, id} of the type that is looked for, or {name}.
func resultsOf(s *authzen.Search, result any) ([]authzen.Result, error) {
	list, ok := result.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: it is a %T, and no set or array", errShape, result)
	}
	found, known := make([]authzen.Result, 0, len(list)), make(map[authzen.Result]bool, len(list))
	for i, item := range list {
		r, ok := resultOf(s, item)
		if !ok {
			return nil, fmt.Errorf("%w: [%d] is not exactly the texts that a search for %ss lists", errShape, i, s.Kind)
		}
		if !known[r] {
			known[r] = true
			found = append(found, r)
		}
	}
	return slices.Clip(found), nil
}

func resultOf(s *authzen.Search, item any) (r authzen.Result, ok bool) {
	object, _ := item.(map[string]any)
	if !validTexts(object) {
		return r, false
	}
	if s.Kind == authzen.Actions {
		r.Name, ok = object["name"].(string)
		return r, ok && len(object) == 1
	}
	want := s.Subject.Type
	if s.Kind == authzen.Resources {
		want = s.Resource.Type
	}
	r.Type, _ = object["type"].(string)
	r.ID, ok = object["id"].(string)
	return r, ok && object["type"] != nil && r.Type == want && len(object) == 2
}

// validTexts reports whether all texts in a value are UTF-8, which a policy can make others
// of and JSON cannot hold.
func validTexts(value any) bool {
	switch v := value.(type) {
	case string:
		return utf8.ValidString(v)
	case []any:
		return !slices.ContainsFunc(v, func(element any) bool { return !validTexts(element) })
	case map[string]any:
		for name, member := range v {
			if !utf8.ValidString(name) || !validTexts(member) {
				return false
			}
		}
	}
	return true
}

// candidatesPath is the library's rule of what a search for actions may find at all.
const candidatesPath = "postern/search/candidates"

// evaluatesByLibrary reports whether the library alone decides evaluations of sessions.
func (c *compiled) evaluatesByLibrary() bool {
	return c.entrypoints.Evaluate == libraryEntrypoints.Evaluate && c.entrypoints.Check == libraryEntrypoints.Check
}

// searchRules prepares the entrypoints of AuthZEN searches, as far as there are any.
func (c *compiled) searchRules(ctx context.Context) (map[authzen.Kind]*searchRule, error) {
	rules := map[authzen.Kind]*searchRule{}
	chosen, own := c.entrypoints.Search, libraryEntrypoints.Search
	for _, kind := range []struct {
		kind      authzen.Kind
		number    byte
		path, own string
	}{
		{authzen.Subjects, subjectSearch, chosen.Subject, own.Subject},
		{authzen.Resources, resourceSearch, chosen.Resource, own.Resource},
		{authzen.Actions, actionSearch, chosen.Action, own.Action},
	} {
		if kind.path == "" {
			continue
		}
		if err := reserved(kind.path, kind.own); err != nil {
			return nil, err
		}
		path, sift := kind.path, false
		if path == libraryEntrypoints.Search.Action && !c.evaluatesByLibrary() {
			path, sift = candidatesPath, true
		}
		query, err := c.query(ctx, path, strict)
		if err != nil {
			return nil, err
		}
		rules[kind.kind] = &searchRule{entrypoint: c.entrypoint(kind.number, path), query: query, sift: sift}
	}
	return rules, nil
}
