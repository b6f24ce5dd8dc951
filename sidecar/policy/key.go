package policy

import (
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/canonical"
)

// A key is what an entrypoint reads of one input, in bytes: two inputs have the same key
// only if they are equal in all that is read. A path that ends before its last name stands
// with the depth where it ends and the kind of what is there instead of an object.

// The marks of a key, besides those of package canonical.
const (
	markValue   = 'v' // a path leads to a value, which follows
	markEnd     = 'e' // a path ends; the depth and the kind follow
	markMissing = 'm' // a part of the input is not there
	markPart    = 'p' // a part of the input is there; its paths follow
	markJSON    = 'j' // a text of JSON
	markAges    = 'g' // what two factor ages come to
)

// append appends the paths of one part of the input. A nil value is a part that is not
// there. It returns ok false for what has no key.
func (p *part) append(dst []byte, value ast.Value) (key []byte, ok bool) {
	if value == nil {
		return append(dst, markMissing), true
	}
	dst = append(dst, markPart)
	for i := range p.paths {
		if dst, ok = appendPath(dst, value, p.paths[i].names); !ok {
			return dst, false
		}
	}
	return dst, true
}

// appendPath appends what a path leads to.
func appendPath(dst []byte, value ast.Value, names []*ast.Term) ([]byte, bool) {
	for depth, name := range names {
		object, ok := value.(ast.Object)
		var member *ast.Term
		if ok {
			member = object.Get(name)
		}
		if member == nil {
			return appendEnd(dst, depth, canonical.Kind(value)), true
		}
		value = member.Value
	}
	return canonical.Append(append(dst, markValue), value)
}

// appendEnd appends where a path ends.
func appendEnd(dst []byte, depth int, kind byte) []byte {
	return append(canonical.AppendLength(append(dst, markEnd), depth), kind)
}
