package policy

import (
	"cmp"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// footprintOf walks over every rule that the entrypoints at the given references can
// reach: by a reference, by a part of one that may come to a rule's name, or through with.
func footprintOf(compiler *ast.Compiler, entrypoints ...ast.Ref) *footprint {
	w := walk{
		compiler: compiler,
		seen:     map[*ast.Rule]bool{},
		paths:    map[string]inputPath{},
		f:        &footprint{impure: map[string]*ast.Location{}, ages: true},
	}
	w.visitor = ast.NewGenericVisitor(w.visit)
	for _, ref := range entrypoints {
		w.library = true // the rule that is asked is not asked by another
		w.reach(ref)
	}
	for len(w.next) > 0 {
		rule := w.next[len(w.next)-1]
		w.next = w.next[:len(w.next)-1]
		w.library = ofLibrary(rule)
		w.visitor.Walk(rule)
	}
	w.gather()
	return w.f
}

// A walk is the search for a footprint.
type walk struct {
	compiler *ast.Compiler
	visitor  *ast.GenericVisitor
	seen     map[*ast.Rule]bool
	next     []*ast.Rule
	paths    map[string]inputPath
	f        *footprint
	// library is whether the rule that is looked at is the library's.
	library bool
}

// ofLibrary reports whether a rule is none of the bundle's, to which only two packages
// below postern are open.
func ofLibrary(rule *ast.Rule) bool {
	path := rule.Module.Package.Path
	return len(path) > 2 && path[1].Equal(ast.InternedTerm("postern")) &&
		!path[2].Equal(ast.InternedTerm("extend")) && !path[2].Equal(ast.InternedTerm("log"))
}

// place is where something stands, below the library's name where it is the library's: a
// file of a bundle may be called like one of the library.
func (w *walk) place(at *ast.Location) *ast.Location {
	if at == nil {
		return &ast.Location{}
	}
	place := &ast.Location{File: at.File, Row: at.Row, Col: at.Col}
	if w.library && at.File != "" {
		place.File = libraryName + at.File
	}
	return place
}

// reach queues the rules that a reference may lead to.
func (w *walk) reach(ref ast.Ref) {
	for _, rule := range w.compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}) {
		w.f.ages = w.f.ages && (w.library || !ofLibrary(rule))
		if !w.seen[rule] {
			w.seen[rule] = true
			w.next = append(w.next, rule)
		}
	}
}

// visit looks at one node; true keeps the visitor from what is below it.
func (w *walk) visit(x any) bool {
	switch x := x.(type) {
	case *ast.Head: // whose reference the visitor leaves out
		w.visitor.Walk(x.Reference)
	case *ast.With:
		w.visitor.Walk(x.Value)
		w.target(x)
		return true
	case *ast.Term:
		if v, ok := x.Value.(ast.Var); ok && v.Equal(ast.InputRootDocument.Value) {
			w.whole(x.Location)
		}
		if ref, ok := x.Value.(ast.Ref); ok {
			w.ref(ref, x.Location)
			return true
		}
	case ast.Ref:
		w.ref(x, nil)
		return true
	}
	return false
}

// ref notes a reference, and what stands in it.
func (w *walk) ref(ref ast.Ref, at *ast.Location) {
	switch {
	case len(ref) == 0:
		return
	case ref[0].Equal(ast.InputRootDocument):
		w.read(ref[1:], at, false)
	case ref[0].Equal(ast.DefaultRootDocument):
		w.reach(ref)
	default:
		w.call(ref, at)
		w.visitor.Walk(ref[0])
	}
	for _, t := range ref[1:] {
		w.visitor.Walk(t)
	}
}

// target notes what a with replaces. To replace the whole input reads nothing of it.
func (w *walk) target(with *ast.With) {
	ref, ok := with.Target.Value.(ast.Ref)
	if !ok || len(ref) == 0 {
		return
	}
	if ref[0].Equal(ast.InputRootDocument) {
		if len(ref) > 1 {
			w.read(ref[1:], with.Location, true)
		}
		return
	}
	w.ref(ref, with.Location)
}

// read notes a path of the input, up to its first part that is no fixed name: objects of
// the input have no other keys, and a list is read whole.
func (w *walk) read(ref ast.Ref, at *ast.Location, replaced bool) {
	fixed := 0
	for fixed < len(ref) {
		if _, ok := ref[fixed].Value.(ast.String); !ok {
			break
		}
		fixed++
	}
	if fixed == 0 {
		w.whole(at)
		return
	}
	w.f.ages = w.f.ages && (w.library || nameOf(ref[0]) != "factor_age")
	p := inputPath{names: slices.Clone(ref[:fixed]), at: w.place(at), replaced: replaced && fixed == len(ref)}
	p.text = (append(ast.Ref{ast.InputRootDocument}, ref[:fixed]...)).String()
	known, twice := w.paths[p.text]
	if twice {
		p.replaced = p.replaced && known.replaced
		p.at = firstOf(known.at, p.at)
	}
	w.paths[p.text] = p
}

func (w *walk) whole(at *ast.Location) {
	w.f.ages = false
	w.f.whole = firstOf(w.f.whole, w.place(at))
}

// firstOf is the place to name of two: one that is known, rather the bundle's than the
// library's, and else the first. The walk comes to rules in no order.
func firstOf(a, b *ast.Location) *ast.Location {
	rank := func(l *ast.Location) int {
		switch {
		case l == nil:
			return 3
		case l.File == "":
			return 2
		case strings.HasPrefix(l.File, libraryName):
			return 1
		}
		return 0
	}
	if cmp.Or(rank(a)-rank(b), a.Compare(b)) <= 0 {
		return a
	}
	return b
}

// call notes a built-in whose result is not a function of its arguments. To name it is
// enough: it may be called by another name, through with.
func (w *walk) call(operator ast.Ref, at *ast.Location) {
	name := operator.String()
	builtin, ok := ast.BuiltinMap[name]
	if ok && (builtin.Nondeterministic || slices.Contains(onRequest, name)) {
		w.f.impure[name] = firstOf(w.f.impure[name], w.place(at))
	}
}

// gather sorts what was found by part.
func (w *walk) gather() {
	byPart := map[string]*part{}
	for _, text := range sortedNames(w.paths) {
		p := w.paths[text]
		name := nameOf(p.names[0])
		if byPart[name] == nil {
			byPart[name] = &part{name: name}
		}
		p.names = p.names[1:]
		byPart[name].paths = append(byPart[name].paths, p)
	}
	for _, name := range sortedNames(byPart) {
		w.f.parts = append(w.f.parts, *byPart[name])
	}
}
