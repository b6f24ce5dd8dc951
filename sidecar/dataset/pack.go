package dataset

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

const (
	// shareable is the longest number or text, in bytes, that is looked for again.
	shareable = 64
	// noted bounds how many different ones are: ids and names come once each.
	noted = 1 << 16
)

// pack makes a table of a large value.
func pack(value any) (*table, error) {
	p := &packer{seen: map[tagged]int{}}
	if err := p.value(value); err != nil {
		return nil, err
	}
	if uint64(len(p.out)) > math.MaxUint32 {
		return nil, fmt.Errorf("%d bytes of data in one list or object", len(p.out))
	}
	return &table{packed: string(p.out), shared: p.shared}, nil
}

// A packer writes a table.
type packer struct {
	out    []byte
	shared []*ast.Term
	// seen has each number and text with its index in shared, or -1 where it came once.
	seen map[tagged]int
}

type tagged struct {
	tag  byte
	text string
}

func (p *packer) value(value any) error {
	switch value := value.(type) {
	case nil:
		p.out = append(p.out, null)
	case bool:
		p.out = append(p.out, no)
		if value {
			p.out[len(p.out)-1] = yes
		}
	case string:
		p.scalar(text, value)
	case json.Number:
		if _, err := ast.NumberChecked(string(value)); err != nil {
			return err
		}
		p.scalar(number, string(value))
	case []any:
		return p.members(array, len(value), func(i int) error { return p.value(value[i]) })
	case map[string]any:
		return p.object(value)
	default:
		return p.other(value)
	}
	return nil
}

func (p *packer) object(value map[string]any) error {
	names := slices.AppendSeq(make([]string, 0, len(value)), maps.Keys(value))
	slices.Sort(names)
	return p.members(object, len(names), func(i int) error {
		// The names of many members are ids.
		if len(names) < many {
			p.scalar(text, names[i])
		} else {
			p.plain(text, names[i])
		}
		return p.value(value[names[i]])
	})
}

// members writes an array or object of n members.
func (p *packer) members(tag byte, n int, member func(i int) error) error {
	start := len(p.out)
	p.out = append(p.out, tag, 0, 0, 0, 0)
	p.out = binary.LittleEndian.AppendUint32(p.out, uint32(n))
	index := len(p.out)
	if n >= indexed {
		p.out = append(p.out, make([]byte, 4*n)...)
	}
	for i := range n {
		if n >= indexed {
			binary.LittleEndian.PutUint32(p.out[index+4*i:], uint32(len(p.out)-start))
		}
		if err := member(i); err != nil {
			return err
		}
	}
	binary.LittleEndian.PutUint32(p.out[start+1:], uint32(len(p.out)-start))
	return nil
}

// scalar writes a number or text, shared from the second time on.
func (p *packer) scalar(tag byte, s string) {
	if len(s) > shareable {
		p.plain(tag, s)
		return
	}
	key := tagged{tag, s}
	index, again := p.seen[key]
	if !again {
		if len(p.seen) < noted {
			p.seen[key] = -1
		}
		p.plain(tag, s)
		return
	}
	if index < 0 {
		index = len(p.shared)
		p.seen[key] = index
		p.shared = append(p.shared, scalar(tag, strings.Clone(s)))
	}
	p.out = binary.AppendUvarint(append(p.out, shared), uint64(index))
}

func (p *packer) plain(tag byte, s string) {
	p.out = binary.AppendUvarint(append(p.out, tag), uint64(len(s)))
	p.out = append(p.out, s...)
}

// other writes a value that no file of a bundle has, as the evaluator reads it.
func (p *packer) other(value any) error {
	made, err := ast.InterfaceToValue(value)
	if err != nil {
		return err
	}
	plain, err := ast.JSON(made)
	if err != nil {
		return err
	}
	return p.value(plain)
}
