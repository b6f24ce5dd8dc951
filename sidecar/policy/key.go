package policy

import (
	"encoding/binary"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A key is what an entrypoint reads of one input, in bytes: two inputs have the same key
// only if they are equal in all that is read. Each value stands with its type and its
// length, and a path that ends before its last name with the depth where it ends and the
// kind of what is there instead of an object, so that no key is the beginning of another,
// and none can be read in two ways.
//
// Numbers are equal if their digits are: a policy may print them.

// The marks of a key.
const (
	markNull    = 'n'
	markTrue    = 't'
	markFalse   = 'f'
	markNumber  = 'd'
	markString  = 's'
	markArray   = 'a'
	markObject  = 'o'
	markValue   = 'v' // a path leads to a value, which follows
	markEnd     = 'e' // a path ends; the depth and the kind follow
	markMissing = 'm' // a part of the input is not there
	markPart    = 'p' // a part of the input is there; its paths follow
	markJSON    = 'j' // a text of JSON
	markAges    = 'g' // what two factor ages come to
	markOther   = 0   // what no input has: sets, for one
)

// appendPart appends the paths of one part of the input. A nil value is a part that is not
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
			return appendEnd(dst, depth, kindOf(value)), true
		}
		value = member.Value
	}
	return appendValue(append(dst, markValue), value)
}

// kindOf is the mark of a value's type.
func kindOf(value ast.Value) byte {
	switch v := value.(type) {
	case ast.Null:
		return markNull
	case ast.Boolean:
		if v {
			return markTrue
		}
		return markFalse
	case ast.Number:
		return markNumber
	case ast.String:
		return markString
	case *ast.Array:
		return markArray
	case ast.Object:
		return markObject
	default:
		return markOther
	}
}

// appendValue appends a whole value.
func appendValue(dst []byte, value ast.Value) (key []byte, ok bool) {
	dst = append(dst, kindOf(value))
	switch v := value.(type) {
	case ast.Null, ast.Boolean:
	case ast.Number:
		dst = appendText(dst, string(v))
	case ast.String:
		dst = appendText(dst, string(v))
	case *ast.Array:
		dst = appendLength(dst, v.Len())
		for i := range v.Len() {
			if dst, ok = appendValue(dst, v.Elem(i).Value); !ok {
				return dst, false
			}
		}
	case ast.Object:
		return appendObject(appendLength(dst, v.Len()), v)
	default:
		return dst, false
	}
	return dst, true
}

// appendObject appends names and members in the order that OPA keeps them in, which is one
// and the same for equal objects.
func appendObject(dst []byte, object ast.Object) (key []byte, ok bool) {
	ok = true
	object.Foreach(func(name, member *ast.Term) {
		if ok {
			dst, ok = appendValue(dst, name.Value)
		}
		if ok {
			dst, ok = appendValue(dst, member.Value)
		}
	})
	return dst, ok
}

// appendEnd appends where a path ends.
func appendEnd(dst []byte, depth int, kind byte) []byte {
	return append(appendLength(append(dst, markEnd), depth), kind)
}

// appendText appends a text behind its length.
func appendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	return append(appendLength(dst, len(text)), text...)
}

func appendLength(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }
