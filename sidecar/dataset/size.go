package dataset

import (
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// Size is about how many bytes the value at a path is kept in, 0 where there is none. It
// makes no value: whoever lets others choose what is read can ask first.
func (s *Store) Size(path storage.Path) int { return s.root.bytes(path) }

func (l leaf) bytes(path []string) int {
	value, end := l.find(path)
	if end < len(path) {
		return 0
	}
	return bytesOf(value)
}

// bytesOf adds up texts and numbers, and one byte for every value.
func bytesOf(value ast.Value) int {
	n := 1
	switch value := value.(type) {
	case ast.String:
		n += len(value)
	case ast.Number:
		n += len(value)
	case *ast.Array:
		value.Foreach(func(element *ast.Term) { n += bytesOf(element.Value) })
	case ast.Object:
		value.Foreach(func(name, member *ast.Term) { n += bytesOf(name.Value) + bytesOf(member.Value) })
	}
	return n
}

func (f *fork) bytes(path []string) int {
	if len(path) > 0 {
		n, ok := f.members[path[0]]
		if !ok {
			return 0
		}
		return n.bytes(path[1:])
	}
	n := 1
	for name, member := range f.members {
		n += len(name) + member.bytes(nil)
	}
	return n
}

func (t *table) bytes(path []string) int {
	at, end := t.find(path)
	if end < len(path) {
		return 0
	}
	return t.skip(at) - at
}
