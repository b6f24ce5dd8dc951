package policy

import "github.com/open-policy-agent/opa/v1/ast"

// reads is which costly parts of a proxied request some rule of a bundle may read. The
// library reads none of them.
type reads struct {
	request, query, body         bool // input.request, and what stands in it
	envoy, envoyQuery, envoyBody bool // OPA-Envoy's document, its parsed_query, its parsed_body and truncated_body
}

// readsOf looks through all rules. A reference that leads nowhere fixed may lead
// everywhere, and the input by itself, as in json.marshal(input), is all of it.
func readsOf(modules map[string]*ast.Module) reads {
	var r reads
	var visitor *ast.GenericVisitor
	visitor = ast.NewGenericVisitor(func(x any) bool {
		switch x := x.(type) {
		case ast.Var:
			if x.Equal(ast.InputRootDocument.Value) {
				r = reads{true, true, true, true, true, true}
			}
		case *ast.Head: // whose reference the visitor leaves out
			visitor.Walk(x.Reference)
		case *ast.With: // which replaces its target, and does not read it
			visitor.Walk(x.Value)
			return true
		case ast.Ref:
			if !x[0].Equal(ast.InputRootDocument) {
				return false
			}
			r.follow(x[1:])
			for _, t := range x[1:] {
				visitor.Walk(t)
			}
			return true
		}
		return false
	})
	for _, module := range modules {
		visitor.Walk(module)
	}
	return r
}

// follow notes where a reference below the input may lead.
func (r *reads) follow(ref ast.Ref) {
	note := func(to *bool, path ...string) { *to = *to || mayLead(ref, path...) }
	note(&r.request, "request")
	note(&r.query, "request", "query")
	note(&r.body, "request", "body")
	for _, name := range []string{"attributes", "parsed_path", "source_principal", "version"} {
		note(&r.envoy, name)
	}
	note(&r.envoyQuery, "parsed_query")
	note(&r.envoyBody, "parsed_body")
	note(&r.envoyBody, "truncated_body")
}

// mayLead reports whether a reference leads to what is at path, or to something around it.
func mayLead(ref ast.Ref, path ...string) bool {
	for i, want := range path {
		if i == len(ref) {
			return true
		}
		if name, fixed := ref[i].Value.(ast.String); fixed && string(name) != want {
			return false
		}
	}
	return true
}
