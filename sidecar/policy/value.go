package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"

	"postern/sidecar/request"
)

// valueOf reads JSON as the value that policy sees. Numbers keep their digits. Names
// must be unique and text valid UTF-8, as jsontext demands.
func valueOf(raw jsontext.Value) (ast.Value, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	v, err := readValue(dec)
	if err != nil {
		return nil, fmt.Errorf("read JSON value: %w", err)
	}
	return v, nil
}

func readValue(dec *jsontext.Decoder) (ast.Value, error) {
	token, err := dec.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case 'n':
		return ast.NullValue, nil
	case 't', 'f':
		return ast.Boolean(token.Bool()), nil
	case '"':
		return ast.String(token.String()), nil
	case '0':
		if !request.PlainNumber(token.String()) {
			return nil, errors.New("a number is too long or out of range")
		}
		return ast.Number(json.Number(token.String())), nil
	case '[':
		return readArray(dec)
	default:
		return readObject(dec)
	}
}

// readArray reads on behind the opening bracket, up to and with the closing one.
func readArray(dec *jsontext.Decoder) (ast.Value, error) {
	var terms []*ast.Term
	for dec.PeekKind() != ']' {
		v, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		terms = append(terms, ast.NewTerm(v))
	}
	_, err := dec.ReadToken()
	return ast.NewArray(terms...), err
}

// readObject reads on behind the opening brace, up to and with the closing one.
func readObject(dec *jsontext.Decoder) (ast.Value, error) {
	object := ast.NewObject()
	for dec.PeekKind() != '}' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, err
		}
		key := ast.StringTerm(name.String())
		v, err := readValue(dec)
		if err != nil {
			return nil, err
		}
		object.Insert(key, ast.NewTerm(v))
	}
	_, err := dec.ReadToken()
	return object, err
}

// plainValue reads values as package encoding/json has them, with JSON among them that is
// not read yet.
func plainValue(x any) (ast.Value, error) {
	switch x := x.(type) {
	case jsontext.Value:
		return valueOf(x)
	case []any:
		terms := make([]*ast.Term, len(x))
		for i, element := range x {
			v, err := plainValue(element)
			if err != nil {
				return nil, err
			}
			terms[i] = ast.NewTerm(v)
		}
		return ast.NewArray(terms...), nil
	case map[string]any:
		object := ast.NewObject()
		for name, member := range x {
			v, err := plainValue(member)
			if err != nil {
				return nil, err
			}
			object.Insert(ast.StringTerm(name), ast.NewTerm(v))
		}
		return object, nil
	default:
		return ast.InterfaceToValue(x)
	}
}

// stringsOf is an array of strings.
func stringsOf(list []string) *ast.Term {
	terms := make([]*ast.Term, len(list))
	for i, s := range list {
		terms[i] = ast.StringTerm(s)
	}
	return ast.ArrayTerm(terms...)
}

// member is one entry for an object.
func member(key string, value *ast.Term) [2]*ast.Term {
	return [2]*ast.Term{ast.InternedTerm(key), value}
}

// jsonNumber names the type that OPA takes numbers as.
type jsonNumber = json.Number
