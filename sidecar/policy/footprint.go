package policy

import (
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
		if nameOf(path[i]) != names[i] {
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
