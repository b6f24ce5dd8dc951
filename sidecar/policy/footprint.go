package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A footprint is all that an entrypoint can read of its input: the references below input
// in the rules that it can reach, each cut where it is no longer fixed. What a footprint
// names is equal, the result is: a policy is a function of these values and of its data,
// unless it is impure.
type footprint struct {
	// parts are the members of the input that are read, by name.
	parts []part
	// whole is where a rule reads the input as such, be it by an unknown name.
	whole *ast.Location
	// impure is the first call whose result differs from time to time, by name.
	impure map[string]*ast.Location
	// ages is whether factor ages are only compared with what is asked: the library reads
	// them, and no other rule reads them or asks the library for anything.
	ages bool
}

// A part is one member of the input, and the paths below it that are read.
type part struct {
	name  string
	paths []inputPath
}

// An inputPath leads to a value of the input below a part; the part itself where names is
// empty.
type inputPath struct {
	names []*ast.Term
	text  string // input.a.b
	at    *ast.Location
	// replaced is where only a with replaces what is there. Its result still differs by
	// whether there are objects around it.
	replaced bool
}

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
	w.f.ages = w.f.ages && (w.library || ref[0].Value.(ast.String) != "factor_age")
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
		name := string(p.names[0].Value.(ast.String))
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

// reads reports whether a path leads to what is at names, to something in it, or around
// it.
func (f *footprint) reads(names ...string) bool {
	if f.whole != nil {
		return true
	}
	i := slices.IndexFunc(f.parts, func(p part) bool { return p.name == names[0] })
	return i >= 0 && slices.ContainsFunc(f.parts[i].paths, func(p inputPath) bool {
		return !p.replaced && leads(p.names, names[1:])
	})
}

// leads reports whether one of two paths is the beginning of the other.
func leads(path []*ast.Term, names []string) bool {
	for i := range min(len(path), len(names)) {
		if string(path[i].Value.(ast.String)) != names[i] {
			return false
		}
	}
	return true
}

// unshared says why decisions are not remembered, and is empty where they are.
func (f *footprint) unshared() []string {
	var why []string
	if f.whole != nil {
		why = append(why, "reads input as a whole, and the clock in it"+where(f.whole))
	} else if f.reads("now") {
		i := slices.IndexFunc(f.parts, func(p part) bool { return p.name == "now" })
		why = append(why, "reads input.now"+where(f.parts[i].paths[0].at))
	}
	for _, name := range sortedNames(f.impure) {
		why = append(why, "calls "+name+where(f.impure[name]))
	}
	return why
}

// where is a place for a sentence.
func where(at *ast.Location) string {
	if text := placeOf(at); text != "" {
		return " (" + text + ")"
	}
	return ""
}

// placeOf is file and line, empty where they are not known. The library's files are below
// a name of their own.
func placeOf(at *ast.Location) string {
	if at == nil || at.File == "" {
		return ""
	}
	file := at.File
	if rest, ok := strings.CutPrefix(file, libraryName); ok {
		file = "library:" + rest
	}
	return fmt.Sprintf("%s:%d", file, at.Row)
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
