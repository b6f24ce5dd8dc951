package openapi

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// A member is one of an object's.
type member struct {
	name  string
	value jsontext.Value
}

// edit is an object with each member as change returns it, in the same order and without
// white space. Members for which change says false are left out.
func edit(object jsontext.Value, change func(member) (member, bool, error)) (jsontext.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil, fmt.Errorf("no object: %.40s: %w", object, err)
	}
	edited := []byte{'{'}
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		m := member{name: name.String()}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		m.value = value.Clone()
		if err := m.value.Compact(); err != nil {
			return nil, err
		}
		m, keep, err := change(m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if !keep {
			continue
		}
		if len(edited) > 1 {
			edited = append(edited, ',')
		}
		if edited, err = jsontext.AppendQuote(edited, m.name); err != nil {
			return nil, err
		}
		edited = append(append(edited, ':'), m.value...)
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	return append(edited, '}'), nil
}
