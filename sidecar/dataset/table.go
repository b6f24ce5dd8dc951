package dataset

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// A table is one large value, packed. In packed, a value is a tag and what follows it:
//
//	null, no, yes
//	number, text      length (varint), digits or characters
//	shared            index in shared (varint)
//	array, object     size from the tag to the end, how many members, and, where they are
//	                  indexed or more, the offset of each from the tag (4 bytes each, the
//	                  low one first); then the elements, or names and values in the order
//	                  of the names
//
// Shared are the numbers and texts that came more than once, as the evaluator's terms: all
// organizations together have a few plans.
type table struct {
	packed string
	shared []*ast.Term
	// made are the larger arrays and objects that were read, by offset: a policy that goes
	// through all organizations finds them made from the second time on.
	made  sync.Map     // of int to func() ast.Value
	count atomic.Int64 // of those that were made, besides the whole table
	keeps atomic.Int64 // bytes of packed that they stand for, which may be in several

	hashed sync.Once
	sum    digest
}

const (
	null = iota
	no
	yes
	number
	text
	shared
	array
	object
)

const (
	// indexed is how many members make an array or object find them by an index.
	indexed = 16
	// kept is the size, in packed bytes, from which a value that was made is kept.
	kept = 256
	// maxMade is how many values of a table are kept besides the whole: what sessions read of
	// it, one after the other, could come to all of it, many times over. What is kept stands
	// for no more bytes than the whole has, either.
	maxMade = 1 << 10
)

func (t *table) read(path []string) (ast.Value, bool) {
	at, end := t.find(path)
	if end < len(path) {
		return nil, false
	}
	return t.value(at), true
}

func (t *table) blocks(path []string) bool {
	at, end := t.find(path)
	return end == len(path) || t.packed[at] != object
}

// find follows a path as far as it leads: end is how many of its names that are.
func (t *table) find(path []string) (at, end int) {
	for _, name := range path {
		next := -1
		switch t.packed[at] {
		case object:
			next = t.member(at, name)
		case array:
			if i, ok := util.Atoi(name); ok && i >= 0 && i < t.members(at) {
				next = t.element(at, i)
			}
		}
		if next < 0 {
			break
		}
		at = next
		end++
	}
	return at, end
}

// member is where the value of a name of the object at an offset is, or -1.
func (t *table) member(at int, name string) int {
	n := t.members(at)
	if n < indexed {
		next := t.first(at)
		for range n {
			own, value := t.name(next)
			if own == name {
				return value
			}
			next = t.skip(value)
		}
		return -1
	}
	low, high := 0, n
	for low < high {
		middle := (low + high) / 2
		own, value := t.name(t.element(at, middle))
		switch {
		case own == name:
			return value
		case own < name:
			low = middle + 1
		default:
			high = middle
		}
	}
	return -1
}

// element is where the element of a number, or the name of the member, is.
func (t *table) element(at, i int) int {
	if t.members(at) >= indexed {
		return at + t.uint32(t.index(at)+4*i)
	}
	next := t.first(at)
	for range i {
		next = t.skip(next)
	}
	return next
}

// The parts of the array or object at an offset.
func (t *table) size(at int) int    { return t.uint32(at + 1) }
func (t *table) members(at int) int { return t.uint32(at + 5) }
func (t *table) index(at int) int   { return at + 9 }

// first is where its first element or name is.
func (t *table) first(at int) int {
	if n := t.members(at); n >= indexed {
		return t.index(at) + 4*n
	}
	return t.index(at)
}

// name is the text at an offset, and where it ends.
func (t *table) name(at int) (string, int) {
	n, next := t.varint(at + 1)
	if t.packed[at] == shared {
		return string(t.shared[n].Value.(ast.String)), next
	}
	return t.packed[next : next+n], next + n
}

// skip is where the value at an offset ends.
func (t *table) skip(at int) int {
	switch t.packed[at] {
	case number, text:
		n, next := t.varint(at + 1)
		return next + n
	case shared:
		_, next := t.varint(at + 1)
		return next
	case array, object:
		return at + t.size(at)
	}
	return at + 1
}

// value makes the value at an offset.
func (t *table) value(at int) ast.Value {
	if tag := t.packed[at]; tag != array && tag != object || t.size(at) < kept {
		return t.term(at).Value
	}
	if made, ok := t.made.Load(at); ok {
		return made.(func() ast.Value)()
	}
	if at > 0 && !t.keep(at) {
		return t.term(at).Value
	}
	made, _ := t.made.LoadOrStore(at, sync.OnceValue(func() ast.Value { return t.term(at).Value }))
	return made.(func() ast.Value)()
}

// keep reports whether there is room to keep the value at an offset, and takes it.
func (t *table) keep(at int) bool {
	size := int64(t.size(at))
	if t.keeps.Add(size) > int64(len(t.packed)) {
		t.keeps.Add(-size)
		return false
	}
	return t.count.Add(1) <= maxMade
}

// term makes a term of the value at an offset. It shares no memory with packed, which what
// is remembered of a decision would hold on to.
func (t *table) term(at int) *ast.Term {
	switch t.packed[at] {
	case null:
		return ast.InternedNullTerm
	case no, yes:
		return ast.InternedTerm(t.packed[at] == yes)
	case shared:
		n, _ := t.varint(at + 1)
		return t.shared[n]
	case number, text:
		n, next := t.varint(at + 1)
		return scalar(t.packed[at], strings.Clone(t.packed[next:next+n]))
	}
	n, next := t.members(at), t.first(at)
	if t.packed[at] == array {
		elements := make([]*ast.Term, n)
		for i := range elements {
			elements[i] = t.term(next)
			next = t.skip(next)
		}
		return ast.NewTerm(ast.NewArray(elements...))
	}
	members := make([][2]*ast.Term, n)
	for i := range members {
		_, value := t.name(next)
		members[i] = [2]*ast.Term{t.term(next), t.term(value)}
		next = t.skip(value)
	}
	return ast.NewTerm(ast.NewObject(members...))
}

// scalar is the term of a number or text.
func scalar(tag byte, s string) *ast.Term {
	if tag == text {
		return ast.StringTerm(s)
	}
	return ast.NewTerm(ast.Number(s))
}

// uint32 reads four bytes, the low one first.
func (t *table) uint32(at int) int {
	b := t.packed[at : at+4]
	return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 | int(b[3])<<24
}

// varint reads a number of seven bits to the byte, as package encoding/binary writes it.
func (t *table) varint(at int) (n, next int) {
	for shift := 0; ; shift += 7 {
		b := t.packed[at]
		at++
		n |= int(b&0x7f) << shift
		if b < 0x80 {
			return n, at
		}
	}
}
