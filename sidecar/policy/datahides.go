package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// withhold takes out of an error what it may quote of documents that cannot be asked for: a
// built-in names the operand that it fails on, and the caller chooses whether it is an error.
func (d *data) withhold(path []string, e *DataError) {
	quotes := func(detail DataDetail) bool {
		return detail.Code == topdown.BuiltinErr || detail.Code == topdown.TypeErr || detail.Code == topdown.InternalErr
	}
	if !slices.ContainsFunc(e.Details, quotes) || !d.readsHidden(path) {
		return
	}
	for i, detail := range e.Details {
		if quotes(detail) {
			e.Details[i].Message = "a built-in failed, on what may not be shown"
		}
	}
}

// readsHidden reports whether a rule that a path leads to may read what cannot be asked for.
func (d *data) readsHidden(path []string) bool {
	s := hiddenSearch{data: d, seen: map[*ast.Rule]bool{}}
	s.visitor = ast.NewGenericVisitor(s.visit)
	if len(path) > 0 {
		s.ref(dataRef(path))
	} else {
		for _, name := range d.names {
			s.ref(dataRef([]string{name}))
		}
	}
	for len(s.next) > 0 && !s.found {
		rule := s.next[len(s.next)-1]
		s.next = s.next[:len(s.next)-1]
		s.visitor.Walk(rule)
	}
	return s.found
}

// A hiddenSearch goes from rule to rule until one reads what is hidden.
type hiddenSearch struct {
	*data
	visitor *ast.GenericVisitor
	seen    map[*ast.Rule]bool
	next    []*ast.Rule
	found   bool
}

// visit looks at one node; true keeps the visitor from what is below it.
func (s *hiddenSearch) visit(x any) bool {
	switch x := x.(type) {
	case *ast.Head: // whose reference the visitor leaves out
		s.visitor.Walk(x.Reference)
	case ast.Var:
		s.found = s.found || x.Equal(ast.DefaultRootDocument.Value)
	case ast.Ref:
		if len(x) > 0 && x[0].Equal(ast.DefaultRootDocument) {
			s.ref(x)
			for _, t := range x[1:] {
				s.visitor.Walk(t)
			}
			return true
		}
	}
	return s.found
}

// ref follows a reference below data. One whose first name is not fixed may lead anywhere.
func (s *hiddenSearch) ref(ref ast.Ref) {
	if len(ref) == 1 {
		s.found = true
		return
	}
	name, fixed := ref[1].Value.(ast.String)
	if !fixed || slices.Contains(hidden, string(name)) && !slices.Contains(s.readable, string(name)) {
		s.found = true
		return
	}
	for _, rule := range s.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}) {
		if !s.seen[rule] {
			s.seen[rule] = true
			s.next = append(s.next, rule)
		}
	}
}
