package session

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A pointer is a JSON pointer as its unescaped tokens (RFC 6901 section 3). The nil
// pointer points nowhere, not at the whole document.
type pointer []string

// parsePointer reads a pointer. The empty text is the nil pointer.
func parsePointer(s string) (pointer, error) {
	if s == "" {
		return nil, nil
	}
	if s[0] != '/' {
		return nil, errors.New("a JSON pointer starts with /")
	}
	if !jsontext.Pointer(s).IsValid() {
		return nil, errors.New("not a JSON pointer: ~ must be written ~0, / within a name ~1")
	}
	return slices.Collect(jsontext.Pointer(s).Tokens()), nil
}

// String is p as it was written.
func (p pointer) String() string {
	var s jsontext.Pointer
	for _, t := range p {
		s = s.AppendToken(t)
	}
	return string(s)
}

// find is the value that p points at in raw, nil where there is none.
func (p pointer) find(raw jsontext.Value) jsontext.Value {
	if p == nil {
		return nil
	}
	for _, t := range p {
		switch raw.Kind() {
		case '{':
			raw = member(raw, t)
		case '[':
			raw = element(raw, t)
		default:
			return nil
		}
	}
	return raw
}

// member is the value of one name in an object, nil without it.
func member(raw jsontext.Value, name string) (found jsontext.Value) {
	eachMember(raw, func(n []byte, value jsontext.Value) {
		if string(n) == name {
			found = value
		}
	})
	return found
}

// element is one element of an array, nil beyond its end. An index has no sign and no
// leading zero (RFC 6901 section 4).
func element(raw jsontext.Value, index string) jsontext.Value {
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 || strings.Trim(index, "0123456789") != "" || len(index) > 1 && index[0] == '0' {
		return nil
	}
	var elements []jsontext.Value
	if json.Unmarshal(raw, &elements) != nil || i >= len(elements) {
		return nil
	}
	return elements[i]
}
