package dataset

import (
	"maps"
	"slices"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// A node is one value of the data, with all below it.
type node interface {
	// read is the value at a path below the node, if there is one.
	read(path []string) (ast.Value, bool)
	// blocks reports whether a rule cannot stand at a path below the node.
	blocks(path []string) bool
	// digest stands for what is at a path, be it nothing; it is false where none can.
	digest(path []string) (digest, bool)
	// bytes is about how many bytes a path's value is kept in, 0 where there is none.
	bytes(path []string) int
}

// many is how many values make packing worth it.
const many = 256

// place chooses how a value is kept: as it is where it is small; packed where it has many
// members; and else as one node for each member, so that a large one does not take its
// small neighbours with it.
func place(value any) (node, error) {
	members, object := value.(map[string]any)
	_, array := value.([]any)
	switch {
	case !object && !array, count(value, many) < many:
		made, err := ast.InterfaceToValue(value)
		return leaf{made}, err
	case array || len(members) >= many:
		return pack(value)
	}
	f := &fork{members: make(map[string]node, len(members))}
	for name, member := range members {
		n, err := place(member)
		if err != nil {
			return nil, err
		}
		f.members[name] = n
	}
	return f, nil
}

// count is how many values a value has in it, counted up to most.
func count(value any, most int) int {
	n := 1
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			if n >= most {
				break
			}
			n += count(element, most-n)
		}
	case map[string]any:
		for _, member := range value {
			if n >= most {
				break
			}
			n += count(member, most-n)
		}
	}
	return n
}

// A leaf is a value that is kept as the evaluator's.
type leaf struct{ value ast.Value }

func (l leaf) read(path []string) (ast.Value, bool) {
	value, end := l.find(path)
	return value, end == len(path)
}

func (l leaf) blocks(path []string) bool {
	value, end := l.find(path)
	_, object := value.(ast.Object)
	return end == len(path) || !object
}

// find follows a path as far as it leads: end is how many of its names that are.
func (l leaf) find(path []string) (value ast.Value, end int) {
	key := ast.TermPtrPool.Get()
	defer ast.TermPtrPool.Put(key)
	value = l.value
	for _, name := range path {
		var next *ast.Term
		switch at := value.(type) {
		case ast.Object:
			key.Value = ast.String(name)
			next = at.Get(key)
		case *ast.Array:
			if i, ok := util.Atoi(name); ok && i >= 0 && i < at.Len() {
				next = at.Elem(i)
			}
		}
		if next == nil {
			break
		}
		value = next.Value
		end++
	}
	return value, end
}

// A fork is an object of few members, one of them large.
type fork struct {
	members map[string]node
	once    sync.Once
	object  ast.Object
}

func (f *fork) read(path []string) (ast.Value, bool) {
	if len(path) == 0 {
		f.once.Do(f.make)
		return f.object, true
	}
	n, ok := f.members[path[0]]
	if !ok {
		return nil, false
	}
	return n.read(path[1:])
}

// make is the object of all members, each of them whole.
func (f *fork) make() {
	pairs := make([][2]*ast.Term, 0, len(f.members))
	for _, name := range slices.Sorted(maps.Keys(f.members)) {
		value, _ := f.members[name].read(nil)
		pairs = append(pairs, ast.Item(ast.InternedTerm(name), ast.NewTerm(value)))
	}
	f.object = ast.NewObject(pairs...)
}

func (f *fork) blocks(path []string) bool {
	if len(path) == 0 {
		return true
	}
	n, ok := f.members[path[0]]
	return ok && n.blocks(path[1:])
}
