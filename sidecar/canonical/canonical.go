// Package canonical writes values of the evaluator as octets: equal values as the same
// ones, and others never. Each value stands with its type and its length, so that none is
// the beginning of another and none can be read in two ways. Numbers are equal if their
// digits are: a policy may print them.
package canonical

import (
	"encoding/binary"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The kinds of values.
const (
	Null   = 'n'
	True   = 't'
	False  = 'f'
	Number = 'd'
	String = 's'
	Array  = 'a'
	Object = 'o'
	// Other is what JSON does not have, sets for one. It cannot be written.
	Other = 0
)

// Kind is the kind of a value.
func Kind(value ast.Value) byte {
	switch v := value.(type) {
	case ast.Null:
		return Null
	case ast.Boolean:
		if v {
			return True
		}
		return False
	case ast.Number:
		return Number
	case ast.String:
		return String
	case *ast.Array:
		return Array
	case ast.Object:
		return Object
	default:
		return Other
	}
}

// Append appends a whole value. It returns ok false where something in it cannot be
// written.
func Append(dst []byte, value ast.Value) (out []byte, ok bool) {
	dst = append(dst, Kind(value))
	switch v := value.(type) {
	case ast.Null, ast.Boolean:
	case ast.Number:
		dst = AppendText(dst, string(v))
	case ast.String:
		dst = AppendText(dst, string(v))
	case *ast.Array:
		dst = AppendLength(dst, v.Len())
		for i := range v.Len() {
			if dst, ok = Append(dst, v.Elem(i).Value); !ok {
				return dst, false
			}
		}
	case ast.Object:
		return appendObject(AppendLength(dst, v.Len()), v)
	default:
		return dst, false
	}
	return dst, true
}

// appendObject appends names and members in the order that OPA keeps them in, which is one
// and the same for equal objects.
func appendObject(dst []byte, object ast.Object) (out []byte, ok bool) {
	ok = true
	object.Foreach(func(name, member *ast.Term) {
		if ok {
			dst, ok = Append(dst, name.Value)
		}
		if ok {
			dst, ok = Append(dst, member.Value)
		}
	})
	return dst, ok
}

// AppendText appends a text behind its length.
func AppendText[T ~string | ~[]byte](dst []byte, text T) []byte {
	return append(AppendLength(dst, len(text)), text...)
}

// AppendLength appends a length or another number that is not negative.
func AppendLength(dst []byte, n int) []byte { return binary.AppendUvarint(dst, uint64(n)) }
