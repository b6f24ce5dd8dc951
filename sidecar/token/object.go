package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds how deep objects and arrays may nest, so that whoever walks the claims
// later cannot be made to recurse far.
const maxDepth = 64

// eachMember calls f for every member of the JSON object that is the whole of data, in
// order. Both parts are only valid during the call. It is an error if data is anything but
// one object: names that repeat at any depth, bytes that are not UTF-8, lone surrogates,
// white space or data around the object, deep nesting. An error of f ends the walk.
func eachMember(data []byte, f func(name []byte, value jsontext.Value) error) error {
	var m Members
	if !m.Scan(data) {
		return eachMemberRead(data, f)
	}
	for i := range m.Len() {
		if err := f(m.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// eachMemberRead is [eachMember] by the library, which has the last word on what
// [Members.Scan] does not take. It may call f before it finds an error.
func eachMemberRead(data []byte, f func(name []byte, value jsontext.Value) error) error {
	if len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' {
		return errors.New("not one JSON object and nothing else")
	}
	if !nestsWithin(data, maxDepth) {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	if _, err := dec.ReadToken(); err != nil {
		return syntax(err)
	}
	for dec.PeekKind() == '"' {
		tok, err := dec.ReadToken()
		if err != nil {
			return syntax(err)
		}
		name := []byte(tok.String())
		value, err := dec.ReadValue()
		if err != nil {
			return syntax(err)
		}
		if err := f(name, value); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return syntax(err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("data after the JSON object")
	}
	return nil
}

// syntax keeps of a syntax error what does not quote the input: where it is, and whether
// it is a name that repeats.
func syntax(err error) error {
	se, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("a member name repeats before byte %d", se.ByteOffset)
	case ok:
		return fmt.Errorf("not valid JSON at byte %d", se.ByteOffset)
	default:
		return errors.New("JSON ends too early")
	}
}

// nestsWithin reports whether no bracket in data lies deeper than limit. It is exact for
// valid JSON; for anything else a strict parse follows.
func nestsWithin(data []byte, limit int) bool {
	depth, quoted := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return false
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return true
}

// A text is a member that ought to be a string.
type text struct {
	value   string
	present bool // the member is there, whatever its type
	ok      bool // and is a string
}

// textOf reads value, which the strict parse has already accepted.
func textOf(value jsontext.Value) text {
	if value.Kind() != '"' {
		return text{present: true}
	}
	if plain := value[1 : len(value)-1]; bytes.IndexByte(plain, '\\') < 0 {
		return text{value: string(plain), present: true, ok: true}
	}
	unquoted, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return text{present: true}
	}
	return text{value: string(unquoted), present: true, ok: true}
}

// stringList reads an array of nothing but strings.
func stringList(value jsontext.Value) ([]string, error) {
	if value.Kind() != '[' {
		return nil, errors.New("not an array")
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(value))
	if _, err := dec.ReadToken(); err != nil {
		return nil, syntax(err)
	}
	var list []string
	for dec.PeekKind() != ']' {
		element, err := dec.ReadValue()
		if err != nil {
			return nil, syntax(err)
		}
		t := textOf(element)
		if !t.ok {
			return nil, errors.New("an array with an element that is not a string")
		}
		list = append(list, t.value)
	}
	return list, nil
}
